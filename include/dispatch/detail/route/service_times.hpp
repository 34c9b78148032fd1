// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_ROUTE_SERVICE_TIMES_HPP
#define DISPATCH_DETAIL_ROUTE_SERVICE_TIMES_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// How long a pool's handlers take with jobs that have a session, or are reported on: running means of the time S and
/// of its square, over the latest hundred of them or so. Thread-safe; when two threads add at the same moment, one of
/// them may be lost.
class alignas(cache_line) ServiceTimes {
  public:
    void add(std::chrono::nanoseconds time) noexcept {
        const double seconds = std::chrono::duration<double>{time}.count();
        const std::uint64_t added = added_.load(std::memory_order_relaxed) + 1;
        added_.store(added, std::memory_order_relaxed);
        const double weight = std::max(least_weight, 1.0 / static_cast<double>(added));
        move(mean_, seconds, weight);
        move(mean_square_, seconds * seconds, weight);
    }

    /// How long a job will wait at a worker whose permits are all in use, where queued jobs come first: the rest of a
    /// service time as one finds it at a random moment, E[S^2] / 2E[S] (the residual life of renewal theory), and a
    /// service time for each of the queued, shared by the permits. 0 when no job has ended yet.
    std::chrono::nanoseconds expected_wait(std::size_t queued, std::size_t permits) const noexcept {
        const double mean = mean_.load(std::memory_order_relaxed);
        if (mean <= 0) {
            return {};
        }
        const double residual = mean_square_.load(std::memory_order_relaxed) / (2 * mean);
        const double seconds = (residual + static_cast<double>(queued) * mean) / static_cast<double>(permits);
        return std::chrono::nanoseconds{static_cast<std::int64_t>(std::min(seconds, most_seconds) * 1e9)};
    }

  private:
    static constexpr double least_weight = 0.01;
    static constexpr double most_seconds = 1e9;

    static void move(std::atomic<double>& mean, double value, double weight) noexcept {
        const double old = mean.load(std::memory_order_relaxed);
        mean.store(old + weight * (value - old), std::memory_order_relaxed);
    }

    std::atomic<std::uint64_t> added_{0};
    std::atomic<double> mean_{0};
    std::atomic<double> mean_square_{0};
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_ROUTE_SERVICE_TIMES_HPP
