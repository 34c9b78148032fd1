// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_CLOCK_HPP
#define DISPATCH_TESTS_SIMULATION_CLOCK_HPP

#include <chrono>

#include <dispatch/detail/sessions/siphash.hpp>

namespace sim {

/// The time of a simulation. It stands still until it is moved.
struct Clock {
    using time_point = std::chrono::steady_clock::time_point;
    using duration = time_point::duration;
    using rep = duration::rep;
    using period = duration::period;
    [[maybe_unused]] static constexpr bool is_steady = true;

    static time_point now() noexcept { return time; }

    static inline time_point time{};
};

using Time = Clock::time_point;

}  // namespace sim

/// Which sessions share a part of the map is to be the same each time.
template <>
struct dispatch::detail::HashKeySource<sim::Clock> {
    static HashKey draw() noexcept { return {0x243f6a8885a308d3ULL, 0x13198a2e03707344ULL}; }
};

#endif  // DISPATCH_TESTS_SIMULATION_CLOCK_HPP
