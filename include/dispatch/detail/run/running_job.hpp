// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_RUNNING_JOB_HPP
#define DISPATCH_DETAIL_RUN_RUNNING_JOB_HPP

#include <memory>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/job/job_node.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Where a job runs: found under the lock of its owner's inbox, while its state is running, and used without it.
template <typename Executor>
class RunningJob {
  public:
    /// What Inbox calls when it finds the job.
    void operator()(const JobNode<Executor>& job) noexcept {
        ticket_ = job.ticket;
        Worker<Executor>* const runner = job.runner();
        runner_ = runner != nullptr ? runner->shared_from_this() : nullptr;
    }

    /// The worker that runs it.
    Worker<Executor>& runner(Worker<Executor>& owner) const noexcept { return runner_ ? *runner_ : owner; }

    /// Cancels it, if it still runs. May throw std::bad_alloc.
    void cancel(Worker<Executor>& owner, net::cancellation_type_t type) const {
        runner(owner).lanes().cancel(ticket_, type);
    }

  private:
    /// Keeps the worker that runs it, if that is not its owner.
    std::shared_ptr<Worker<Executor>> runner_;
    RunTicket ticket_{};
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_RUNNING_JOB_HPP
