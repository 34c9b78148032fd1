// SPDX-License-Identifier: Apache-2.0
//
// The time of pools whose jobs are counted. Before anything that is made of a pool.
#ifndef DISPATCH_BENCHMARKS_COUNTING_CLOCK_HPP
#define DISPATCH_BENCHMARKS_COUNTING_CLOCK_HPP

#include <chrono>

#include <dispatch/time_source.hpp>

#include "asio.hpp"

namespace bench {

/// Stands still: how long jobs take under callgrind says nothing, and would differ from run to run. So workers let
/// others have their thread after as many jobs as they may run, and not after some time.
struct CountingClock : std::chrono::steady_clock {
    static time_point now() noexcept { return time_point{std::chrono::seconds{1}}; }
};

struct CountingTime {
    using Clock = CountingClock;
    template <typename Executor>
    using TimerOn =
        net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, Executor>;
};

}  // namespace bench

template <>
struct dispatch::TimeSource<dispatch::net::any_io_executor> : bench::CountingTime {
    using Timer = TimerOn<dispatch::net::any_io_executor>;
};
template <>
struct dispatch::TimeSource<dispatch::net::thread_pool::executor_type> : bench::CountingTime {
    using Timer = TimerOn<dispatch::net::thread_pool::executor_type>;
};

#endif  // DISPATCH_BENCHMARKS_COUNTING_CLOCK_HPP
