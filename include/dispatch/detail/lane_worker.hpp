// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_LANE_WORKER_HPP
#define DISPATCH_DETAIL_LANE_WORKER_HPP

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio.hpp>
#include <dispatch/detail/config.hpp>
#include <dispatch/detail/handler_traits.hpp>
#include <dispatch/detail/lane.hpp>
#include <dispatch/detail/observation.hpp>
#include <dispatch/detail/worker_core.hpp>
#include <dispatch/error.hpp>
#include <dispatch/job.hpp>
#include <dispatch/observer.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A worker with its handler, and with who observes it (or Unobserved): what its lanes do.
template <typename R, typename S, typename Executor, typename Handler, typename O = Unobserved>
class LaneWorker final : public WorkerCore<R, S, Executor> {
    using Core = WorkerCore<R, S, Executor>;
    using Traits = HandlerTraits<R, S, Handler>;
    using typename Core::Clock;
    using typename Core::JobType;
    using typename Core::Outcome;

  public:
    LaneWorker(const Executor& executor, const std::shared_ptr<Runner<Executor>>& runner, std::size_t id,
               WorkerOptions options, std::shared_ptr<Handler> handler, const O& observer)
        : Core{executor, runner, id, effective(options), Traits::takes_context || is_observed<O>},
          handler_{std::move(handler)},
          observer_{observer} {}

    /// The handler may own what belongs to the context: it goes now, or with the last lane that is in it.
    void context_shutdown() noexcept override {
        Core::context_shutdown();
        handler_.reset();
    }

    using Core::start;

  private:
    /// Only one plain function is ever in progress on a strand; what comes meanwhile is queued.
    static WorkerOptions effective(WorkerOptions options) noexcept {
        if (!Traits::is_coroutine) {
            options.max_concurrency = 1;
        }
        return options;
    }

    static auto lane_executor_type() {
        if constexpr (Traits::is_coroutine) {
            return std::type_identity<typename AwaitableTraits<typename Traits::Returned>::Executor>{};
        } else {
            return std::type_identity<typename Core::HandlerExecutor>{};
        }
    }

    /// A coroutine can only await one of the same executor type, so the handler's decides.
    using LaneExecutor = typename decltype(lane_executor_type())::type;

    static_assert(std::is_constructible_v<LaneExecutor, typename Core::HandlerExecutor>,
                  "dispatch: the handler's awaitable has an executor type that the worker's executor does not convert "
                  "to: return asio::awaitable<S> (any_io_executor) or asio::awaitable<S, WorkerExecutor<Executor>>");

    void on_drop(const JobType& job, std::error_code why) noexcept override {
        if constexpr (is_observed<O>) {
            observer_.dropped(DroppedEvent{this->id(), job.session, Clock::now() - job.submitted_at, why});
        }
    }

    void spawn_lane(Lane& lane) override {
        net::co_spawn(LaneExecutor{this->handler_executor()},
                      run(std::static_pointer_cast<LaneWorker>(this->shared_from_this()), lane),
                      net::bind_cancellation_slot(lane.signal.slot(), net::detached));
    }

