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
#include <dispatch/detail/run/handler_runner.hpp>
#include <dispatch/detail/run/handler_traits.hpp>
#include <dispatch/detail/run/job_traits.hpp>
#include <dispatch/detail/run/observation.hpp>
#include <dispatch/detail/run/worker.hpp>
#include <dispatch/detail/run/worker_functions.hpp>
#include <dispatch/metrics.hpp>
#include <dispatch/observer.hpp>
#include <dispatch/options.hpp>
#include <dispatch/per_worker.hpp>
#include <dispatch/selection.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace detail {
template <typename R, typename S, typename Executor, typename Handler>
struct Spawner;
}  // namespace detail

template <typename R, typename S, SelectionPolicy Policy, typename Executor>
class WorkerPool;

/// A handle to a worker that spawn_workers() started: for making a WorkerPool, and for reading the worker's figures.
///
/// Copies are cheap and refer to the same worker. The worker runs until its pool is stopped or destroyed; without a
/// pool, until its last handle is gone. A handle stays usable after that, but not after it was moved from: then it may
/// only be assigned to or destroyed.
///
/// @par Thread safety
/// All functions may be called concurrently from any thread. While other threads use the pool, what they return is an
/// estimate.
///
/// @tparam R The type of requests.
/// @tparam S The type of responses.
/// @tparam Executor The type of the executor on which the worker was spawned.
template <typename R, typename S, typename Executor = net::any_io_executor>
class WorkerHandle {
  public:
    /// The type of the executor on which the worker was spawned.
    using executor_type = Executor;

    /// Returns the worker's number. In a pool this is the worker's index among the pool's workers, and the number that
    /// metrics, events and JobContext use. Before that it is the index in the result of spawn_workers().
    std::size_t id() const noexcept { return core()->id(); }
    /// Returns how many jobs are in flight: see WorkerMetrics::inflight.
    std::size_t inflight() const noexcept { return core()->load()->inflight(); }
    /// Returns how many jobs wait in the queue for a permit.
    std::size_t queue_len() const noexcept { return core()->load()->queued(); }
    /// Returns WorkerOptions::queue_capacity.
    std::size_t capacity() const noexcept { return core()->load()->capacity(); }
    /// Returns how many jobs failed: see WorkerMetrics::errors.
    std::uint64_t errors() const noexcept { return metrics().errors; }
    /// Returns the number by which selection policies compare workers: jobs in flight and queued, and submitters that
    /// wait for a place.
    std::size_t load() const noexcept { return core()->load()->value(); }
    /// Returns all figures of the worker. `sessions` is 0: only WorkerPool::worker_metrics() knows it.
    WorkerMetrics metrics() const noexcept { return core()->load()->metrics(core_->id()); }

  private:
    using Core = detail::Worker<Executor>;

    template <typename, typename, SelectionPolicy, typename>
    friend class WorkerPool;
    template <typename, typename, typename, typename>
    friend struct detail::Spawner;

    /// The last copy of core closes the worker.
    explicit WorkerHandle(std::shared_ptr<Core> core) noexcept : core_{std::move(core)} {}

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
    /// Starts n workers. make_handler(id) makes the handler of the worker with that number; each worker gets a copy of
    /// observer.
    template <typename MakeHandler, typename O = Unobserved>
    static std::vector<WorkerHandle<R, S, Executor>> spawn(const Executor& executor, std::size_t n,
                                                           const WorkerOptions& options, MakeHandler&& make_handler,
                                                           const O& observer = {}) {
        static_assert(std::is_void_v<S> || std::is_default_constructible_v<S>,
                      "dispatch: the response type must be default-constructible, as an error is delivered beside an "
                      "empty response: write std::optional<Response> as the response type");
        using Traits = JobTraits<R, S, Executor>;
        using Adapted = typename Traits::template AdaptedHandler<Handler>;
        using Host = HandlerRunner<typename Traits::Request, typename Traits::Response, Executor, Adapted, O>;
        WorkerFunctions<Executor>::check(n, options);
        // All handlers are made before any worker: if make_handler throws, no worker keeps one.
        typename WorkerFunctions<Executor>::Hosts hosts;
        hosts.reserve(n);
        for (std::size_t id = 0; id != n; ++id) {
            hosts.push_back(std::make_unique<Host>(std::make_shared<Adapted>(make_handler(id)), observer));
        }
        std::vector<WorkerHandle<R, S, Executor>> workers;
        workers.reserve(n);
        for (auto& worker :
             WorkerFunctions<Executor>::start(executor, std::move(hosts), Host::adjusted(options), Host::wants_times)) {
            workers.push_back(WorkerHandle<R, S, Executor>{std::move(worker)});
        }
        return workers;
    }
};

/// Deduces the request and response types from the signature of the handler, or says why that is not possible.
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

/// Always false, but not before T is known: for the static_asserts of overloads that must not be used.
template <typename T>
inline constexpr bool never = false;

/// The common implementation of all spawn_workers().
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

