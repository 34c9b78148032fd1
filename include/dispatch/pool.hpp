// SPDX-License-Identifier: Apache-2.0
//
// How this library is arranged, from the top down, in the order in which a job passes through it. Each public header,
// each folder of detail/, and simulation/ are layers; a header includes only headers of its own layer and of those
// below. A test checks that, with the list in cmake/layers.txt.
//
//   src.hpp                      what is compiled once, if you like
//   pool.hpp                     WorkerPool: submit, try_submit, drain, stop. Start reading here.
//   detail/pool/                 the pool's implementation: makes a job and places it
//   worker.hpp                   WorkerHandle and spawn_workers
//   stream.hpp, detail/stream/   a response in parts: what a job's handler writes, and its submitter reads meanwhile
//   detail/run/                  runs jobs: a worker, its lanes (coroutines), their scheduler, the handler; waits until
//                                a pool is idle
//   detail/queue/                holds waiting jobs and their deadlines, and lends them to other workers  (no Asio)
//   detail/route/                chooses the worker, admits or refuses the job, counts it                 (no Asio)
//   job.hpp, detail/job/, semaphore.hpp
//                                the node that carries a job; the semaphore that gates new lanes
//   detail/reply/                completes an operation on its handler's executor
//   detail/execute/              gives threads to strands and replies: one queue, from which the executor runs batches
//   simulation.hpp, simulation/  virtual time: an execution context, its executor and timer, for tests and studies
//   time_source.hpp              which clock and timer an executor has
//   detail/asio/                 selects the Asio, and adapts what the layers above need of it
//   ----------------------------------------------------------------- no Asio from here on down
//   affinity.hpp                 remembers the workers of each session
//   observer.hpp, job_report.hpp the events that an observer receives; what a submitter hears of its job
//   detail/sessions/             the session map's table and its hash function
//   detail/simulation/           what is to be done in a simulation, in which order, and when
//   selection.hpp                selection policies: which worker is least loaded
//   options.hpp, session_ref.hpp, per_worker.hpp         what users pass in
//   metrics.hpp, prometheus.hpp, json.hpp, error.hpp     what users get out
//   detail/base/                 lists, locks and memory, without any notion of a job
#ifndef DISPATCH_POOL_HPP
#define DISPATCH_POOL_HPP

#include <concepts>
#include <cstddef>
#include <exception>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/assert.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/sharded_ptr.hpp>
#include <dispatch/detail/job/session_only.hpp>
#include <dispatch/detail/pool/pool_core.hpp>
#include <dispatch/error.hpp>
#include <dispatch/job_report.hpp>
#include <dispatch/metrics.hpp>
#include <dispatch/options.hpp>
#include <dispatch/selection.hpp>
#include <dispatch/worker.hpp>

namespace dispatch::inline DISPATCH_ABI {

namespace detail {

template <typename S>
struct ReplySignature {
    using type = void(std::exception_ptr, S);
};
template <>
struct ReplySignature<void> {
    using type = void(std::exception_ptr);
};

}  // namespace detail

/// Spreads requests over workers by load or by session, and completes each submitted request with its response.
///
/// Every submit operation completes exactly once: with the response, with the handler's exception, or with an error
/// that says why there is no response (see errc).
///
/// @par Object lifetimes
/// The pool may be destroyed while jobs are outstanding, within a handler or a completion handler, and before or after
/// its execution context. If the execution context is destroyed first, the completion handlers of outstanding
/// operations are destroyed without being called, as with Asio's own operations.
///
/// @par Thread safety
/// All members may be called concurrently from any thread, except the destructor, assignment to the pool, and moving
/// from it.
///
/// @tparam R The type of requests.
/// @tparam S The type of responses, or void.
/// @tparam Policy Chooses the worker for a job: LeastLoaded, RoundRobin, PowerOfTwoChoices, or your own
///     SelectionPolicy.
/// @tparam Executor The type of the executor on which the workers were spawned. The pool takes all times from
///     TimeSource<Executor>: on simulation::Executor, time is virtual.
template <typename R, typename S, SelectionPolicy Policy = LeastLoaded, typename Executor = net::any_io_executor>
class WorkerPool {
  public:
    /// The type of the executor on which the workers were spawned.
    using executor_type = Executor;
    /// The type of a handle to one of the pool's workers.
    using Handle = WorkerHandle<R, S, Executor>;

