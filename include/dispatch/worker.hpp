// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_WORKER_HPP
#define DISPATCH_WORKER_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/assert.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/execute/batcher.hpp>
#include <dispatch/detail/run/handler_runner.hpp>
#include <dispatch/detail/run/handler_traits.hpp>
#include <dispatch/detail/run/observation.hpp>
#include <dispatch/detail/run/worker.hpp>
#include <dispatch/metrics.hpp>
#include <dispatch/observer.hpp>
#include <dispatch/options.hpp>
#include <dispatch/per_worker.hpp>
#include <dispatch/selection.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace detail {
template <typename R, typename S, SelectionPolicy Policy, typename Executor, typename Clock>
class PoolCore;
template <typename R, typename S, typename Executor, typename Handler>
struct Spawner;
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
    using Core = detail::Worker<R, S, Executor>;

    template <typename, typename, SelectionPolicy, typename, typename>
    friend class detail::PoolCore;
    template <typename, typename, typename, typename>
    friend struct detail::Spawner;

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

template <typename R, typename S, typename Executor, typename Handler>
struct Spawner {
    /// make_handler(id) makes the handler of the worker with that number; each worker has a copy of observer.
    template <typename MakeHandler, typename O = Unobserved>
    static std::vector<WorkerHandle<R, S, Executor>> spawn(const Executor& executor, std::size_t n,
                                                           const WorkerOptions& options, MakeHandler&& make_handler,
                                                           const O& observer = {}) {
        static_assert(std::is_void_v<S> || std::is_default_constructible_v<S>,
                      "dispatch: the response type must be default-constructible, as an error is delivered beside an "
                      "empty response: write std::optional<Response> as the response type");
        using Host = HandlerRunner<R, S, Executor, Handler, O>;
        validate(options);
        check_range("spawn_workers: n", n, 1, std::size_t{1} << 20);
        // First, as make_handler may throw: then there are no workers yet that would keep handlers.
        std::vector<std::shared_ptr<Handler>> handlers;
        handlers.reserve(n);
        for (std::size_t id = 0; id != n; ++id) {
            handlers.push_back(std::make_shared<Handler>(make_handler(id)));
        }
        const auto batcher = std::make_shared<Batcher<Executor>>(executor);
        listen(batcher, executor);
        std::vector<WorkerHandle<R, S, Executor>> workers;
        workers.reserve(n);
        for (std::size_t id = 0; id != n; ++id) {
            auto worker = std::make_shared<Worker<R, S, Executor>>(
                std::make_unique<Host>(std::move(handlers[id]), observer), executor, batcher, id,
                Host::adjusted(options), Host::wants_times);
            workers.push_back(WorkerHandle<R, S, Executor>{worker});
            worker->start();
        }
        return workers;
    }
};

/// The types of jobs, from the signature of what spawn_workers got; and a message where that does not tell.
template <typename Source>
struct Deduced {
    using Handler = typename HandlerOf<Source>::type;
    static constexpr bool works = NonGenericHandler<Handler>;

    static_assert(works,
                  "dispatch: the request and response types cannot be told from a handler that is generic or "
                  "overloaded: write spawn_workers<Request, Response>(executor, n, handler)");

    static constexpr bool is_asios() {
        if constexpr (works) {
            return !ForeignCoroutine<typename CallSignature<Handler>::Returned>;
        }
        return true;
    }
    static_assert(is_asios(),
                  "dispatch: the handler returns another library's coroutine, which a worker cannot await. Return "
                  "asio::awaitable<S>, and start the other coroutine within, with that library's adapter for Asio");
};

template <typename T>
concept ExecutionContext = std::derived_from<T, net::execution_context>;

/// False, once T is known: for overloads that only say what is wrong.
template <typename T>
inline constexpr bool never = false;

/// What all of spawn_workers() come to.
template <typename R, typename S, typename Executor, typename Source, typename O>
std::vector<WorkerHandle<R, S, Executor>> spawn_from(const Executor& executor, std::size_t n, Source& source,
                                                     const WorkerOptions& options, const O& observer) {
    using Handler = typename HandlerOf<Source>::type;
    if constexpr (is_per_worker<Source>) {
        return Spawner<R, S, Executor, Handler>::spawn(executor, n, options, source, observer);
    } else {
        static_assert(std::is_copy_constructible_v<Source>,
                      "dispatch: the handler must be copyable, as each worker has a copy: share what is not through a "
                      "std::shared_ptr, or make each worker its own: per_worker([](std::size_t number) { return "
                      "Handler{number}; })");
        return Spawner<R, S, Executor, Handler>::spawn(
            executor, n, options, [&source](std::size_t /*id*/) -> const Source& { return source; }, observer);
    }
}

}  // namespace detail