/// Starts workers, each with its own strand of executor and its own copy of handler. Make a WorkerPool of them to
/// submit jobs.
///
/// The handler is called as `S(R)` or `awaitable<S>(R)`, each optionally with a second parameter `JobContext&`. Up to
/// WorkerOptions::max_concurrency coroutines of a worker are in progress at a time, but only one of them runs at any
/// instant, so the handler's own state needs no lock. A plain function runs alone: max_concurrency counts as 1. If the
/// handler takes the request by reference, the request lives until the handler ends.
///
/// R and S may be move-only, and S may be void. Any other S must be default-constructible, because an error is
/// delivered together with an empty response; wrap other types in a `std::optional`. If the default constructor throws
/// `std::bad_alloc`, the error is delivered as soon as there is memory. Any other exception of it leaves the executor's
/// run(), and the completion handler is destroyed, as with Asio's co_spawn.
///
/// @par Preconditions
/// The execution context is alive. A handler's coroutine must not move itself to another executor, because there it
/// would race with its own cancellation: instead, it awaits `co_spawn(other, work(), use_awaitable)`.
///
/// @par Object lifetimes
/// Workers, handles and pool may outlive the execution context, and may be destroyed before it. For the handlers, see
/// per_worker().
///
/// @par Executor
/// The handler runs on its worker's strand, a WorkerExecutor. A handler that returns `awaitable<S,
/// WorkerExecutor<Executor>>` runs without type erasure. Idle workers do not keep the execution context from running
/// out of work.
///
/// @par Thread safety
/// May be called concurrently from any thread.
///
/// @tparam R The type of requests.
/// @tparam S The type of responses.
/// @tparam Executor The type of executor.
/// @param executor The executor on which the workers run. Takes an executor, not an execution context.
/// @param n How many workers to start: 1 to 2^20.
/// @param handler Handles the requests; or per_worker(factory), which makes a handler for each worker.
/// @param options The limits of each worker.
/// @return A handle for each worker. They are numbered from 0 to n - 1.
/// @throws std::invalid_argument If n or an option is out of range. Also throws what copying handler, its factory or an
///     allocation throws; then there are no workers.
template <typename R, typename S, typename Executor = net::any_io_executor, typename Handler>
std::vector<WorkerHandle<R, S, Executor>> spawn_workers(std::type_identity_t<Executor> executor, std::size_t n,
                                                        Handler handler, WorkerOptions options = {}) {
    return detail::spawn_from<R, S>(executor, n, handler, options, detail::Unobserved{});
}

/// As spawn_workers(executor, n, handler, options), with an observer: each worker gets a copy of it and reports when
/// jobs are started, finished and dropped. To observe also where jobs are routed, give the pool the policy Observed. An
/// observer makes the library read the clock three times for each job.
template <typename R, typename S, typename Executor = net::any_io_executor, typename Handler, Observer O>
std::vector<WorkerHandle<R, S, Executor>> spawn_workers(std::type_identity_t<Executor> executor, std::size_t n,
                                                        Handler handler, WorkerOptions options, O observer) {
    return detail::spawn_from<R, S>(executor, n, handler, options, observer);
}

/// As spawn_workers<R, S>(executor, n, handler, options), with R and S deduced from the handler's signature, which must
/// not be generic or overloaded. The executor becomes an `any_io_executor`; to keep its type, name R, S and Executor.
template <typename Handler>
auto spawn_workers(net::any_io_executor executor, std::size_t n, Handler handler, WorkerOptions options = {}) {
    using Deduced = detail::Deduced<Handler>;
    if constexpr (Deduced::works) {
        return spawn_workers<detail::DeducedRequest<typename Deduced::Handler>,
                             detail::DeducedResponse<typename Deduced::Handler>>(std::move(executor), n,
                                                                                 std::move(handler), options);
    }
}

/// As spawn_workers<R, S>(executor, n, handler, options, observer), with R and S deduced from the handler's signature,
/// which must not be generic or overloaded.
template <typename Handler, Observer O>
auto spawn_workers(net::any_io_executor executor, std::size_t n, Handler handler, WorkerOptions options, O observer) {
    using Deduced = detail::Deduced<Handler>;
    if constexpr (Deduced::works) {
        return spawn_workers<detail::DeducedRequest<typename Deduced::Handler>,
                             detail::DeducedResponse<typename Deduced::Handler>>(
            std::move(executor), n, std::move(handler), options, std::move(observer));
    }
}

/// Does not compile, with a message that says what to write: an execution context is not an executor.
template <typename... RSAndExecutor, detail::ExecutionContext Context, typename... Rest>
void spawn_workers(Context& /*context*/, std::size_t /*n*/, Rest&&... /*rest*/) {
    static_assert(detail::never<Context>,
                  "dispatch: spawn_workers takes an executor, and this is an execution context: write "
                  "context.get_executor()");
}

/// Does not compile, with a message that says what to write: PoolOptions are for the pool, not for its workers.
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
