// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_TURNS_HPP
#define GATEWAY_UPSTREAM_TURNS_HPP

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include <boost/asio/steady_timer.hpp>

#include <gateway/base/net.hpp>
#include <gateway/upstream/pacer.hpp>
#include <gateway/upstream/wait_note.hpp>

namespace gateway {

/// The requests to one upstream take turns as a Pacer says. Thread-safe; must outlive its turns.
class Turns {
  public:
    class Turn;

    Turns(std::size_t max_under_way, const RetryOptions& backoff) : pacer_{max_under_way, backoff} {}
    Turns(const Turns&) = delete;
    Turns& operator=(const Turns&) = delete;

    struct Figures {
        std::size_t limit = 0;    ///< requests that may be under way at present
        std::size_t waiting = 0;  ///< that wait for their turn
    };
    [[nodiscard]] Figures figures() const;

  private:
    /// One who is in the line. What follows the timer is guarded by mutex_.
    struct Waiter {
        explicit Waiter(const net::any_io_executor& executor) : timer{executor} {}

        net::steady_timer timer;  ///< used on its executor alone
        std::optional<Pacer::Ticket> admitted;
        Clock::time_point until;  ///< it looks again by itself
    };
    using Line = std::map<std::uint64_t, std::shared_ptr<Waiter>>;

    /// Lets go who may, and sees to it that the first in the line looks again in time. Under mutex_.
    void settle(Clock::time_point now);
    static void wake(const std::shared_ptr<Waiter>& waiter);

    mutable std::mutex mutex_;
    Pacer pacer_;  ///< guarded by mutex_
    Line line_;    ///< guarded by mutex_; those who are in pacer_'s line
};

/// The turns of one request, which is sent until it is answered. Gives its place back when it is destroyed.
class Turns::Turn {
  public:
    /// executor: that of the coroutine that uses it, which must be a strand (or have one thread).
    Turn(Turns& turns, const net::any_io_executor& executor) : turns_{turns}, executor_{executor} {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { leave(); }

    /// Waits until the request may be sent, and says so in note. Cancellation: terminal, throws operation_aborted.
    net::awaitable<void> wait(WaitNote& note);

    /// It was sent, and: the upstream answered;
    void answered();
    /// it wants fewer requests (wait() again). Returns how many may be under way from now on;
    std::size_t refused(std::optional<std::chrono::milliseconds> retry_after, double chance);
    /// neither. The next wait() is at the end of the line.
    void leave();

  private:
    Turns& turns_;
    const net::any_io_executor executor_;
    std::optional<Pacer::Ticket> ticket_;  ///< it is under way, or in the line
    std::shared_ptr<Waiter> waiter_;       ///< it is in the line
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_TURNS_HPP
