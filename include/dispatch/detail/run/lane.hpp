// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_LANE_HPP
#define DISPATCH_DETAIL_RUN_LANE_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/run/lane_scheduler.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Where a coroutine waits until somebody resumes it by hand.
class Parker {
  public:
    Parker() = default;
    Parker(const Parker&) = delete;
    Parker& operator=(const Parker&) = delete;
    ~Parker() { abandon(); }

    /// Suspends the calling coroutine until resume(), when it is awaited. Needs no memory.
    template <typename Executor>
    auto park() {
        return suspended<Executor>([this](auto&& handler) { this->occupy(std::move(handler)); });
    }

    /// Runs the parked coroutine, here and now, until it suspends again.
    void resume() { std::exchange(use_, nullptr)(place_, Use::resume); }

    /// Lets go of the parked coroutine, if there is one: it is unwound on its executor.
    void abandon() noexcept {
        if (use_ != nullptr) {
            std::exchange(use_, nullptr)(place_, Use::destroy);
        }
    }

  private:
    enum class Use { resume, destroy };

    template <typename Handler>
    void occupy(Handler&& handler) {
        using Parked = std::decay_t<Handler>;
        static_assert(sizeof(Parked) <= sizeof(place_) && alignof(Parked) <= alignof(std::max_align_t));
        ::new (static_cast<void*>(place_)) Parked{std::forward<Handler>(handler)};
        use_ = [](std::byte* place, Use use) {
            Parked& parked = *std::launder(reinterpret_cast<Parked*>(place));
            Parked handler_out{std::move(parked)};
            parked.~Parked();
            if (use == Use::resume) {
                std::move(handler_out)();
            }
        };
    }

    void (*use_)(std::byte*, Use) = nullptr;
    alignas(std::max_align_t) std::byte place_[64];
};

/// Where coroutines wait of which no service of the execution context knows: those that read and write a job's stream.
class WaitingRoom {
  public:
    /// Destroys them: the context shuts down.
    virtual void destroy_waiters() noexcept = 0;

  protected:
    ~WaitingRoom() = default;
};

/// One of a worker's coroutines, which runs one job after another. Used on the worker's strand only.
struct Lane : ScheduledLane {
    explicit Lane(std::uint32_t lane_number) noexcept : number{lane_number} {}

    /// Among the worker's lanes.
    const std::uint32_t number;
    Parker parker;
    /// Which of its worker's runs this is: goes up with each job.
    std::uint64_t run = 0;

    /// Keeps the worker from whose queue the present job comes, where that is another one: it goes on deciding what
    /// becomes of the job.
    std::shared_ptr<void> lender;

    /// That of the present job, while its handler runs; null for most types of jobs.
    WaitingRoom* waiting_room = nullptr;

    /// Who has cancelled the present job.
    enum class Cancelled { no, by_submitter, by_stop };
    Cancelled cancelled = Cancelled::no;
    bool was_cancelled() const noexcept { return cancelled != Cancelled::no; }

    /// The coroutine's cancellation state is not as a job must find it: it has been replaced by the
    /// handler (Watch tells) or used up by a cancellation.
    bool state_replaced = true;
    /// Parent of the lane's cancellation state, which calls Watch: it dies before state_replaced.
    net::cancellation_signal signal;

    void cancel(net::cancellation_type_t type, Cancelled by) {
        cancelled = by;
        signal.emit(type);
    }

    /// A cancellation filter that lets everything through, and tells when the cancellation state that
    /// it belongs to is gone.
    class Watch {
      public:
        explicit Watch(bool& gone) noexcept : gone_{&gone} {}
        Watch(const Watch&) = default;
        Watch& operator=(const Watch&) = default;
        ~Watch() { *gone_ = true; }

        net::cancellation_type_t operator()(net::cancellation_type_t type) const noexcept { return type; }

      private:
        bool* gone_;
    };
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_LANE_HPP
