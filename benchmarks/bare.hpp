// SPDX-License-Identifier: Apache-2.0
//
// Jobs without a dispatcher: their handler, called directly in a loop. What there is to lose.
#ifndef DISPATCH_BENCHMARKS_BARE_HPP
#define DISPATCH_BENCHMARKS_BARE_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <vector>

#include "processors.hpp"
#include "work.hpp"

namespace bench {

/// Calls a handler with the requests from 1 to jobs, on so many threads; how long that took. rounds_of(request) says
/// how much work a request is. Each thread takes 16 requests at a time, so that they end together and do not wait for
/// one another's counter.
template <typename RoundsOf>
std::chrono::duration<double> call_directly(std::int64_t jobs, std::int64_t threads, const RoundsOf& rounds_of) {
    constexpr std::int64_t batch = 16;
    std::atomic<std::int64_t> taken{0};
    std::atomic<std::int64_t> done{0};
    const auto loop = [&](std::size_t number) {
        stay_on_processor(number);
        std::int64_t right = 0;
        for (std::int64_t first; (first = taken.fetch_add(batch, std::memory_order_relaxed)) < jobs;) {
            const std::int64_t end = std::min(first + batch, jobs);
            for (std::int64_t i = first; i != end; ++i) {
                const auto request = static_cast<std::uint64_t>(i + 1);
                right += work_on(request, rounds_of(request)) == request;
            }
        }
        done += right;
    };
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> loops;
    for (std::int64_t i = 0; i != threads; ++i) {
        loops.emplace_back(loop, static_cast<std::size_t>(i));
    }
    for (std::thread& each : loops) {
        each.join();
    }
    const auto end = std::chrono::steady_clock::now();
    if (done != jobs) {
        throw std::runtime_error{"a handler that was called directly did not return its request"};
    }
    return end - start;
}

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_BARE_HPP
