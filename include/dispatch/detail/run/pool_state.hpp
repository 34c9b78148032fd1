// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_POOL_STATE_HPP
#define DISPATCH_DETAIL_RUN_POOL_STATE_HPP

#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <dispatch/affinity.hpp>
#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/asio/context_listener.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/job/job_node.hpp>
#include <dispatch/detail/queue/backlog.hpp>
#include <dispatch/detail/queue/guests.hpp>
#include <dispatch/detail/reply/waiter_list.hpp>
#include <dispatch/detail/route/admission.hpp>
#include <dispatch/detail/route/service_times.hpp>
#include <dispatch/detail/route/worker_load.hpp>
#include <dispatch/detail/route/worker_set.hpp>
#include <dispatch/detail/run/later_look.hpp>
#include <dispatch/error.hpp>
#include <dispatch/metrics.hpp>
#include <dispatch/options.hpp>
#include <dispatch/time_source.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// What a pool and its workers share: the workers' loads, whether jobs may still come in, which of them may move to
/// another worker, and who waits until all have left (drain). Thread-safe; the mutex guards waiters_.
template <typename Executor>
class PoolState final : public ContextListener {
  public:
    using DrainWaiter = Waiter<Executor, std::exception_ptr, Ledger>;

    using Clock = typename TimeSource<Executor>::Clock;

    PoolState(std::vector<std::shared_ptr<WorkerLoad>> loads, const PoolOptions& options, const Executor& executor)
        : workers{std::move(loads)},
          admission{workers},
          backlog{workers},
          prefers_homes{options.affinity == Affinity::preferred && options.affinity_ttl.count() > 0},
          guests{workers},
          stream_buffer{options.stream_buffer},
          executor_{executor} {
        if (options.affinity_ttl.count() > 0) {
            sessions.emplace(options.affinity_ttl, options.affinity_expiry, options.max_sessions, workers.size());
        }
    }

    const WorkerSet workers;
    Admission admission;
    Backlog<Worker<Executor>> backlog;
    /// For whom Backlog::defer() has told that it is due.
    LaterLook<PoolState> later_look;
    void look() noexcept { backlog.list_deferred(); }
    /// Empty where affinity is off.
    std::optional<SessionMap<Clock>> sessions;

    // Of Affinity::preferred.

    const bool prefers_homes;
    Guests<typename JobNode<Executor>::PatienceOfJob> guests;
    ServiceTimes service_times;

    /// PoolOptions::stream_buffer.
    const std::size_t stream_buffer;

    /// Empty once the context is gone.
    const std::optional<Executor>& executor() const noexcept { return executor_; }

    /// Completes waiter as soon as the pool is idle. Admission is closed.
    [[gnu::cold]] void enqueue(DrainWaiter& waiter) noexcept {
        {
            const std::lock_guard lock{mutex_};
            waiters_.push_back(waiter);
        }
        worker_idle();
    }

    [[gnu::cold]] void cancel(DrainWaiter& waiter) noexcept {
        {
            const std::lock_guard lock{mutex_};
            if (!executor_ || !waiters_.remove(waiter)) {  // without a context waiter is gone, too
                return;
            }
        }
        complete(waiter, make_system_error(operation_aborted()), admission.ledger());
    }

    /// For whoever has brought a worker's load to zero.
    void worker_idle() noexcept {
        if (!admission.drained()) [[likely]] {
            return;
        }
        IntrusiveList<DrainWaiter> waiters = take_all();
        if (waiters.empty()) {
            return;
        }
        const Ledger ledger = admission.ledger();
        while (DrainWaiter* waiter = waiters.pop_front()) {
            complete(*waiter, nullptr, ledger);
        }
    }

    [[gnu::cold]] void context_shutdown() noexcept override {
        admission.close(Admission::Phase::stopped);
        IntrusiveList<DrainWaiter> waiters = take_all();
        while (DrainWaiter* waiter = waiters.pop_front()) {
            waiter->destroy();
        }
        executor_.reset();
    }

  private:
    IntrusiveList<DrainWaiter> take_all() noexcept {
        const std::lock_guard lock{mutex_};
        return waiters_.take_all();
    }

    [[gnu::cold]] void complete(DrainWaiter& waiter, std::exception_ptr error, const Ledger& ledger) noexcept {
        waiter.set_result(std::move(error), ledger);
        waiter.post(*executor_);
    }

    std::optional<Executor> executor_;
    std::mutex mutex_;
    WaiterList<DrainWaiter> waiters_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_POOL_STATE_HPP
