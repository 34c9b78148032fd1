// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_ROUTE_ADMISSION_HPP
#define DISPATCH_DETAIL_ROUTE_ADMISSION_HPP

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/mutex.hpp>
#include <dispatch/detail/route/worker_load.hpp>
#include <dispatch/detail/route/worker_set.hpp>
#include <dispatch/metrics.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Whether jobs may still come into a pool, and whether all have left. Thread-safe.
///
/// A job enters by reserving load first and looking at the phase second; closing changes the phase
/// first and looks at the loads second. All four are sequentially consistent, so either the job sees
/// admission closed and leaves again, or whoever closed it sees the job.
class Admission {
  public:
    /// The order is one-way.
    enum class Phase : std::uint8_t { open, draining, stopped };

    /// workers outlive this.
    explicit Admission(const WorkerSet& workers) noexcept : workers_{workers} {}

    bool open() const noexcept { return phase_.load(std::memory_order_seq_cst) == Phase::open; }

    /// Moves on to phase; true for the caller that did it.
    bool close(Phase phase) noexcept {
        Phase seen = phase_.load(std::memory_order_seq_cst);
        while (seen < phase) {
            if (phase_.compare_exchange_weak(seen, phase, std::memory_order_seq_cst)) {
                return true;
            }
        }
        return false;
    }

    /// Whether admission is closed and all jobs have left. Whoever brings a worker's load to zero asks: the last one
    /// hears true. A worker that was idle once after the closing is not looked at again, as a job that reserves load
    /// there later finds admission closed (but see moved_to); so all who ask look at each worker once, together.
    bool drained() noexcept {
        if (open()) [[likely]] {
            return false;
        }
        const std::lock_guard lock{mutex_};
        while (idle_workers_ != workers_.size() && workers_[idle_workers_].idle()) {
            ++idle_workers_;
        }
        return idle_workers_ == workers_.size();
    }

    /// A worker takes a job from another: it has counted the job, and the other one has not yet let go of it. As that
    /// job comes in past the phase, the worker has to be looked at again.
    void moved_to(std::size_t worker) noexcept {
        if (open()) [[likely]] {
            return;
        }
        const std::lock_guard lock{mutex_};
        idle_workers_ = std::min(idle_workers_, worker);
    }

    /// A job that never comes to a worker ends in one of these; it was submitted at that moment.
    Tally::Counter rejected{0};
    Tally::Counter stopped{0};

    Ledger ledger() const noexcept {
        Ledger sum;
        sum.rejected = rejected.load(std::memory_order_relaxed);
        sum.stopped = stopped.load(std::memory_order_relaxed);
        sum.submitted = sum.rejected + sum.stopped;
        workers_.add_to(sum);
        return sum;
    }

  private:
    const WorkerSet& workers_;
    std::atomic<Phase> phase_{Phase::open};
    Mutex mutex_;
    /// So many workers, from the first on, were idle after admission was closed. Guarded by mutex_.
    std::size_t idle_workers_ = 0;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_ROUTE_ADMISSION_HPP
