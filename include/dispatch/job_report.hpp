// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_JOB_REPORT_HPP
#define DISPATCH_JOB_REPORT_HPP

#include <chrono>
#include <cstddef>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/observer.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// What became of one job, for its submitter: see SubmitOptions::report.
struct JobReport {
    /// WorkerHandle::id() of the worker that ran the job; of the worker to which it was routed if it was not run.
    std::size_t worker_id = 0;
    /// What the session map said about the job's session; `moved` also if the job of a session that is pinned was run
    /// on another worker than the one to which it was routed.
    SessionVerdict verdict = SessionVerdict::none;
    /// The time from the start of the operation to that of the handler, or to the end of the job if it was not run.
    std::chrono::steady_clock::duration queued{};
    /// The time from the start of the handler to its end, or to the deadline if that came first. 0 if it was not run.
    /// Where the response is a Stream: to the first part, if there is one, because that completes the operation.
    std::chrono::steady_clock::duration ran{};
};

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_JOB_REPORT_HPP
