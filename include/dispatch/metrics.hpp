// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_METRICS_HPP
#define DISPATCH_METRICS_HPP

#include <cstddef>
#include <cstdint>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// A worker at a glance. inflight, queue_len and waiting are exact at one moment during the call, the others
/// at moments of their own.
struct WorkerMetrics {
    /// WorkerHandle::id().
    std::size_t worker_id = 0;
    /// Jobs that hold a permit, or are about to: there is one for them.
    std::size_t inflight = 0;
    /// Jobs that wait in the queue for a permit; at most capacity.
    std::size_t queue_len = 0;
    /// Submitters suspended because the queue is full (Overflow::wait).
    std::size_t waiting = 0;
    /// WorkerOptions::queue_capacity.
    std::size_t capacity = 0;
    /// Jobs that failed since the worker was spawned: the handler threw, and its submitter heard that.
    /// (What a handler throws after its job was cancelled, stopped or past its deadline does not count.)
    std::uint64_t errors = 0;
    /// Sessions pinned to the worker.
    std::size_t sessions = 0;
    /// Jobs that came to the worker since it was spawned, whatever became of them.
    std::uint64_t submitted = 0;
};

/// What became of the jobs of a pool since it was made. Once the pool is idle,
/// submitted == completed + failed + rejected + expired + cancelled + stopped.
struct Ledger {
    /// Jobs that were accepted or turned away. (One that there was no memory for does not count.)
    std::uint64_t submitted = 0;
    /// The handler returned a response.
    std::uint64_t completed = 0;
    /// The handler threw.
    std::uint64_t failed = 0;
    /// errc::queue_full.
    std::uint64_t rejected = 0;
    /// errc::deadline_exceeded.
    std::uint64_t expired = 0;
    /// Cancelled by the submitter: before it ran, or while it ran and the handler gave up.
    std::uint64_t cancelled = 0;
    /// errc::stopped, or running when the pool stopped and the handler gave up.
    std::uint64_t stopped = 0;

    /// Whether all counters are equal.
    friend bool operator==(const Ledger&, const Ledger&) = default;
};

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_METRICS_HPP
