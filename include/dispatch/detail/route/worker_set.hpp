// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_ROUTE_WORKER_SET_HPP
#define DISPATCH_DETAIL_ROUTE_WORKER_SET_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/route/worker_load.hpp>
#include <dispatch/metrics.hpp>
#include <dispatch/selection.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// The workers of a pool, by number: what is counted for each. It shares the loads with the workers, and so is there as
/// long as the pool or any of them. Its members do not change; thread-safe.
class WorkerSet {
  public:
    explicit WorkerSet(std::vector<std::shared_ptr<WorkerLoad>> loads) : loads_{std::move(loads)} {}

    std::size_t size() const noexcept { return loads_.size(); }
    WorkerLoad& operator[](std::size_t worker) const noexcept { return *loads_[worker]; }

    /// The worker with the least load of those that may run or queue one more job; empty when all are full. O(workers).
    std::optional<Choice> least_loaded_with_room() const noexcept {
        std::optional<Choice> best;
        for (std::size_t worker = 0; worker != size(); ++worker) {
            const WorkerLoad& load = (*this)[worker];
            const std::uint32_t seen = load.value();
            if (!load.full(seen) && (!best || seen < best->load)) {
                best = Choice{worker, seen};
            }
        }
        return best;
    }

    /// The worker with the least load of those at which one job more would have a permit; empty when there is none.
    /// O(workers).
    std::optional<Choice> least_loaded_with_permit() const noexcept {
        std::optional<Choice> best;
        for (std::size_t worker = 0; worker != size(); ++worker) {
            const WorkerLoad& load = (*this)[worker];
            const std::uint32_t seen = load.value();
            if (seen < load.permits() && (!best || seen < best->load)) {
                best = Choice{worker, seen};
            }
        }
        return best;
    }

    /// Adds what became of all their jobs.
    void add_to(Ledger& ledger) const noexcept {
        for (const auto& load : loads_) {
            load->add_to(ledger);
        }
    }

  private:
    const std::vector<std::shared_ptr<WorkerLoad>> loads_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_ROUTE_WORKER_SET_HPP
