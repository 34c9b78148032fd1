// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SUPPORT_HAND_CLOCK_HPP
#define DISPATCH_TESTS_SUPPORT_HAND_CLOCK_HPP

#include <atomic>
#include <chrono>

namespace test {

/// A clock that stands still until it is moved. Thread-safe.
struct HandClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<HandClock>;
    [[maybe_unused]] static constexpr bool is_steady = true;
    static inline std::atomic<rep> ticks{0};
    static time_point now() { return time_point{duration{ticks.load()}}; }
    static void advance(duration by) { ticks += by.count(); }
};

}  // namespace test

#endif  // DISPATCH_TESTS_SUPPORT_HAND_CLOCK_HPP
