// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_POOL_POOL_CORE_HPP
#define DISPATCH_DETAIL_POOL_POOL_CORE_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/assert.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/sharded_ptr.hpp>
#include <dispatch/detail/job/job_node.hpp>
#include <dispatch/detail/job/session_only.hpp>
#include <dispatch/detail/reply/operation.hpp>
#include <dispatch/detail/route/router.hpp>
#include <dispatch/detail/run/job_traits.hpp>
#include <dispatch/detail/run/pool_state.hpp>
#include <dispatch/detail/run/worker.hpp>
#include <dispatch/error.hpp>
#include <dispatch/job.hpp>
#include <dispatch/metrics.hpp>
#include <dispatch/options.hpp>
#include <dispatch/time_source.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// What a pool is made of; its requests and responses pass through. Shared by the pool and the operations on it that
/// have not started yet; a started operation belongs to its worker. Thread-safe.
template <SelectionPolicy Policy, typename Executor>
class PoolCore {
    using Node = JobNode<Executor>;
    using Worker = detail::Worker<Executor>;
    using Workers = std::vector<std::shared_ptr<Worker>>;
    using State = PoolState<Executor>;
    using DrainWaiter = typename State::DrainWaiter;
    using Router = detail::Router<Policy, typename TimeSource<Executor>::Clock>;
    using SessionKey = typename Router::SessionKey;

  public:
    /// What workers points to closes the worker when it goes. Null in place of one that was moved from.
    static ShardedOwner<PoolCore> make(Workers workers, const PoolOptions& options, Policy policy);

    PoolCore(Workers workers, const PoolOptions& options, Policy policy);
    PoolCore(const PoolCore&) = delete;
    PoolCore& operator=(const PoolCore&) = delete;
    ~PoolCore();

    std::size_t size() const noexcept { return workers_.size(); }
    Ledger ledger() const noexcept;

    /// After the context is gone, the system executor where its type allows it.
    Executor executor() const noexcept;

    /// Starts a job of R and S. handler is moved from, and called exactly once. Options: SubmitOptions, SessionOnly
    /// or NoSession.
    template <typename R, typename S, typename Handler, typename Options>
    [[gnu::always_inline]] inline void submit(Handler& handler, const Options& options, R&& request,
                                              Overflow overflow_now) {
        using Traits = JobTraits<R, S, Executor>;
        if (!state_->executor()) {
            Tally::count(state_->admission.stopped);
            if constexpr (std::is_convertible_v<net::system_executor, Executor>) {
                return reply_at_once<Traits>(handler, executor(), stopped());
            } else {
                return reply_at_once<Traits>(handler, net::system_executor{}, stopped());
            }
        }
        // Early, so that the processor fetches what is known of the session while the job is made.
        const auto key = router_.prefetch(options.session);
        typename Traits::template Operation<Handler>* job = nullptr;
        try {
            if (options.miss_cost) [[unlikely]] {
                check_miss_cost(*options.miss_cost);
            }
            const bool has_patience = state_->prefers_homes && options.session;
            job = Traits::make(handler, state_, std::move(request), options,
                               wants_times_ || options.report != nullptr ? now_on(*state_->executor())
                                                                         : typename Node::Clock::time_point{},
                               has_patience);
        } catch (...) {
            return reply_at_once<Traits>(handler, *state_->executor(), std::current_exception());
        }
        try {
            CancelJob* cancel = nullptr;
            if (auto slot = job->cancellation_slot(); slot.is_connected()) {
                cancel = &slot.template emplace<CancelJob>(CancelJob{{}, job});
            }
            route(*job, options, key, overflow_now, cancel);
        } catch (...) {
            job->fail(std::current_exception());
            job->post(*state_->executor());
        }
    }

    /// Closes admission, and completes handler when the pool is idle.
    template <typename Handler>
    void drain(Handler& handler) {
        state_->admission.close(Admission::Phase::draining);
        if (!state_->executor()) {
            return post_completion(net::system_executor{}, handler, [ledger = ledger()](Handler&& completion) {
                std::move(completion)(std::exception_ptr{}, ledger);
            });
        }
        using Operation = HandlerOperation<DrainWaiter, Handler, Executor>;
        std::unique_ptr<Operation, DestroyOperation> operation{
            Operation::make(handler, *state_->executor(), Memory::handler, 0)};
        if (auto slot = operation->cancellation_slot(); slot.is_connected()) {
            slot.template emplace<CancelDrain>(CancelDrain{state_, operation.get()});
        }
        state_->enqueue(*operation.release());
    }

