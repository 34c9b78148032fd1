// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_HISTOGRAM_HPP
#define GATEWAY_BASE_HISTOGRAM_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace gateway {

/// Times, by how long they were: from a store's sync to what a generation may take.
class Histogram {
  public:
    /// Seconds. The last of the counts is of those that were longer than any.
    static constexpr std::array<double, 18> bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                   1,     2.5,    5,     10,   30,    60,   120, 300,  1'800};

    struct Snapshot {
        std::array<std::uint64_t, bounds.size() + 1> counts{};
        double sum = 0;
    };

    /// Thread-safe, as is snapshot().
    void add(std::chrono::nanoseconds time) {
        const double seconds = std::chrono::duration<double>{time}.count();
        const auto* const bound = std::ranges::lower_bound(bounds, seconds);
        counts_[static_cast<std::size_t>(bound - bounds.begin())].fetch_add(1, std::memory_order_relaxed);
        nanoseconds_.fetch_add(time.count(), std::memory_order_relaxed);
    }

    [[nodiscard]] Snapshot snapshot() const {
        Snapshot snapshot;
        std::ranges::transform(counts_, snapshot.counts.begin(),
                               [](const auto& count) { return count.load(std::memory_order_relaxed); });
        snapshot.sum = static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) / 1e9;
        return snapshot;
    }

  private:
    std::array<std::atomic<std::uint64_t>, bounds.size() + 1> counts_{};
    std::atomic<std::int64_t> nanoseconds_{0};
};

}  // namespace gateway

#endif  // GATEWAY_BASE_HISTOGRAM_HPP