    /// Makes a pool of workers. From now on each worker's id() is its index in workers.
    ///
    /// @param workers At least one worker, all on executors of one execution context, and none of them in another pool.
    /// @param options How the pool places jobs.
    /// @param policy Chooses the worker for a job.
    /// @throws std::invalid_argument If an option is out of range, if workers is empty, or if one of them is given
    ///     twice, was moved from, is or was in another pool, runs on another execution context than the first one, or
    ///     has lost its execution context. Also throws what an allocation or moving policy throws. No worker has joined
    ///     a pool then.
    explicit WorkerPool(std::vector<Handle> workers, PoolOptions options = {}, Policy policy = Policy{})
        : core_{Core::make(cores(std::move(workers)), options, std::move(policy))} {}

    /// Does not compile, with a message that says what to write: the workers have other types than the pool.
    template <typename R2, typename S2, typename Executor2, typename... Rest>
        requires(!std::is_same_v<WorkerHandle<R2, S2, Executor2>, Handle>)
    explicit WorkerPool(const std::vector<WorkerHandle<R2, S2, Executor2>>& /*workers*/, Rest&&... /*rest*/) {
        static_assert(std::is_same_v<R2, R> && std::is_same_v<S2, S>,
                      "dispatch: the workers' request or response type is not the pool's: R and S of "
                      "spawn_workers<R, S> and WorkerPool<R, S> must be the same (where spawn_workers takes them from "
                      "the handler's signature, name them)");
        static_assert(std::is_same_v<Executor2, Executor>,
                      "dispatch: the workers' executor type is not the pool's: write spawn_workers<R, S, Executor> and "
                      "WorkerPool<R, S, Policy, Executor> with the same Executor");
    }

    /// Does not compile, with a message that says what to write: WorkerOptions are for spawn_workers(), not for the
    /// pool.
    template <std::same_as<WorkerOptions> Options, typename... Rest>
    WorkerPool(const std::vector<Handle>& /*workers*/, Options /*options*/, Rest&&... /*rest*/) {
        static_assert(detail::never<Options>,
                      "dispatch: a WorkerPool takes PoolOptions (affinity_ttl, overflow and so on): give WorkerOptions "
                      "to spawn_workers");
    }

    /// Takes over the workers with all their jobs. The pool that is moved from may only be assigned to or destroyed.
    WorkerPool(WorkerPool&&) noexcept = default;
    /// Stops this pool, as stop() does, and takes over the workers of other with all their jobs. other may then only be
    /// assigned to or destroyed.
    WorkerPool& operator=(WorkerPool&& other) noexcept {
        if (this != &other) {
            close();
            core_ = std::move(other.core_);
        }
        return *this;
    }
    /// Stops the pool, as stop() does. Does not wait for handlers that run.
    ~WorkerPool() { close(); }

