// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_METRICS_HPP
#define DISPATCH_METRICS_HPP

#include <cstddef>
#include <cstdint>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// The figures of one worker, as WorkerPool::worker_metrics() and WorkerHandle::metrics() return them.
///
/// `inflight`, `queue_len` and `waiting` are from one moment during the call, and each other field is from a moment of
/// its own. While other threads use the pool, all of them are estimates.
struct WorkerMetrics {
    /// WorkerHandle::id() of the worker.
    std::size_t worker_id = 0;
    /// Jobs in flight: they hold a permit, or one is free for them and their handler is about to start. At most
    /// WorkerOptions::max_concurrency.
    std::size_t inflight = 0;
    /// Jobs that wait in the queue for a permit. At most `capacity`.
    std::size_t queue_len = 0;
    /// Submitters that wait for a place in the queue (Overflow::wait). Not limited.
    std::size_t waiting = 0;
    /// WorkerOptions::queue_capacity.
    std::size_t capacity = 0;
    /// Jobs that failed since the worker was spawned: their submitters received the handler's exception or
    /// errc::abandoned. Jobs that were cancelled, stopped or past their deadline do not count, whatever their handlers
    /// threw.
    std::uint64_t errors = 0;
    /// Sessions pinned to the worker, including those that have expired and are not dropped yet. 0 in
    /// WorkerHandle::metrics(), as only the pool knows the sessions.
    std::size_t sessions = 0;
    /// Jobs that the worker accepted since it was spawned, whatever became of them, and wherever they ran.
    std::uint64_t submitted = 0;
    /// Jobs that the worker ran though they were routed to another worker (PoolOptions::late_binding), or past their
    /// session's homes (Affinity::preferred).
    std::uint64_t moved = 0;
};

/// What became of a pool's jobs since the pool was made: the number of jobs for each way to end.
///
/// Once the pool is idle, `submitted == completed + failed + rejected + expired + cancelled + stopped`. While jobs are
/// in progress `submitted` also counts those; as each counter is read by itself, the sum may then be off by what other
/// threads did during the call.
struct Ledger {
    /// Jobs that were accepted or refused. A job that could not be queued because an allocation or a move threw is in
    /// no counter.
    std::uint64_t submitted = 0;
    /// The handler returned a response.
    std::uint64_t completed = 0;
    /// The handler threw, or its coroutine was destroyed (errc::abandoned).
    std::uint64_t failed = 0;
    /// Refused with errc::queue_full.
    std::uint64_t rejected = 0;
    /// Ended with errc::deadline_exceeded.
    std::uint64_t expired = 0;
    /// Cancelled by the submitter before the job started, or while it ran if the handler then ended with an exception.
    std::uint64_t cancelled = 0;
    /// Ended with errc::stopped; or running when the pool was stopped, if the handler then ended with an exception; or
    /// destroyed together with the execution context.
    std::uint64_t stopped = 0;
    /// Jobs that ran on another worker than the one to which they were routed, or were routed past their session's
    /// homes. They also count as what became of them, so this is not part of the sum.
    std::uint64_t moved = 0;

    /// Returns whether all counters are equal.
    friend bool operator==(const Ledger&, const Ledger&) = default;
};

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_METRICS_HPP
