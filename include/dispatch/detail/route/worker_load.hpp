// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_ROUTE_WORKER_LOAD_HPP
#define DISPATCH_DETAIL_ROUTE_WORKER_LOAD_HPP

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/metrics.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// How jobs ended, counted. Every member is a plain counter that anyone may read at any time.
struct Tally {
    using Counter = std::atomic<std::uint64_t>;

    Counter completed{0};
    Counter failed{0};
    Counter rejected{0};
    Counter expired{0};
    Counter cancelled{0};
    Counter stopped{0};
    /// Those of them, however they ended, that another worker ran than their owner, or that were sent past their
    /// session's homes. One writer: the strand of the worker that ran them.
    Counter moved{0};

    /// For a counter with one writer at a time (by a strand or a lock): no locked instruction. Returns the new count.
    [[gnu::always_inline]] static inline std::uint64_t count_exclusively(Counter& counter) noexcept {
        const std::uint64_t count = counter.load(std::memory_order_relaxed) + 1;
        counter.store(count, std::memory_order_relaxed);
        return count;
    }

    static void count(Counter& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

    void add_to(Ledger& ledger) const noexcept {
        ledger.completed += completed.load(std::memory_order_relaxed);
        ledger.failed += failed.load(std::memory_order_relaxed);
        ledger.rejected += rejected.load(std::memory_order_relaxed);
        ledger.expired += expired.load(std::memory_order_relaxed);
        ledger.cancelled += cancelled.load(std::memory_order_relaxed);
        ledger.stopped += stopped.load(std::memory_order_relaxed);
        ledger.moved += moved.load(std::memory_order_relaxed);
    }
};

/// A worker's load: one number, from which everything else follows. A job is counted from the moment
/// its worker is chosen until its handler has ended. As a worker runs a job whenever it has a permit
/// free, the first max_concurrency of them hold permits, the next queue_capacity are queued, and the
/// rest are submitters that wait. Thread-safe.
class alignas(cache_line) WorkerLoad {
  public:
    explicit WorkerLoad(WorkerOptions options) noexcept
        : concurrency_{static_cast<std::uint32_t>(options.max_concurrency)},
          capacity_{static_cast<std::uint32_t>(options.queue_capacity)} {}

    std::uint32_t value() const noexcept { return load_.load(std::memory_order_relaxed); }
    std::size_t inflight() const noexcept { return std::min(value(), concurrency_); }
    std::size_t queued() const noexcept { return std::min(past(value(), concurrency_), capacity_); }
    std::size_t waiting() const noexcept { return past(value(), concurrency_ + capacity_); }
    std::size_t capacity() const noexcept { return capacity_; }

    /// Whether the worker's jobs that wait for a permit may be lent to other workers. Before there are any.
    void lend(bool lends) noexcept { lends_above_ = lends ? concurrency_ : std::numeric_limits<std::uint32_t>::max(); }
    /// Whether the job that was put into the queue last, and had been counted, waits for a permit and may be lent.
    bool lends() const noexcept { return value() > lends_above_; }
    /// Whether one job more would have a permit.
    bool has_free_permit() const noexcept { return load_.load(std::memory_order_seq_cst) < concurrency_; }

    std::size_t permits() const noexcept { return concurrency_; }

    /// Jobs of other workers' queues that are at home here as well.
    bool has_guests() const noexcept { return guests_.load(std::memory_order_seq_cst) != 0; }
    void add_guest() noexcept { guests_.fetch_add(1, std::memory_order_seq_cst); }
    void remove_guest() noexcept { guests_.fetch_sub(1, std::memory_order_seq_cst); }

    /// Counts one job more if there is a permit for it.
    bool try_reserve_permit() noexcept {
        std::uint32_t seen = value();
        while (seen < concurrency_) {
            if (try_reserve(seen)) {
                return true;
            }
        }
        return false;
    }

    /// A job more may neither run at once nor be queued.
    bool full(std::uint32_t load) const noexcept { return load >= concurrency_ + capacity_; }

    /// Counts one job more if the load is still what the choice saw.
    bool try_reserve(std::uint32_t& seen) noexcept {
        return load_.compare_exchange_strong(seen, seen + 1, std::memory_order_seq_cst, std::memory_order_relaxed);
    }

    void reserve() noexcept { load_.fetch_add(1, std::memory_order_seq_cst); }

    /// True when the worker has become idle.
    bool release(std::uint32_t jobs = 1) noexcept { return load_.fetch_sub(jobs, std::memory_order_seq_cst) == jobs; }

    bool idle() const noexcept { return load_.load(std::memory_order_seq_cst) == 0; }

    WorkerMetrics metrics(std::size_t worker_id) const noexcept {
        const std::uint32_t load = value();
        return {.worker_id = worker_id,
                .inflight = std::min(load, concurrency_),
                .queue_len = std::min(past(load, concurrency_), capacity_),
                .waiting = past(load, concurrency_ + capacity_),
                .capacity = capacity_,
                .errors = tally.failed.load(std::memory_order_relaxed),
                .sessions = 0,
                .submitted = submitted.load(std::memory_order_relaxed),
                .moved = tally.moved.load(std::memory_order_relaxed)};
    }

    void add_to(Ledger& ledger) const noexcept {
        ledger.submitted += submitted.load(std::memory_order_relaxed);
        tally.add_to(ledger);
    }

    /// What became of this worker's jobs.
    Tally tally;
    /// All of them: counted by whoever has just reserved load, and so has the cache line.
    alignas(cache_line) Tally::Counter submitted{0};

  private:
    static constexpr std::uint32_t past(std::uint32_t load, std::uint32_t limit) noexcept {
        return load > limit ? load - limit : 0;
    }

    std::atomic<std::uint32_t> load_{0};
    std::uint32_t lends_above_ = std::numeric_limits<std::uint32_t>::max();
    const std::uint32_t concurrency_;
    const std::uint32_t capacity_;
    std::atomic<std::uint32_t> guests_{0};
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_ROUTE_WORKER_LOAD_HPP
