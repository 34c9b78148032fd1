// SPDX-License-Identifier: Apache-2.0
//
// Work that keeps a processor busy, and how much of it makes a microsecond.
#ifndef DISPATCH_BENCHMARKS_WORK_HPP
#define DISPATCH_BENCHMARKS_WORK_HPP

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace bench {

/// Keeps the processor busy for so many rounds. Each needs the result of the one before it, and none needs memory, so
/// they take the same time wherever they run and whatever else the program has in its caches. seed must not be 0. The
/// result is never 0 either, which no compiler knows: whoever looks at it has the work done.
[[gnu::noinline]] inline std::uint64_t keep_busy(std::uint64_t rounds, std::uint64_t seed) noexcept {
    for (; rounds != 0; --rounds) {
        seed ^= seed >> 32;
        seed *= 0x9e3779b97f4a7c15ULL;
    }
    return seed;
}

/// A handler's result after so many rounds of work: its request, which must not be 0.
inline std::uint64_t work_on(std::uint64_t request, std::uint64_t rounds) noexcept {
    return keep_busy(rounds, request) == 0 ? 0 : request;
}

/// How many rounds take a microsecond. seconds_of(rounds) says how long so many took. Of several timings the shortest
/// counts, as what else the machine does can only make them longer.
template <typename SecondsOf>
double rounds_per_microsecond(const SecondsOf& seconds_of) {
    constexpr std::uint64_t rounds = 200'000;
    double shortest = std::numeric_limits<double>::max();
    for (int timing = 0; timing != 30; ++timing) {
        shortest = std::min(shortest, seconds_of(rounds));
    }
    return static_cast<double>(rounds) / (shortest * 1e6);
}

inline double rounds_per_microsecond() {
    return rounds_per_microsecond([](std::uint64_t rounds) {
        const auto start = std::chrono::steady_clock::now();
        const bool worked = keep_busy(rounds, 1) != 0;
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        return worked ? took.count() : 0;
    });
}

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_WORK_HPP