    [[gnu::cold]] void stop() noexcept;

    [[gnu::cold]] std::vector<WorkerMetrics> worker_metrics() const;

  private:
    struct CancelJob {
        /// The job's worker is there as long as this is. Null when the job was refused: its reply is on the way. Weak,
        /// as the slot may be that of a handler of this worker, and go only when the worker does.
        std::weak_ptr<const Worker> owner_lives;
        Node* job;
        void operator()(net::cancellation_type_t type) const;
    };

    struct CancelDrain {
        std::shared_ptr<State> state;
        DrainWaiter* waiter;
        void operator()(net::cancellation_type_t type) const {
            if (type != net::cancellation_type::none) {
                state->cancel(*waiter);
            }
        }
    };

    [[gnu::cold]] static Workers checked(Workers workers, const PoolOptions& options) {
        validate(options);
        if (workers.empty()) {
            throw std::invalid_argument{"WorkerPool: workers is empty: spawn at least one"};
        }
        for (std::size_t i = 0; i != workers.size(); ++i) {
            if (workers[i] == nullptr) {
                throw std::invalid_argument{"WorkerPool: workers[" + std::to_string(i) +
                                            "] was moved from: give each worker's handle once"};
            }
            if (!workers[i]->has_context()) {
                throw std::invalid_argument{"WorkerPool: workers[" + std::to_string(i) + "] (id " +
                                            std::to_string(workers[i]->id()) +
                                            ") has lost its execution context: make the pool while that lives"};
            }
            if (&context_of(*workers[i]) != &context_of(*workers.front())) {
                throw std::invalid_argument{"WorkerPool: workers[" + std::to_string(i) + "] (id " +
                                            std::to_string(workers[i]->id()) +
                                            ") runs on another execution context than workers[0]: make a pool for each "
                                            "context"};
            }
        }
        return workers;
    }

    static const net::execution_context& context_of(const Worker& worker) noexcept {
        return net::query(worker.executor(), net::execution::context);
    }

    [[gnu::cold]] static std::vector<std::shared_ptr<WorkerLoad>> loads(const Workers& workers) {
        std::vector<std::shared_ptr<WorkerLoad>> loads;
        loads.reserve(workers.size());
        for (const auto& worker : workers) {
            loads.push_back(worker->load());
        }
        return loads;
    }

    [[gnu::cold]] void join_all(bool lend) {
        const bool share_a_batcher = std::all_of(workers_.begin(), workers_.end(), [this](const auto& worker) {
            return &worker->lanes().batcher() == &workers_.front()->lanes().batcher();
        });
        for (std::size_t i = 0; i != workers_.size(); ++i) {
            state_->backlog.join(i, workers_[i]->weak_from_this());
            if (!workers_[i]->join(state_, i, lend, share_a_batcher)) {
                for (std::size_t joined = 0; joined != i; ++joined) {
                    workers_[joined]->leave();
                }
                throw std::invalid_argument{"WorkerPool: workers[" + std::to_string(i) + "] (id " +
                                            std::to_string(workers_[i]->id()) +
                                            ") is or was part of a pool: spawn workers for each pool"};
            }
        }
    }

    /// Sends job on its way, or answers it. Where it throws, nothing is queued or counted, and job is
    /// still the caller's.
    template <typename Options>
    void route(Node& job, const Options& options, const std::optional<SessionKey>& key, Overflow overflow_now,
               CancelJob* cancel);

    /// With Affinity::preferred, for a job with a session.
    [[gnu::noinline]] Route route_preferred(Node& job, std::string_view session, const SessionKey& key,
                                            std::chrono::nanoseconds miss_cost, Overflow overflow_now) {
        const auto now = now_on(*state_->executor());
        const Route chosen = router_.route_preferred(session, key, miss_cost, overflow_now, now);
        auto& patience = *job.patience();
        if (chosen.session == SessionVerdict::hit) {
            const std::chrono::nanoseconds wait = patience_for(miss_cost);
            job.may_move = wait.count() == 0;
            constexpr auto last = Node::Clock::time_point::max();
            patience.ends = now < last - wait ? now + wait : last;
            patience.home = static_cast<std::uint32_t>(chosen.worker);
            patience.other_home = chosen.other_home;
        } else {
            job.may_move = true;  // no worker has anything of it in its cache
            if (chosen.session == SessionVerdict::moved) {
                job.add(Node::Care::moved);
            }
        }
        return chosen;
    }