    /// Runs request on one of the workers, and completes with its response.
    ///
    /// A job is routed to the worker to which its session is pinned. The first job of a session, and a job without one
    /// (`std::nullopt`), is routed to the worker that Policy chooses; a full worker is passed over while another one
    /// has a place. If there is no place, PoolOptions::overflow decides: the job waits at its worker, first come, first
    /// served, or it is refused.
    ///
    /// Which worker runs it depends on the job:
    ///   - Without a session, or with affinity off: the one to which it was routed, or another one that has a permit
    ///     free earlier. With PoolOptions::late_binding off, never another one.
    ///   - With a session and Affinity::strict (the default): its session's worker, even if others are idle.
    ///   - With a session and Affinity::preferred: one of the session's two latest workers if that is worth the wait,
    ///     and otherwise one that has a permit free.
    ///
    /// A job that runs has its worker for good.
    ///
    /// The operation starts when token starts it: at once with a callback or `use_future`, when it is awaited with the
    /// default token, when it is launched with `deferred`. Before that, the pool knows nothing of the job.
    ///
    /// @par Preconditions
    /// The pool was not moved from.
    ///
    /// @par Object lifetimes
    /// request is moved into the job, and from there to the worker's handler. The session's text is copied when the
    /// operation starts. Until then a temporary string (`"x" + id`) is kept in the operation, but a named string, or
    /// the text of a view, must still exist.
    ///
    /// The pool may be destroyed while the operation is outstanding, and also before it starts: the operation then
    /// completes as after stop(). If the execution context is destroyed while the operation is outstanding, the
    /// completion handler is destroyed without being called.
    ///
    /// @par Handler signature
    /// `void(std::exception_ptr, S)`, or `void(std::exception_ptr)` if S is void. The pointer is null on success. With
    /// an error, the response is `S{}`.
    ///
    /// @par Executor
    /// The completion handler runs on its associated executor, or on get_executor() if it has none; a coroutine resumes
    /// on its own executor. It is called exactly once, as if by `asio::post`, and never from within this function. The
    /// associated executor has outstanding work until then. An executor that cannot defer functions (it has no
    /// `blocking.never`) is given the completion handler from within the pool's executor. If the pool's execution
    /// context is gone, `system_executor` takes the place of the pool's executor.
    ///
    /// @par Per-operation cancellation
    /// `terminal`, `partial` and `total`:
    ///   - Waiting for a place, or queued: the operation completes with `operation_aborted`, and the handler does not
    ///     run. The other jobs keep their order.
    ///   - Running: a coroutine receives the cancellation with its type, and the operation completes with the response
    ///     or the exception with which the coroutine then ends. A plain function is not interrupted.
    ///   - Ended, with the completion on its way: no effect.
    ///
    /// The signal must be emitted on the associated executor, after the operation has started, and while that
    /// executor's context exists.
    ///
    /// @par Errors
    ///   - The handler's exception, as it was thrown. (After a cancellation this may be the one that Asio threw in the
    ///     handler: with Boost.Asio a `boost::system::system_error`.)
    ///   - `std::system_error` with errc::queue_full, if the job was refused. Only with Overflow::reject.
    ///   - `std::system_error` with errc::stopped, if the operation started after the pool was drained, stopped or
    ///     destroyed, or after its execution context was; or if the pool was stopped or destroyed before the handler
    ///     started.
    ///   - `std::system_error` with errc::abandoned, if the handler's coroutine was destroyed before it ended.
    ///   - `std::system_error` with `operation_aborted`, if the job was cancelled before it ran.
    ///   - What an allocation (`std::bad_alloc`) or moving request threw; the job was not queued or counted then. If
    ///     there is no memory even to deliver that error, this function throws `std::bad_alloc` when the operation
    ///     starts, and the completion handler is not called.
    ///   - What moving the response threw.
    ///
    /// @par Thread safety
    /// May be called concurrently with all members except the destructor, assignment, and moving from the pool.
    ///
    /// @param session The job's session: any text, or `std::nullopt` for none.
    /// @param request The request.
    /// @param token A completion token. The default is for `co_await`.
    template <detail::SessionName Session, typename Token = default_token<Executor>>
    auto submit(Session&& session, R request, Token&& token = {}) {
        return start(wishes(std::forward<Session>(session)), std::move(request), core()->overflow, token);
    }

    /// As submit(session, request, token), with the session and a deadline taken from options.
    ///
    /// The deadline spans waiting, queueing and running. When it passes, a job that is waiting or queued ends at once,
    /// without being run. If the handler is running, its coroutine receives a terminal cancellation (a plain function
    /// is not interrupted), and the operation completes at once, without waiting for it; the job keeps its permit and
    /// counts in its worker's load until the handler has ended. All this takes a free thread of the pool's execution
    /// context, and one for the completion handler.
    ///
    /// A job that is submitted after its deadline is placed like any other before it ends, so it may also complete with
    /// errc::queue_full or errc::stopped.
    ///
    /// @par Object lifetimes
    /// options is copied, but not the text to which `options.session` refers: that must exist until the operation
    /// starts. If the operation completes because of its deadline, the request and the job's copy of the session's text
    /// live until the handler has ended. With a deadline, the job's memory does not come from the completion handler's
    /// associated allocator.
    ///
    /// @par Errors
    /// Also `std::system_error` with errc::deadline_exceeded, if the deadline passed before the handler ended. If both
    /// happen at the same moment, either may win. And `std::invalid_argument`, if `options.miss_cost` is negative; the
    /// job was not queued or counted then.
    template <typename Token = default_token<Executor>>
    auto submit(SubmitOptions options, R request, Token&& token = {}) {
        return start(options, std::move(request), core()->overflow, token);
    }

