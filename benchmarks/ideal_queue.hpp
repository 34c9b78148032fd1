// SPDX-License-Identifier: Apache-2.0
//
// The least that a schedule's jobs can take without knowing their lengths: one queue for all servers, first come, first
// served, and nothing else that takes time.
#ifndef DISPATCH_BENCHMARKS_IDEAL_QUEUE_HPP
#define DISPATCH_BENCHMARKS_IDEAL_QUEUE_HPP

#include <algorithm>
#include <cstddef>
#include <functional>
#include <queue>
#include <vector>

#include "arrivals.hpp"

namespace bench {

/// How many seconds after its arrival each job ends.
inline std::vector<double> ideal_latencies(const std::vector<Arrival>& arrivals, std::size_t servers) {
    // When each server is free, the first on top.
    std::priority_queue<double, std::vector<double>, std::greater<>> free{std::greater<>{},
                                                                          std::vector<double>(servers, 0.0)};
    std::vector<double> latencies;
    latencies.reserve(arrivals.size());
    for (const Arrival& arrival : arrivals) {
        const double end = std::max(free.top(), arrival.due.count()) + arrival.service.count();
        free.pop();
        free.push(end);
        latencies.push_back(end - arrival.due.count());
    }
    return latencies;
}

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_IDEAL_QUEUE_HPP
