// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_RESPONSE_COUNTERS_HPP
#define GATEWAY_API_RESPONSE_COUNTERS_HPP

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gateway/api/route_table.hpp>

namespace gateway {

/// How often a route was answered with a status.
struct ResponseCount {
    Route route = Route::none;
    unsigned status = 0;
    std::uint64_t count = 0;
};

/// Counts responses. Thread-safe: an addition for each.
class ResponseCounters {
  public:
    void add(Route route, http::status status) {
        const auto code = static_cast<std::size_t>(status);
        if (code >= least && code < least + statuses) {
            counts_[static_cast<std::size_t>(route)][code - least].fetch_add(1, std::memory_order_relaxed);
        }
    }

    /// Those that are not zero, by route and status.
    [[nodiscard]] std::vector<ResponseCount> snapshot() const {
        std::vector<ResponseCount> found;
        for (std::size_t route = 0; route < counts_.size(); ++route) {
            for (std::size_t i = 0; i < statuses; ++i) {
                if (const std::uint64_t count = counts_[route][i].load(std::memory_order_relaxed); count > 0) {
                    found.push_back({static_cast<Route>(route), static_cast<unsigned>(i + least), count});
                }
            }
        }
        return found;
    }

  private:
    static constexpr std::size_t least = 100;
    static constexpr std::size_t statuses = 500;

    std::array<std::array<std::atomic<std::uint64_t>, statuses>, route_table.size()> counts_{};
};

}  // namespace gateway

#endif  // GATEWAY_API_RESPONSE_COUNTERS_HPP
