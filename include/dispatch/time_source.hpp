// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TIME_SOURCE_HPP
#define DISPATCH_TIME_SOURCE_HPP

#include <chrono>
#include <type_traits>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// The clock and the timer of an executor: what a pool on that executor takes every time from, and waits with. The one
/// customization point for time: deadlines, the sessions' pins, JobContext::queued_for(), FinishedEvent::ran and the
/// time slices of busy workers follow it.
///
/// dispatch/simulation.hpp specializes it for simulation::Executor: prefer that for tests. Specialize it for an
/// executor type of your own if that keeps its own time. A specialization has
///   - `Clock`, whose time points are those of `std::chrono::steady_clock`, as deadlines are; its `now()` is called by
///     any thread;
///   - `Timer`, constructible from an Executor, with `expires_at(time_point)`, `cancel()` and `async_wait(callback)` as
///     `asio::steady_timer` has them: `expires_at()` and `cancel()` do not throw, `async_wait()` throws at the most
///     `std::bad_alloc`, after which it is called again, and callbacks are never called from within;
///   - optionally `static Clock::time_point now(const Executor&)`, for clocks that differ from one execution context to
///     another. The executor's context exists when it is called. (For how long a worker has had its thread, the
///     library asks `Clock::now()`.)
///
/// Specialize it before the first use of the executor type.
///
/// @tparam Executor The type on which workers are spawned.
template <typename Executor>
struct TimeSource {
    /// Tells the time.
    using Clock = std::chrono::steady_clock;
    /// Waits until a time of Clock.
    using Timer = net::basic_waitable_timer<Clock, net::wait_traits<Clock>, Executor>;
};

namespace detail {

/// The time on executor, whose context exists.
template <typename Executor>
auto now_on(const Executor& executor) {
    using Source = TimeSource<Executor>;
    static_assert(std::is_same_v<typename Source::Clock::time_point, std::chrono::steady_clock::time_point>,
                  "dispatch: TimeSource<Executor>::Clock must have the time points of std::chrono::steady_clock, as "
                  "deadlines do: write using time_point = std::chrono::steady_clock::time_point");
    if constexpr (requires { Source::now(executor); }) {
        return Source::now(executor);
    } else {
        static_cast<void>(executor);
        return Source::Clock::now();
    }
}

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_TIME_SOURCE_HPP
