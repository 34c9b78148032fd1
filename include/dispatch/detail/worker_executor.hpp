// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_WORKER_EXECUTOR_HPP
#define DISPATCH_DETAIL_WORKER_EXECUTOR_HPP

#include <memory>
#include <utility>

#include <dispatch/detail/asio.hpp>
#include <dispatch/detail/config.hpp>
#include <dispatch/detail/recycler.hpp>
#include <dispatch/detail/runner.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace detail {

/// The executor below a worker's strand: runs functions by way of a Runner.
///
/// It does not track outstanding work, so the worker's suspended coroutines do not keep the context
/// from running out of it: an idle worker lets io_context::run() and thread_pool::join() return. (A
/// busy worker says so itself.) It never runs a function at once; never_blocks says so to the strand
/// above it, which otherwise does when it is in its own thread.
template <typename Executor, bool never_blocks = false>
class RunnerExecutor {
  public:
    /// Not a constructor: to find out whether that is a copy constructor, the compiler would have to
    /// know whether this converts to any_io_executor, and so whether it is copyable.
    static RunnerExecutor over(std::shared_ptr<Runner<Executor>> runner) noexcept {
        return RunnerExecutor{std::move(runner)};
    }

    net::execution_context& query(net::execution::context_t /*property*/) const noexcept { return runner_->context(); }

    static constexpr net::execution::blocking_t query(net::execution::blocking_t /*property*/) noexcept {
        if constexpr (never_blocks) {
            return net::execution::blocking.never;
        } else {
            return net::execution::blocking.possibly;
        }
    }

    /// Of what the strand has to keep.
    template <typename T>
    static constexpr RecyclingAllocator<> query(net::execution::allocator_t<T> /*property*/) noexcept {
        return {};
    }

    RunnerExecutor<Executor, true> require(net::execution::blocking_t::never_t /*property*/) const noexcept {
        return RunnerExecutor<Executor, true>{runner_};
    }

    RunnerExecutor<Executor, false> require(net::execution::blocking_t::possibly_t /*property*/) const noexcept {
        return RunnerExecutor<Executor, false>{runner_};
    }

    template <typename Function>
    void execute(Function&& function) const {
        runner_->execute(std::forward<Function>(function));
    }

    // asio::strand takes itself for an executor of the Networking TS, whose work is tracked like this.
    net::execution_context& context() const noexcept { return runner_->context(); }
    void on_work_started() const noexcept {}
    void on_work_finished() const noexcept {}

    friend bool operator==(const RunnerExecutor& a, const RunnerExecutor& b) noexcept { return a.runner_ == b.runner_; }
    friend bool operator!=(const RunnerExecutor& a, const RunnerExecutor& b) noexcept { return !(a == b); }

  private:
    template <typename, bool>
    friend class RunnerExecutor;

    explicit RunnerExecutor(std::shared_ptr<Runner<Executor>> runner) noexcept : runner_{std::move(runner)} {}

    std::shared_ptr<Runner<Executor>> runner_;
};

}  // namespace detail

/// The executor on which the handlers of a worker spawned on Executor run: a strand of its own. A
/// handler that returns awaitable<S, WorkerExecutor<Executor>> is run without type erasure.
template <typename Executor>
using WorkerExecutor = net::strand<detail::RunnerExecutor<Executor>>;

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_DETAIL_WORKER_EXECUTOR_HPP
