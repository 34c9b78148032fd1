// SPDX-License-Identifier: Apache-2.0
//
// How this library is arranged, from the top down: the way of a job. A folder of detail/ is a room; a header includes
// only headers of its own room and of those below it.
//
//   pool.hpp                     WorkerPool: submit, try_submit, drain, stop. Start reading here.
//   detail/pool/                 what it is made of; how a job is placed
//   worker.hpp                   WorkerHandle and spawn_workers
//   detail/run/                  who runs jobs: a worker, its lanes and their scheduler, its handler; waiting until a
//                                pool is idle
//   detail/queue/                what waits for a worker, and for how long it may        (no Asio)
//   detail/route/                which worker gets a job; who may come in; what is counted    (no Asio)
//   job.hpp, semaphore.hpp       the node that travels; what the loop that adds lanes waits for
//   detail/reply/                how an operation ends, on whose executor
//   detail/execute/              how strands and replies get a thread: one queue, of which the executor sees one
//   function
//                                a batch
//   detail/asio/                 which Asio it is, and what all of these need of it
//   ----------------------------------------------------------------- no Asio from here on down
//   affinity.hpp                 which worker a session has
//   observer.hpp                 what an observer of a pool sees
//   detail/sessions/             the session map's table and its hash
//   selection.hpp                which worker is least loaded
//   options.hpp, session_ref.hpp, per_worker.hpp    what goes in
//   metrics.hpp, prometheus.hpp, json.hpp, error.hpp    what comes out
//   detail/base/                 lists, locks and memory: knows nothing of jobs
#ifndef DISPATCH_POOL_HPP
#define DISPATCH_POOL_HPP

#include <chrono>
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
#include <dispatch/detail/pool/pool_core.hpp>
#include <dispatch/error.hpp>
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

/// Spreads requests over workers and gives each caller its response.
///
/// All members but the destructor and assignment may be called concurrently, from any thread. The pool
/// may be destroyed with work outstanding (it stops first), also from within a handler, and before or
/// after its execution context.
///
/// R and S are the types of requests and responses, S may be void. Policy chooses among the workers; Executor is what
/// the workers were spawned on; Clock times the sessions' pins and may be one that a test moves by hand.
template <typename R, typename S, SelectionPolicy Policy = LeastLoaded, typename Executor = net::any_io_executor,
          typename Clock = std::chrono::steady_clock>
class WorkerPool {
  public:
    /// What the workers were spawned on.
    using executor_type = Executor;
    /// One of the workers that the pool is made of.
    using Handle = WorkerHandle<R, S, Executor>;

    /// Makes a pool of workers, which must not be part of another one; all of them run on executors of
    /// one context. Throws std::invalid_argument when there are none, when one has a pool already,
    /// comes twice, runs on another context or has lost it, or when an option is out of range.
    explicit WorkerPool(std::vector<Handle> workers, PoolOptions options = {}, Policy policy = Policy{})
        : core_{std::in_place, std::move(workers), options, std::move(policy)} {}

    /// Does not compile, and says what to write: workers of other types.
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

    /// Does not compile, and says what to write: workers' options are not for the pool.
    template <std::same_as<WorkerOptions> Options, typename... Rest>
    WorkerPool(const std::vector<Handle>& /*workers*/, Options /*options*/, Rest&&... /*rest*/) {
        static_assert(detail::never<Options>,
                      "dispatch: a WorkerPool takes PoolOptions (affinity_ttl, overflow and so on): give WorkerOptions "
                      "to spawn_workers");
    }

    /// Takes the workers over with all their jobs. The pool that is moved from may only be assigned to or
    /// destroyed.
    WorkerPool(WorkerPool&&) noexcept = default;
    /// The same; the pool that was here is stopped first, and not waited for.
    WorkerPool& operator=(WorkerPool&& other) noexcept {
        if (this != &other) {
            close();
            core_ = std::move(other.core_);
        }
        return *this;
    }
    /// Stops the pool; does not wait.
    ~WorkerPool() { close(); }