    std::chrono::nanoseconds patience_for(std::chrono::nanoseconds miss_cost) const noexcept {
        const double wait = patience_ * static_cast<double>(miss_cost.count());
        return wait < static_cast<double>(max_patience_.count())
                   ? std::chrono::nanoseconds{static_cast<std::chrono::nanoseconds::rep>(wait)}
               : miss_cost.count() == 0 ? miss_cost
                                        : max_patience_;
    }

    template <bool needs_care>
    [[gnu::always_inline]] inline void queue(Node& job, Worker& worker, CancelJob* cancel) {
        job.owner = &worker;
        if (cancel != nullptr) {
            cancel->owner_lives = worker.weak_from_this();
        }
        try {
            if (!needs_care || job.is_plain()) [[likely]] {
                worker.push_plain(job);
            } else if (!job.needs(Node::Care::patience)) {
                worker.push_timed(job);
            } else {
                worker.push(job);
            }
        } catch (...) {
            if (cancel != nullptr) {
                cancel->owner_lives.reset();
            }
            worker.take_back(job);
            throw;
        }
    }

    [[gnu::cold, gnu::noinline]] void refuse(Node& job, std::size_t worker, errc why,
                                             Tally::Counter& counter) noexcept {
        job.fail(make_system_error(why));
        if (job.report() != nullptr) {
            job.report_end(worker, now_on(*state_->executor()));
        }
        // Counted first: whoever has the reply finds the ledger up to date.
        Tally::count(counter);
        job.post(*state_->executor());
    }

    [[gnu::cold]] static void check_miss_cost(std::chrono::nanoseconds miss_cost);
    [[gnu::cold]] static std::exception_ptr stopped();

    /// For a job that could not even be made.
    template <typename Traits, typename Handler, typename Default>
    [[gnu::cold, gnu::noinline]] static void reply_at_once(Handler& handler, const Default& executor,
                                                           std::exception_ptr error) {
        auto& operation = *Traits::template Refusal<Handler, Default>::make(handler, executor, Memory::detached, 0);
        operation.result.emplace();
        operation.result->error = std::move(error);
        operation.post(executor);
    }

    const Workers workers_;
    const std::shared_ptr<State> state_;
    Router router_;
    const bool wants_times_;
    const std::chrono::nanoseconds miss_cost_;
    const double patience_;
    const std::chrono::nanoseconds max_patience_;

  public:
    /// PoolOptions::overflow.
    const Overflow overflow;
};

template <SelectionPolicy Policy, typename Executor>
DISPATCH_BORDER auto PoolCore<Policy, Executor>::make(Workers workers, const PoolOptions& options, Policy policy)
    -> ShardedOwner<PoolCore> {
    return ShardedOwner<PoolCore>{std::in_place, std::move(workers), options, std::move(policy)};
}

template <SelectionPolicy Policy, typename Executor>
DISPATCH_BORDER PoolCore<Policy, Executor>::PoolCore(Workers workers, const PoolOptions& options, Policy policy)
    : workers_{checked(std::move(workers), options)},
      state_{std::make_shared<State>(loads(workers_), options, workers_.front()->executor())},
      router_{state_->workers, state_->admission, state_->sessions, state_->service_times, std::move(policy)},
      wants_times_{
          std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->wants_times(); })},
      miss_cost_{options.miss_cost},
      patience_{options.patience},
      max_patience_{options.max_patience},
      overflow{options.overflow} {
    listen(state_, *state_->executor());
    join_all(options.late_binding && size() != 1);
}

template <SelectionPolicy Policy, typename Executor>
DISPATCH_BORDER PoolCore<Policy, Executor>::~PoolCore() = default;

template <SelectionPolicy Policy, typename Executor>
DISPATCH_BORDER Ledger PoolCore<Policy, Executor>::ledger() const noexcept {
    return state_->admission.ledger();
}

