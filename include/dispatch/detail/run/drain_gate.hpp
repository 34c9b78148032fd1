// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_DRAIN_GATE_HPP
#define DISPATCH_DETAIL_RUN_DRAIN_GATE_HPP

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/asio/context_listener.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/reply/operation.hpp>
#include <dispatch/detail/route/admission.hpp>
#include <dispatch/error.hpp>
#include <dispatch/metrics.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A pool's gate and those who wait until everybody has left. Shared by the pool and its workers.
/// Thread-safe; the mutex guards waiters_.
template <typename Executor>
class DrainGate final : public ContextListener {
  public:
    struct Waiter : Operation<Completion<std::exception_ptr, Ledger>, Executor> {
        using Operation<Completion<std::exception_ptr, Ledger>, Executor>::Operation;
        bool listed = false;
    };

    DrainGate(std::vector<std::shared_ptr<WorkerLoad>> loads, const Executor& executor)
        : admission{std::move(loads)}, executor_{executor} {}

    Admission admission;

    /// Empty once the context is gone.
    const std::optional<Executor>& executor() const noexcept { return executor_; }

    /// Completes waiter as soon as the pool is idle. The gate is closed.
    void enqueue(Waiter& waiter) noexcept {
        {
            const std::lock_guard lock{mutex_};
            waiter.listed = true;
            waiters_.push_back(waiter);
        }
        worker_idle();
    }

    void cancel(Waiter& waiter) noexcept {
        {
            const std::lock_guard lock{mutex_};
            if (!executor_ || !waiter.listed) {  // without a context waiter is gone, too
                return;
            }
            waiter.listed = false;
            waiters_.remove(waiter);
        }
        complete(waiter, make_system_error(operation_aborted()), admission.ledger());
    }

    /// For whoever has brought a worker's load to zero.
    void worker_idle() noexcept {
        if (!admission.drained()) [[likely]] {
            return;
        }
        IntrusiveList<Waiter> waiters = take_all();
        if (waiters.empty()) {
            return;
        }
        const Ledger ledger = admission.ledger();
        while (Waiter* waiter = waiters.pop_front()) {
            complete(*waiter, nullptr, ledger);
        }
    }

    void context_shutdown() noexcept override {
        admission.close(Admission::Phase::stopped);
        IntrusiveList<Waiter> waiters = take_all();
        while (Waiter* waiter = waiters.pop_front()) {
            waiter->destroy();
        }
        executor_.reset();
    }

  private:
    IntrusiveList<Waiter> take_all() noexcept {
        const std::lock_guard lock{mutex_};
        IntrusiveList<Waiter> taken;
        while (Waiter* waiter = waiters_.pop_front()) {
            waiter->listed = false;
            taken.push_back(*waiter);
        }
        return taken;
    }

    void complete(Waiter& waiter, std::exception_ptr error, const Ledger& ledger) noexcept {
        waiter.result.emplace(std::tuple<std::exception_ptr, Ledger>{std::move(error), ledger});
        waiter.post(*executor_);
    }

    std::optional<Executor> executor_;
    std::mutex mutex_;
    IntrusiveList<Waiter> waiters_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_DRAIN_GATE_HPP
