// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_WORKER_HPP
#define DISPATCH_WORKER_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <dispatch/detail/asio.hpp>
#include <dispatch/detail/assert.hpp>
#include <dispatch/detail/config.hpp>
#include <dispatch/detail/handler_traits.hpp>
#include <dispatch/detail/lane_worker.hpp>
#include <dispatch/detail/observation.hpp>
#include <dispatch/detail/runner.hpp>
#include <dispatch/detail/worker_core.hpp>
#include <dispatch/metrics.hpp>
#include <dispatch/observer.hpp>
#include <dispatch/options.hpp>
#include <dispatch/selection.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace detail {
template <typename R, typename S, SelectionPolicy Policy, typename Executor, typename Clock>
class PoolCore;
struct SpawnWorkers;
}  // namespace detail

/// A worker to look at, and to make a pool of. Copies are cheap and mean the same worker, which lives
/// until its pool is stopped or, without a pool, until its last handle is gone. All members are
/// thread-safe, and valid also after the worker has ended; figures are those of some moment during the
/// call.
template <typename R, typename S, typename Executor = net::any_io_executor>
class WorkerHandle {
  public:
    /// What the worker was spawned on.
    using executor_type = Executor;

    /// The worker's number. In a pool it is the worker's place among the pool's workers, and names it everywhere:
    /// in metrics, events and JobContext. Before that it is the place among those spawned together.
    std::size_t id() const noexcept { return core()->id(); }
    /// Jobs that hold a permit, or are about to: there is one for them.
    std::size_t inflight() const noexcept { return core()->load()->inflight(); }
    /// Jobs that wait in the queue for a permit.
    std::size_t queue_len() const noexcept { return core()->load()->queued(); }
    /// WorkerOptions::queue_capacity.
    std::size_t capacity() const noexcept { return core()->load()->capacity(); }
    /// Jobs that failed: see WorkerMetrics::errors.
    std::uint64_t errors() const noexcept { return metrics().errors; }
    /// What selection compares: in flight + queued + submitters that wait for a place in the queue.
    std::size_t load() const noexcept { return core()->load()->value(); }
    /// All of it. sessions is 0: the pool knows them (WorkerPool::worker_metrics).
    WorkerMetrics metrics() const noexcept { return core()->load()->metrics(core_->id()); }

  private:
    using Core = detail::WorkerCore<R, S, Executor>;

    template <typename, typename, SelectionPolicy, typename, typename>
    friend class detail::PoolCore;
    friend struct detail::SpawnWorkers;

    /// The last copy closes the worker.
    explicit WorkerHandle(std::shared_ptr<Core> core) : core_{core.get(), [core](Core*) { core->close(); }} {}

    const std::shared_ptr<Core>& core() const noexcept {
        DISPATCH_ASSERT(core_,
                        "a WorkerHandle was used after it was moved from: it may only be assigned to or destroyed");
        return core_;
    }

    std::shared_ptr<Core> core_;
};

namespace detail {

/// What all of spawn_workers() come to.
struct SpawnWorkers {
    template <typename R, typename S, typename Executor, typename Handler, typename O>
    static std::vector<WorkerHandle<R, S, Executor>> with(const Executor& executor, std::size_t n,
                                                          const Handler& handler, const WorkerOptions& options,
                                                          const O& observer) {
        static_assert(std::is_void_v<S> || std::is_nothrow_default_constructible_v<S>,
                      "dispatch: the response type must be default-constructible, and that must not throw: an error is "
                      "delivered beside an empty response. Wrap it in std::optional");
        static_assert(std::is_copy_constructible_v<Handler>,
                      "dispatch: the handler must be copyable, as each worker has a copy: share what is not through a "
                      "std::shared_ptr");
        using Worker = LaneWorker<R, S, Executor, Handler, O>;
        validate(options);
        check_range("spawn_workers: n", n, 1, std::size_t{1} << 20);
        const auto runner = std::make_shared<Runner<Executor>>(executor);
        listen(runner, executor);
        std::vector<WorkerHandle<R, S, Executor>> workers;
        workers.reserve(n);
        for (std::size_t id = 0; id != n; ++id) {
            auto worker = std::make_shared<Worker>(executor, runner, id, options, handler, observer);
            workers.push_back(WorkerHandle<R, S, Executor>{worker});
            worker->start();
        }
        return workers;
    }
};

}  // namespace detail

/// Starts n workers on executor, each with a strand of its own and a copy of handler.
///
/// handler is S(R) or awaitable<S>(R), each optionally with a second parameter JobContext&. It runs on
/// its worker's strand: up to max_concurrency coroutines of one worker are in progress at a time, but only
/// one of them at any instant, so a copy's state needs no lock. (A plain function is never in progress
/// beside another one: max_concurrency counts as 1.) R and S may be move-only, S may be void; an S other
/// than void is default-constructible without throwing.
///
/// executor.execute() is called by submit among others, with a lock of the library held: it must not run
/// the function at once, nor throw anything but std::bad_alloc.
///
/// The workers are idle until a WorkerPool is made of them. They do not count as outstanding work of
/// executor's context while they are idle. Thread-safe.
///
/// Throws std::invalid_argument when n is 0 or an option is out of range, and what copying handler or
/// allocating throws.
template <typename R, typename S, typename Executor = net::any_io_executor, typename Handler>
std::vector<WorkerHandle<R, S, Executor>> spawn_workers(std::type_identity_t<Executor> executor, std::size_t n,
                                                        Handler handler, WorkerOptions options = {}) {
    return detail::SpawnWorkers::with<R, S, Executor>(executor, n, handler, options, detail::Unobserved{});
}

/// The same with an observer (see Observer), of which each worker has a copy. It sees when jobs are started and
/// finished; for where they are routed, give the pool the policy Observed. It costs three looks at the clock a job.
template <typename R, typename S, typename Executor = net::any_io_executor, typename Handler, Observer O>
std::vector<WorkerHandle<R, S, Executor>> spawn_workers(std::type_identity_t<Executor> executor, std::size_t n,
                                                        Handler handler, WorkerOptions options, O observer) {
    return detail::SpawnWorkers::with<R, S, Executor>(executor, n, handler, options, observer);
}

/// The same with R and S taken from the handler's signature.
template <typename Handler>
auto spawn_workers(net::any_io_executor executor, std::size_t n, Handler handler, WorkerOptions options = {}) {
    static_assert(detail::NonGenericHandler<Handler>,
                  "dispatch: the request and response types cannot be told from a handler that is generic or "
                  "overloaded: write spawn_workers<Request, Response>(executor, n, handler)");
    if constexpr (detail::NonGenericHandler<Handler>) {
        return spawn_workers<detail::DeducedRequest<Handler>, detail::DeducedResponse<Handler>>(
            std::move(executor), n, std::move(handler), options);
    }
}

/// The same with an observer, and with R and S taken from the handler's signature.
template <typename Handler, Observer O>
auto spawn_workers(net::any_io_executor executor, std::size_t n, Handler handler, WorkerOptions options, O observer) {
    static_assert(detail::NonGenericHandler<Handler>,
                  "dispatch: the request and response types cannot be told from a handler that is generic or "
                  "overloaded: write spawn_workers<Request, Response>(executor, n, handler, options, observer)");
    if constexpr (detail::NonGenericHandler<Handler>) {
        return spawn_workers<detail::DeducedRequest<Handler>, detail::DeducedResponse<Handler>>(
            std::move(executor), n, std::move(handler), options, std::move(observer));
    }
}

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_WORKER_HPP