template <SelectionPolicy Policy, typename Executor>
DISPATCH_BORDER Executor PoolCore<Policy, Executor>::executor() const noexcept {
    if constexpr (std::is_convertible_v<net::system_executor, Executor>) {
        if (!state_->executor()) {
            return net::system_executor{};
        }
    }
    DISPATCH_ASSERT(state_->executor(), "a WorkerPool's executor was asked for after its context was destroyed");
    return *state_->executor();
}

template <SelectionPolicy Policy, typename Executor>
DISPATCH_BORDER void PoolCore<Policy, Executor>::CancelJob::operator()(net::cancellation_type_t type) const {
    // Without a context the job is gone.
    if (const auto owner = owner_lives.lock(); owner && owner->has_context() && type != net::cancellation_type::none) {
        job->owner->cancel(*job, type);
    }
}

template <SelectionPolicy Policy, typename Executor>
DISPATCH_BORDER void PoolCore<Policy, Executor>::check_miss_cost(std::chrono::nanoseconds miss_cost) {
    check_time("SubmitOptions::miss_cost", miss_cost);
}

template <SelectionPolicy Policy, typename Executor>
DISPATCH_BORDER std::exception_ptr PoolCore<Policy, Executor>::stopped() {
    return make_system_error(errc::stopped);
}

template <SelectionPolicy Policy, typename Executor>
DISPATCH_BORDER void PoolCore<Policy, Executor>::stop() noexcept {
    state_->admission.close(Admission::Phase::stopped);
    for (const auto& worker : workers_) {
        worker->close();
    }
}

template <SelectionPolicy Policy, typename Executor>
DISPATCH_BORDER std::vector<WorkerMetrics> PoolCore<Policy, Executor>::worker_metrics() const {
    std::vector<WorkerMetrics> rows;
    rows.reserve(workers_.size());
    for (const auto& worker : workers_) {
        rows.push_back(worker->load()->metrics(worker->id()));
        rows.back().sessions = router_.sessions(rows.size() - 1);
    }
    return rows;
}

template <SelectionPolicy Policy, typename Executor>
template <typename Options>
DISPATCH_FORWARD void PoolCore<Policy, Executor>::route(Node& job, const Options& options,
                                                        const std::optional<SessionKey>& key, Overflow overflow_now,
                                                        CancelJob* cancel) {
    constexpr bool needs_care = !std::is_same_v<Options, NoSession>;
    const Route chosen =
        needs_care && job.patience() != nullptr
            ? route_preferred(job, *options.session, *key, options.miss_cost.value_or(miss_cost_), overflow_now)
            : router_.route(options.session, key, overflow_now, [this] { return now_on(*state_->executor()); });
    job.verdict = chosen.session;
    switch (chosen.verdict) {
        case Route::Verdict::accepted:
            if (!needs_care || chosen.session == SessionVerdict::none) {
                job.may_move = true;
            }
            return queue<needs_care>(job, *workers_[chosen.worker], cancel);
        case Route::Verdict::queue_full:
            return refuse(job, chosen.worker, errc::queue_full, state_->admission.rejected);
        case Route::Verdict::closed:
            refuse(job, chosen.worker, errc::stopped, state_->admission.stopped);
            workers_[chosen.worker]->find_work();
            return state_->worker_idle();
    }
}

#if defined(DISPATCH_SEPARATE_COMPILATION) && !defined(DISPATCH_SOURCE)
extern template class PoolCore<LeastLoaded, net::any_io_executor>;
extern template void PoolCore<LeastLoaded, net::any_io_executor>::route(Node&, const SubmitOptions&,
                                                                        const std::optional<SessionKey>&, Overflow,
                                                                        CancelJob*);
extern template void PoolCore<LeastLoaded, net::any_io_executor>::route(Node&, const SessionOnly&,
                                                                        const std::optional<SessionKey>&, Overflow,
                                                                        CancelJob*);
extern template void PoolCore<LeastLoaded, net::any_io_executor>::route(Node&, const NoSession&,
                                                                        const std::optional<SessionKey>&, Overflow,
                                                                        CancelJob*);
#endif

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_POOL_POOL_CORE_HPP