    /// Runs request on a worker and gives its response to the caller.
    ///
    /// The worker is the one to which session is pinned, or for a new session and for none
    /// (std::nullopt) the one that Policy chooses. When its queue is full PoolOptions::overflow says
    /// whether the caller waits. The session's text is copied when the operation starts, which with
    /// co_await is within the full expression. For one that is started later, with deferred for instance, a temporary
    /// session ("x" + id) is kept until then; one that has a name must still be there.
    ///
    /// token is any completion token; without one the result is for co_await. request is moved into the
    /// job, and from there to the worker's handler. The pool may be destroyed meanwhile, also between this
    /// call and the co_await; the job completes all the same.
    ///
    /// Completion signature: void(std::exception_ptr, S), or void(std::exception_ptr) when S is void.
    /// The handler is called exactly once, on its associated executor (the pool's if it has none), never
    /// from within this function.
    ///
    /// Errors: the handler's own exception, as it was thrown; or a std::system_error with
    /// errc::queue_full, errc::deadline_exceeded, errc::stopped, errc::abandoned (the handler's coroutine was
    /// destroyed by what it awaited), or operation_aborted after a cancellation; or what an allocation or a move threw
    /// before the job was queued.
    ///
    /// Cancellation (any type). Waiting or queued: the job leaves at once, with operation_aborted.
    /// Running: the handler's coroutine receives it, and the caller hears what the handler makes of it;
    /// a plain function is not disturbed. As always in Asio the signal is emitted on the handler's
    /// associated executor, not concurrently with the operation's start, and not after that executor's
    /// context is gone.
    template <detail::SessionName Session, typename Token = default_token<Executor>>
    auto submit(Session&& session, R request, Token&& token = {}) {
        return start(wishes(std::forward<Session>(session)), std::move(request), core()->overflow, token);
    }

    /// The same with a deadline, and what else SubmitOptions has. The deadline spans waiting, queueing
    /// and running: a job past it never starts; one that runs receives a terminal cancellation, and its
    /// caller hears errc::deadline_exceeded without waiting for it to end.
    template <typename Token = default_token<Executor>>
    auto submit(SubmitOptions options, R request, Token&& token = {}) {
        return start(options, std::move(request), core()->overflow, token);
    }

    /// Like submit, but completes with errc::queue_full where that would wait for a place.
    template <detail::SessionName Session, typename Token = default_token<Executor>>
    auto try_submit(Session&& session, R request, Token&& token = {}) {
        return start(wishes(std::forward<Session>(session)), std::move(request), Overflow::reject, token);
    }
    /// The same with a deadline, and what else SubmitOptions has.
    template <typename Token = default_token<Executor>>
    auto try_submit(SubmitOptions options, R request, Token&& token = {}) {
        return start(options, std::move(request), Overflow::reject, token);
    }

    /// Stops admission (later submits complete with errc::stopped), and completes when all that was
    /// accepted has ended. May be called again, and after stop().
    ///
    /// Completion signature: void(std::exception_ptr, Ledger), never from within this function, on the handler's
    /// associated executor, whose context has work until then: where a coroutine of another context awaits this, its
    /// run() does not return before. A plain callback has no executor of its own, and is called on the pool's; the
    /// pool cannot know where it came from. Bind one to hear it elsewhere: drain(bind_executor(io, callback)).
    ///
    /// Cancellation (any type): stops waiting, with operation_aborted; admission stays closed. Errors: no other.
    /// Thread-safe.
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

    /// Stops at once: waiting and queued jobs complete with errc::stopped, handlers that run receive a
    /// terminal cancellation, later submits complete with errc::stopped. Returns without waiting; drain()
    /// waits. Again has no effect.
    void stop() noexcept { core()->stop(); }

    /// A row for each worker, in the order in which they were given.
    std::vector<WorkerMetrics> worker_metrics() const { return core()->worker_metrics(); }

    /// What became of all jobs so far.
    Ledger ledger() const noexcept { return core()->ledger(); }

    /// How many workers there are.
    std::size_t size() const noexcept { return core()->size(); }

    /// The executor of handlers without one of their own. Only while its context lives.
    executor_type get_executor() const noexcept { return core()->executor(); }

  private:
    using Core = detail::PoolCore<R, S, Policy, Executor, Clock>;

    /// The initiations have names, so that tokens such as cancel_after can ask for their executor.
    struct Submit {
        using executor_type = Executor;
        detail::ShardedRef<Core> core;
        Overflow overflow;

        executor_type get_executor() const noexcept { return core->executor(); }

        /// A session that was a temporary: its text lies in the operation until now.
        template <typename Handler, detail::SessionName Session>
        void operator()(Handler&& handler, const Session& session, R&& request) const {
            operator()(std::forward<Handler>(handler), SubmitOptions{.session = session}, std::move(request));
        }

        template <typename Handler>
        void operator()(Handler&& handler, const SubmitOptions& options, R&& request) const {
            if constexpr (std::is_same_v<Handler, std::decay_t<Handler>>) {
                core->submit(handler, options, std::move(request), overflow);
            } else {
                std::decay_t<Handler> owned{std::forward<Handler>(handler)};
                core->submit(owned, options, std::move(request), overflow);
            }
        }
    };

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

    /// What an operation keeps of a session until it starts: the text of a temporary, else a look at it.
    template <detail::SessionName Session>
    static decltype(auto) wishes(Session&& session) {
        detail::refuse_nullptr<Session>();
        if constexpr (detail::TemporaryText<Session>) {
            return std::forward<Session>(session);
        } else if constexpr (std::is_null_pointer_v<std::decay_t<Session>>) {
            return SubmitOptions{};
        } else {
            return SubmitOptions{.session = session};
        }
    }

    /// wishes: SubmitOptions, or a session.
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
