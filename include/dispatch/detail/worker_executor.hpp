// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_WORKER_EXECUTOR_HPP
#define DISPATCH_DETAIL_WORKER_EXECUTOR_HPP

#include <memory>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio.hpp>
#include <dispatch/detail/config.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace detail {

/// An executor, and the same one that never runs a function at once.
template <typename Executor>
struct ExecutorPair {
    Executor executor;
    std::decay_t<decltype(net::require(std::declval<const Executor&>(), net::execution::blocking.never))>
        never_blocking;
};

/// The executor below a worker's strand: Executor with just the properties that a strand needs.
///
/// It does not track outstanding work, so the worker's suspended coroutines do not keep the context
/// from running out of it: an idle worker lets io_context::run() and thread_pool::join() return. (A
/// busy worker says so itself.) And whether it may run a function at once is part of its type, where
/// any_io_executor allocates memory for each answer (Asio 1.22).
template <typename Executor, bool never_blocks = false>
class UntrackedExecutor {
    using Targets = ExecutorPair<Executor>;

  public:
    /// Not a constructor: to find out whether that is a copy constructor, the compiler would have to
    /// know whether this converts to any_io_executor, and so whether it is copyable.
    static UntrackedExecutor over(const Executor& executor) {
        return UntrackedExecutor{
            std::make_shared<const Targets>(Targets{executor, net::require(executor, net::execution::blocking.never)})};
    }

    net::execution_context& query(net::execution::context_t /*property*/) const noexcept {
        return net::query(targets_->executor, net::execution::context);
    }

    static constexpr net::execution::blocking_t query(net::execution::blocking_t /*property*/) noexcept {
        if constexpr (never_blocks) {
            return net::execution::blocking.never;
        } else {
            return net::execution::blocking.possibly;
        }
    }

    UntrackedExecutor<Executor, true> require(net::execution::blocking_t::never_t /*property*/) const noexcept {
        return UntrackedExecutor<Executor, true>{targets_};
    }

    UntrackedExecutor<Executor, false> require(net::execution::blocking_t::possibly_t /*property*/) const noexcept {
        return UntrackedExecutor<Executor, false>{targets_};
    }

    template <typename Function>
    void execute(Function&& function) const {
        if constexpr (never_blocks) {
            execute_on(targets_->never_blocking, std::forward<Function>(function));
        } else {
            execute_on(targets_->executor, std::forward<Function>(function));
        }
    }

    // asio::strand takes itself for an executor of the Networking TS, whose work is tracked like this.
    net::execution_context& context() const noexcept { return query(net::execution::context); }
    void on_work_started() const noexcept {}
    void on_work_finished() const noexcept {}

    friend bool operator==(const UntrackedExecutor& a, const UntrackedExecutor& b) noexcept {
        return a.targets_ == b.targets_;
    }
    friend bool operator!=(const UntrackedExecutor& a, const UntrackedExecutor& b) noexcept { return !(a == b); }

  private:
    template <typename, bool>
    friend class UntrackedExecutor;

    explicit UntrackedExecutor(std::shared_ptr<const Targets> targets) noexcept : targets_{std::move(targets)} {}

    std::shared_ptr<const Targets> targets_;
};

}  // namespace detail

/// The executor on which the handlers of a worker spawned on Executor run: a strand of its own. A
/// handler that returns awaitable<S, WorkerExecutor<Executor>> is run without type erasure.
template <typename Executor>
using WorkerExecutor = net::strand<detail::UntrackedExecutor<Executor>>;

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_DETAIL_WORKER_EXECUTOR_HPP