    /// As submit(session, request, token), but never waits for a place: if there is none, the operation completes with
    /// errc::queue_full, whatever PoolOptions::overflow says.
    template <detail::SessionName Session, typename Token = default_token<Executor>>
    auto try_submit(Session&& session, R request, Token&& token = {}) {
        return start(wishes(std::forward<Session>(session)), std::move(request), Overflow::reject, token);
    }
    /// As submit(options, request, token), but never waits for a place: if there is none, the operation completes with
    /// errc::queue_full, whatever PoolOptions::overflow says.
    template <typename Token = default_token<Executor>>
    auto try_submit(SubmitOptions options, R request, Token&& token = {}) {
        return start(options, std::move(request), Overflow::reject, token);
    }

    /// Closes the pool to new jobs, and completes with the Ledger when all accepted jobs have ended.
    ///
    /// Submit operations that start later complete with errc::stopped. Accepted jobs run, including those that wait for
    /// a place. A job whose deadline passes while it runs has ended only when its handler has. The pool stays closed.
    ///
    /// drain() may be called any number of times, at the same time, and after stop(). The operation starts when token
    /// starts it: `pool.drain();` with the default token, without `co_await`, does nothing.
    ///
    /// @par Preconditions
    /// The pool was not moved from. A handler of this pool must not wait for the operation, as it would wait for
    /// itself; it may start one.
    ///
    /// @par Object lifetimes
    /// The pool may be destroyed while the operation is outstanding, and also before it starts. The operation then
    /// completes when the handlers that run have ended. If the execution context is destroyed while the operation is
    /// outstanding, the completion handler is destroyed without being called; an operation that starts after that
    /// completes with the ledger.
    ///
    /// @par Handler signature
    /// `void(std::exception_ptr, Ledger)`. With an error, the ledger has the figures of that moment.
    ///
    /// @par Executor
    /// The completion handler runs on its associated executor, or on get_executor() if it has none. It is called as if
    /// by `asio::post`, never from within this function. The associated executor has outstanding work until then, so a
    /// context's `run()` does not return while one of its coroutines awaits drain(). A plain callback has no associated
    /// executor and runs on the pool's; to run it elsewhere, write `drain(bind_executor(io, callback))`.
    ///
    /// @par Per-operation cancellation
    /// `terminal`, `partial` and `total`, with equal effect:
    ///   - Waiting for jobs to end: the operation completes with `operation_aborted`. The pool stays closed, and its
    ///     jobs, whether waiting, queued or running, go on.
    ///   - Ended, with the completion on its way: no effect.
    ///
    /// The signal must be emitted on the associated executor, after the operation has started.
    ///
    /// @par Errors
    /// `std::system_error` with `operation_aborted`, if the operation was cancelled. If there is no memory for the
    /// operation, this function throws `std::bad_alloc` (or what the associated allocator throws) when the operation
    /// starts, and the handler is not called; the pool is closed nevertheless.
    ///
    /// @par Thread safety
    /// May be called concurrently with all members except the destructor, assignment, and moving from the pool.
    ///
    /// @param token A completion token. The default is for `co_await`.
    template <typename Token = default_token<Executor>>
    auto drain(Token&& token = {}) {
        using Signature = void(std::exception_ptr, Ledger);
        constexpr bool fits = detail::fits_signature<std::decay_t<Token>, Signature>;
        static_assert(fits,
                      "dispatch: this completion token does not fit drain(): a callback is called with "
                      "(std::exception_ptr, dispatch::Ledger): write [](std::exception_ptr error, dispatch::Ledger "
                      "ledger) { ... }");
        if constexpr (fits) {
            return net::async_initiate<Token, Signature>(Drain{core().share()}, token);
        }
    }

    /// Closes the pool to new jobs, and ends those that it has, without waiting.
    ///
    /// Jobs that are waiting or queued, and submit operations that start later, complete with errc::stopped. Coroutines
    /// that run receive a terminal cancellation, and their submitters receive the response or the exception with which
    /// they end; plain functions go on. No completion handler is called from within this function. To wait until the
    /// handlers have ended, await drain() afterwards. Calling stop() again has no effect.
    ///
    /// May be called from any thread, a handler or a completion handler.
    void stop() noexcept { core()->stop(); }

    /// Returns the figures of each worker, in the order of their id(). Throws `std::bad_alloc` if there is no memory.
    std::vector<WorkerMetrics> worker_metrics() const { return core()->worker_metrics(); }

