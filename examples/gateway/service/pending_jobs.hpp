// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_SERVICE_PENDING_JOBS_HPP
#define GATEWAY_SERVICE_PENDING_JOBS_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include <dispatch/semaphore.hpp>
#include <gateway/base/net.hpp>
#include <gateway/http/body_bound.hpp>

namespace gateway {

/// How many jobs may be pending, and how large their requests may be together, with those that arrive. Thread-safe;
/// must outlive its slots and whoever waits.
class PendingJobs final : public BodyBound {
  public:
    /// The room that a pending job takes. Gives it back when it is destroyed, on any thread.
    class Slot {
      public:
        Slot(Slot&& other) noexcept
            : owner_{std::exchange(other.owner_, nullptr)}, permit_{std::move(other.permit_)}, bytes_{other.bytes_} {}
        Slot& operator=(Slot&&) = delete;
        ~Slot() {
            if (owner_ != nullptr) {
                owner_->leave(bytes_);  // first: whoever gets the permit finds the bytes gone
            }
        }

      private:
        friend PendingJobs;
        Slot(PendingJobs& owner, dispatch::Permit permit, std::uint64_t bytes)
            : owner_{&owner}, permit_{std::move(permit)}, bytes_{bytes} {}

        PendingJobs* owner_;
        dispatch::Permit permit_;
        std::uint64_t bytes_;
    };

    PendingJobs(const net::any_io_executor& executor, std::size_t max_jobs, std::uint64_t max_bytes);
    PendingJobs(const PendingJobs&) = delete;
    PendingJobs& operator=(const PendingJobs&) = delete;

    /// Room for a job, if there is any.
    std::optional<Slot> try_enter(std::uint64_t bytes);

    /// Room for a job that was accepted before: waits until one of the others has ended, and takes its bytes
    /// as they are. Throws operation_aborted after cancel_waiting().
    net::awaitable<Slot> enter(std::uint64_t bytes);
    void cancel_waiting() { permits_.cancel(); }

    bool try_take(std::uint64_t bytes) override;
    void give_back(std::uint64_t bytes) override { bytes_ -= bytes; }
    [[nodiscard]] bool has_room_for(std::uint64_t bytes) const override;

    /// Waits until none is left (true) or end has come (false). One waiter at a time.
    net::awaitable<bool> wait_until_none(Clock::time_point end);

    [[nodiscard]] std::size_t jobs() const { return jobs_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  private:
    Slot make_slot(dispatch::Permit permit, std::uint64_t bytes);
    void leave(std::uint64_t bytes);
    net::awaitable<bool> wait_on_strand(Clock::time_point end);

    const std::uint64_t max_bytes_;
    dispatch::Semaphore permits_;
    std::atomic<std::size_t> jobs_{0};
    std::atomic<std::uint64_t> bytes_{0};
    net::any_io_executor strand_;
    /// Used on strand_ alone; shared with what the last slot posts there, which may come after this is gone.
    std::shared_ptr<net::steady_timer> none_;
};

}  // namespace gateway

#endif  // GATEWAY_SERVICE_PENDING_JOBS_HPP