    /// A lane's life: runs jobs as long as it holds a permit and there are any, then parks. Nothing but
    /// the handler may be hit by a cancellation, so one that has been has its throwing switched off when its
    /// handler has ended.
    static net::awaitable<void, LaneExecutor> run(std::shared_ptr<LaneWorker> self, Lane& lane) {
        const net::use_awaitable_t<LaneExecutor> use_awaitable;
        // A handler's frame that is destroyed with the context finds its handler there.
        [[maybe_unused]] const std::shared_ptr<Handler> handler = self->handler_;
        co_await net::this_coro::throw_if_cancelled(false);
        lane.state_replaced = true;
        for (;;) {
            if (lane.permit) {
                self->begin_run(lane);
                while (Running job{*self, lane, self->next_job(lane)}) {
                    Outcome outcome = Outcome::failed;
                    if constexpr (Traits::is_coroutine) {
                        try {
                            if (lane.state_replaced) {
                                co_await net::this_coro::reset_cancellation_state(Lane::Watch{lane.state_replaced});
                                lane.state_replaced = false;
                            }
                            co_await net::this_coro::throw_if_cancelled(true);
                            auto context = self->context_of(*job);
                            job.start();
                            if constexpr (std::is_void_v<S>) {
                                co_await self->call(*job, context);
                                job.returned();
                                outcome = self->settle(*job);
                            } else {
                                S response = co_await self->call(*job, context);
                                job.returned();
                                outcome = self->settle(*job, std::move(response));
                            }
                        } catch (...) {
                            job.threw();
                            outcome = self->settle_error(*job);
                        }
                        // The handler may have ended on another executor, to which it had gone.
                        if (const bool gone = !self->on_strand(); gone || lane.was_cancelled()) [[unlikely]] {
                            co_await net::this_coro::throw_if_cancelled(false);
                            while (!self->on_strand()) {
                                try {
                                    co_await net::post(LaneExecutor{self->handler_executor()}, use_awaitable);
                                } catch (const std::bad_alloc&) {
                                    // Nothing else will do.
                                }
                            }
                        }
                    } else {
                        outcome = self->call_and_settle(job);
                    }
                    self->end(job.release(), lane, outcome);
                    if (self->turn_is_over() && self->try_yield()) {
                        break;
                    }
                }
                self->end_run(lane);
            }
            if (!self->may_park(lane)) {
                co_return;
            }
            for (bool parked = false; !parked;) {
                try {
                    co_await lane.spot.template park<LaneExecutor>();
                    parked = true;
                } catch (const std::bad_alloc&) {
                    // Whoever is to resume the lane is on this strand, and finds it parked.
                }
            }
        }
    }

    /// A job in a lane: not lost when the lane's coroutine is destroyed in the midst of it, on the strand: because what
    /// the handler awaited was dropped, or the context shuts down.
    class Running {
      public:
        Running(LaneWorker& worker, Lane& lane, JobType* job) noexcept : worker_{worker}, lane_{lane}, job_{job} {}
        Running(const Running&) = delete;
        Running& operator=(const Running&) = delete;
        ~Running() {
            if (job_ != nullptr) [[unlikely]] {
                lose();
            }
        }

        explicit operator bool() const noexcept { return job_ != nullptr; }
        JobType& operator*() const noexcept { return *job_; }
        JobType& release() noexcept { return *std::exchange(job_, nullptr); }

        /// The handler is about to be called.
        void start() noexcept {
            if constexpr (is_observed<O>) {
                observation_.start(worker_.observer_, worker_.id(), job_->session, Clock::now() - job_->submitted_at);
            }
        }

        /// It has returned a response.
        void returned() noexcept {
            if constexpr (is_observed<O>) {
                observation_.end(nullptr);
            }
        }

        /// It has thrown the exception that is being handled; or, after it had returned, something else has.
        void threw() noexcept {
            if constexpr (is_observed<O>) {
                observation_.end(std::current_exception());
            }
        }

      private:
        [[gnu::noinline]] void lose() noexcept {
            if (!worker_.has_context()) {
                return worker_.abandon_with_context(*job_);
            }
            if constexpr (is_observed<O>) {
                observation_.end(make_system_error(make_error_code(errc::abandoned)));
            }
            worker_.abandon(*job_, lane_);
        }

        LaneWorker& worker_;
        Lane& lane_;
        JobType* job_;
        [[no_unique_address]] Observation<O, Clock> observation_;
    };

    Outcome call_and_settle(Running& job) {
        try {
            auto context = context_of(*job);
            job.start();
            if constexpr (std::is_void_v<S>) {
                call(*job, context);
                job.returned();
                return this->settle(*job);
            } else {
                S response = call(*job, context);
                job.returned();
                return this->settle(*job, std::move(response));
            }
        } catch (...) {
            job.threw();
            return this->settle_error(*job);
        }
    }

    struct NoContext {};

    auto context_of(const JobType& job) const {
        if constexpr (Traits::takes_context) {
            return JobContext{this->id(), job.session, job.deadline, Clock::now() - job.submitted_at};
        } else {
            return NoContext{};
        }
    }

    /// The request stays in the job until the handler has ended: it may be taken by reference.
    template <typename Context>
    decltype(auto) call(JobType& job, Context& context) {
        if constexpr (Traits::takes_context) {
            return std::invoke(*handler_, std::move(*job.request), context);
        } else {
            static_cast<void>(context);
            return std::invoke(*handler_, std::move(*job.request));
        }
    }

    /// Until the context is gone.
    std::shared_ptr<Handler> handler_;
    [[no_unique_address]] O observer_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_LANE_WORKER_HPP