    /// Returns what became of the pool's jobs so far.
    Ledger ledger() const noexcept { return core()->ledger(); }

    /// Returns the number of workers, which never changes.
    std::size_t size() const noexcept { return core()->size(); }

    /// Returns the executor on which the first worker was spawned. It runs completion handlers without an associated
    /// executor. Precondition: the execution context is alive; later the result is a `system_executor` if Executor can
    /// hold one, as `any_io_executor` can.
    executor_type get_executor() const noexcept { return core()->executor(); }

  private:
    using Core = detail::PoolCore<Policy, Executor>;

    /// Initiates submit and try_submit. A named type with get_executor(), as tokens such as cancel_after need one.
    struct Submit {
        using executor_type = Executor;
        detail::ShardedRef<Core> core;
        Overflow overflow;

        executor_type get_executor() const noexcept { return core->executor(); }

        /// Called if there are no options: with a view of the session, or, if that was a temporary, the operation has
        /// kept it until now.
        template <typename Handler, detail::SessionName Session>
        [[gnu::always_inline]] inline void operator()(Handler&& handler, const Session& session, R&& request) const {
            operator()(std::forward<Handler>(handler), detail::SessionOnly{session}, std::move(request));
        }

        template <typename Handler, typename Options>
            requires(!detail::SessionName<Options>)
        [[gnu::always_inline]] inline void operator()(Handler&& handler, const Options& options, R&& request) const {
            if constexpr (std::is_same_v<Handler, std::decay_t<Handler>>) {
                core->template submit<R, S>(handler, options, std::move(request), overflow);
            } else {
                std::decay_t<Handler> owned{std::forward<Handler>(handler)};
                core->template submit<R, S>(owned, options, std::move(request), overflow);
            }
        }
    };

    /// Initiates drain.
    struct Drain {
        using executor_type = Executor;
        detail::ShardedRef<Core> core;

        executor_type get_executor() const noexcept { return core->executor(); }

        template <typename Handler>
        void operator()(Handler&& handler) const {
            std::decay_t<Handler> owned{std::forward<Handler>(handler)};
            core->drain(owned);
        }
    };

    /// Returns what an operation keeps of a session until it starts: a temporary itself, or a view of any other text.
    template <detail::SessionName Session>
    static decltype(auto) wishes(Session&& session) {
        detail::refuse_nullptr<Session>();
        if constexpr (detail::TemporaryText<Session>) {
            return std::forward<Session>(session);
        } else if constexpr (std::is_null_pointer_v<std::decay_t<Session>> ||
                             std::is_same_v<std::decay_t<Session>, std::nullopt_t>) {
            return detail::NoSession{};
        } else {
            return SessionRef{session};
        }
    }

    /// Makes the operation. wishes is a SubmitOptions, or what wishes() has returned.
    template <typename Wishes, typename Token>
    auto start(Wishes&& wishes, R&& request, Overflow overflow, Token& token) {
        using Signature = typename detail::ReplySignature<S>::type;
        constexpr bool fits = detail::fits_signature<std::decay_t<Token>, Signature>;
        static_assert(fits || std::is_void_v<S>,
                      "dispatch: this completion token does not fit submit(): a callback is called with "
                      "(std::exception_ptr, S): write [](std::exception_ptr error, Response response) { ... }");
        static_assert(fits || !std::is_void_v<S>,
                      "dispatch: this completion token does not fit submit(): where S is void, a callback is called "
                      "with (std::exception_ptr): write [](std::exception_ptr error) { ... }");
        if constexpr (fits) {
            return net::async_initiate<Token, Signature>(Submit{core().share(), overflow}, token,
                                                         std::forward<Wishes>(wishes), std::move(request));
        }
    }

    static auto cores(std::vector<Handle> workers) {
        std::vector<std::shared_ptr<detail::Worker<Executor>>> cores;
        cores.reserve(workers.size());
        for (Handle& worker : workers) {
            cores.push_back(std::move(worker.core_));
        }
        return cores;
    }

    const detail::ShardedOwner<Core>& core() const noexcept {
        DISPATCH_ASSERT(core_,
                        "a WorkerPool was used after it was moved from: it may only be assigned to or destroyed");
        return core_;
    }

    void close() noexcept {
        if (core_) {
            core_->stop();
        }
    }

    detail::ShardedOwner<Core> core_;
};

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_POOL_HPP