/// Starts n workers on executor, each with a strand of its own and a copy of handler.
///
/// handler is S(R) or awaitable<S>(R), each optionally with a second parameter JobContext&; or per_worker(factory),
/// which makes each worker a handler of its own. It runs on its worker's strand: up to max_concurrency coroutines of
/// one worker are in progress at a time, but only one of them at any instant, so a handler's state needs no lock. (A
/// plain function is never in progress beside another one: max_concurrency counts as 1.)
///
/// R and S may be move-only, S may be void. Any other S is default-constructible, as an error is delivered beside an
/// empty response: what is not goes into a std::optional. (If the default constructor throws std::bad_alloc, the error
/// is delivered when there is memory; anything else that it throws leaves the executor's run(), and the completion
/// handler is destroyed, as with Asio's co_spawn.)
///
/// The workers are idle until a WorkerPool is made of them. They do not count as outstanding work of
/// executor's context while they are idle. Thread-safe.
///
/// Throws std::invalid_argument when n is 0 or an option is out of range, and what copying handler, its factory or
/// allocating throws.
template <typename R, typename S, typename Executor = net::any_io_executor, typename Handler>
std::vector<WorkerHandle<R, S, Executor>> spawn_workers(std::type_identity_t<Executor> executor, std::size_t n,
                                                        Handler handler, WorkerOptions options = {}) {
    return detail::spawn_from<R, S>(executor, n, handler, options, detail::Unobserved{});
}

/// The same with an observer (see Observer), of which each worker has a copy. It sees when jobs are started and
/// finished; for where they are routed, give the pool the policy Observed. It costs three looks at the clock a job.
template <typename R, typename S, typename Executor = net::any_io_executor, typename Handler, Observer O>
std::vector<WorkerHandle<R, S, Executor>> spawn_workers(std::type_identity_t<Executor> executor, std::size_t n,
                                                        Handler handler, WorkerOptions options, O observer) {
    return detail::spawn_from<R, S>(executor, n, handler, options, observer);
}

/// The same with R and S taken from the handler's signature.
template <typename Handler>
auto spawn_workers(net::any_io_executor executor, std::size_t n, Handler handler, WorkerOptions options = {}) {
    using Deduced = detail::Deduced<Handler>;
    if constexpr (Deduced::works) {
        return spawn_workers<detail::DeducedRequest<typename Deduced::Handler>,
                             detail::DeducedResponse<typename Deduced::Handler>>(std::move(executor), n,
                                                                                 std::move(handler), options);
    }
}

/// The same with an observer, and with R and S taken from the handler's signature.
template <typename Handler, Observer O>
auto spawn_workers(net::any_io_executor executor, std::size_t n, Handler handler, WorkerOptions options, O observer) {
    using Deduced = detail::Deduced<Handler>;
    if constexpr (Deduced::works) {
        return spawn_workers<detail::DeducedRequest<typename Deduced::Handler>,
                             detail::DeducedResponse<typename Deduced::Handler>>(
            std::move(executor), n, std::move(handler), options, std::move(observer));
    }
}

/// Does not compile, and says what to write: a context is not an executor.
template <typename... RSAndExecutor, detail::ExecutionContext Context, typename... Rest>
void spawn_workers(Context& /*context*/, std::size_t /*n*/, Rest&&... /*rest*/) {
    static_assert(detail::never<Context>,
                  "dispatch: spawn_workers takes an executor, and this is an execution context: write "
                  "context.get_executor()");
}

/// Does not compile, and says what to write: a pool's options are not for its workers.
template <typename... RSAndExecutor, typename Executor, typename Handler, std::same_as<PoolOptions> Options,
          typename... Rest>
    requires(!detail::ExecutionContext<Executor>)
void spawn_workers(const Executor& /*executor*/, std::size_t /*n*/, Handler /*handler*/, Options /*options*/,
                   Rest&&... /*rest*/) {
    static_assert(detail::never<Handler>,
                  "dispatch: spawn_workers takes WorkerOptions (max_concurrency, queue_capacity): give PoolOptions to "
                  "the WorkerPool");
}

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_WORKER_HPP
