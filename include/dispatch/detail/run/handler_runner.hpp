// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_HANDLER_RUNNER_HPP
#define DISPATCH_DETAIL_RUN_HANDLER_RUNNER_HPP

#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/run/handler_host.hpp>
#include <dispatch/detail/run/handler_traits.hpp>
#include <dispatch/detail/run/lane.hpp>
#include <dispatch/detail/run/observation.hpp>
#include <dispatch/detail/run/worker.hpp>
#include <dispatch/detail/run/worker_functions.hpp>
#include <dispatch/error.hpp>
#include <dispatch/job.hpp>
#include <dispatch/observer.hpp>
#include <dispatch/options.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A worker's handler, and who observes it (or Unobserved): what the worker's lanes do with its jobs.
template <typename R, typename S, typename Executor, typename Handler, typename O = Unobserved>
class HandlerRunner final : public HandlerHost<Executor> {
    using Traits = HandlerTraits<R, S, Handler>;
    using Worker = detail::Worker<Executor>;
    using JobType = Job<R, S, Executor>;
    using Functions = WorkerFunctions<Executor>;
    using Outcome = typename Worker::Outcome;
    using HandlerExecutor = typename Lanes<Executor>::HandlerExecutor;

  public:
    /// Whether jobs need to know when they were submitted.
    static constexpr bool wants_times = Traits::takes_context || is_observed<O>;

    HandlerRunner(std::shared_ptr<Handler> handler, const O& observer)
        : handler_{std::move(handler)}, observer_{observer} {}

    /// Only one plain function is ever in progress on a strand; what comes meanwhile is queued.
    static WorkerOptions adjusted(WorkerOptions options) noexcept {
        if (!Traits::is_coroutine) {
            options.max_concurrency = 1;
        }
        return options;
    }

    void spawn_lane(const std::shared_ptr<Worker>& worker, Lane& lane) override {
        Functions::start_lane(*worker, lane, run(worker, *this, lane));
    }

    void dropped(const Worker& worker, const JobNode<Executor>& job, std::error_code why) noexcept override {
        if constexpr (is_observed<O>) {
            // A job that comes from a destructor while the context shuts down finds no clock.
            const auto queued = worker.has_context() ? worker.now() - job.submitted_at : JobContext::Clock::duration{};
            observer_.dropped(DroppedEvent{worker.id(), job.session, queued, why});
        }
    }

    void context_shutdown() noexcept override { handler_.reset(); }

  private:
    static auto lane_executor_type() {
        if constexpr (Traits::is_coroutine) {
            return std::type_identity<typename AwaitableTraits<typename Traits::Returned>::Executor>{};
        } else {
            return std::type_identity<HandlerExecutor>{};
        }
    }

    /// A coroutine can only await one of the same executor type, so the handler's decides.
    using LaneExecutor = typename decltype(lane_executor_type())::type;

    static_assert(std::is_constructible_v<LaneExecutor, HandlerExecutor>,
                  "dispatch: the handler's awaitable has an executor type that the worker's executor does not convert "
                  "to: return asio::awaitable<S> (any_io_executor) or asio::awaitable<S, WorkerExecutor<Executor>>");

    struct NoContext {};

    /// A job in a lane, again with the types of its request and response: what comes to this handler's worker has them,
    /// as WorkerHandle and WorkerPool see to. Not lost when the lane's coroutine is destroyed in the midst of it, on
    /// the strand: because what the handler awaited was dropped, or the context shuts down.
    class Run {
      public:
        [[gnu::always_inline]] inline Run(HandlerRunner& runner, Worker& worker, Lane& lane)
            : runner_{runner},
              worker_{worker},
              lane_{lane},
              job_{static_cast<JobType*>(Functions::next_job(worker, lane))} {}
        Run(const Run&) = delete;
        Run& operator=(const Run&) = delete;
        ~Run() {
            if (job_ != nullptr) [[unlikely]] {
                lose();
            }
        }

        /// Whether there is one.
        explicit operator bool() const noexcept { return job_ != nullptr; }

        /// Calls the handler with context. The request stays in the job until the handler has ended: it may be taken by
        /// reference.
        template <typename ContextType>
        decltype(auto) call([[maybe_unused]] ContextType& context) {
            if constexpr (is_observed<O>) {
                const auto now = worker_.now();
                observation_.start(runner_.observer_, {worker_.id(), job_->session, now - job_->submitted_at, moved()},
                                   now);
            }
            if constexpr (has_waiting_room<R>) {
                lane_.waiting_room = &job_->request->waiting_room();
            }
            if constexpr (Traits::takes_context) {
                return std::invoke(*runner_.handler_, std::move(*job_->request), context);
            } else {
                return std::invoke(*runner_.handler_, std::move(*job_->request));
            }
        }

        auto context() const {
            if constexpr (Traits::takes_context) {
                return JobContext{worker_.id(), job_->session, job_->deadline, worker_.now() - job_->submitted_at,
                                  moved()};
            } else {
                return NoContext{};
            }
        }

        /// The handler has returned response.
        template <typename... Response>
        [[gnu::always_inline]] inline void returned(Response&&... response) {
            if constexpr (is_observed<O>) {
                end_observation(nullptr);
            }
            if (Functions::claim_reply(worker_, *job_)) {
                job_->succeed(std::forward<Response>(response)...);
                outcome_ = Outcome::succeeded;
            } else {
                outcome_ = Outcome::unwanted;
            }
        }

        /// It has thrown the exception that is being handled; or, after it had returned, something else has.
        void threw() noexcept {
            if constexpr (is_observed<O>) {
                end_observation(std::current_exception());
            }
            if (Functions::claim_reply(worker_, *job_)) {
                job_->fail(std::current_exception());
                outcome_ = Outcome::failed;
            } else {
                outcome_ = Outcome::unwanted;
            }
        }

        /// On the strand.
        [[gnu::always_inline]] inline void end() noexcept {
            leave_waiting_room();
            Functions::end(worker_, *std::exchange(job_, nullptr), lane_, outcome_);
        }

      private:
        void end_observation(std::exception_ptr error) noexcept {
            observation_.end(std::move(error), worker_.now(), FirstPart<R>::time(*job_->request));
        }

        bool moved() const noexcept { return job_->needs(JobType::Care::moved); }

        void leave_waiting_room() noexcept {
            if constexpr (has_waiting_room<R>) {
                lane_.waiting_room = nullptr;
            }
        }

        [[gnu::noinline]] void lose() noexcept {
            leave_waiting_room();
            if (!worker_.has_context()) {
                return Functions::abandon_with_context(worker_, *job_, lane_);
            }
            if constexpr (is_observed<O>) {
                end_observation(make_system_error(make_error_code(errc::abandoned)));
            }
            Functions::abandon(worker_, *job_, lane_);
        }

        HandlerRunner& runner_;
        Worker& worker_;
        Lane& lane_;
        JobType* job_;
        Outcome outcome_ = Outcome::failed;
        [[no_unique_address]] Observation<O> observation_;
    };

    /// A lane's life: runs jobs as long as it holds a permit and there are any, then parks. Nothing but
    /// the handler may be hit by a cancellation, so one that has been has its throwing switched off when its
    /// handler has ended.
    static net::awaitable<void, LaneExecutor> run(std::shared_ptr<Worker> worker, HandlerRunner& self, Lane& lane) {
        Lanes<Executor>& lanes = worker->lanes();
        // A handler's frame that is destroyed with the context finds its handler there.
        [[maybe_unused]] const std::shared_ptr<Handler> handler = self.handler_;
        co_await net::this_coro::throw_if_cancelled(false);
        for (;;) {
            if (lane.has_permit) {
                Functions::begin_lane(*worker, lane);
                while (Run job{self, *worker, lane}) {
                    if constexpr (!Traits::is_coroutine) {
                        call(job);
                    } else {
                        try {
                            if (lane.state_replaced) {
                                co_await net::this_coro::reset_cancellation_state(Lane::Watch{lane.state_replaced});
                                lane.state_replaced = false;
                            }
                            co_await net::this_coro::throw_if_cancelled(true);
                            auto context = job.context();
                            if constexpr (std::is_void_v<S>) {
                                co_await job.call(context);
                                job.returned();
                            } else {
                                S response = co_await job.call(context);
                                job.returned(std::move(response));
                            }
                        } catch (...) {
                            job.threw();
                        }
                        // The handler may have ended on another executor, to which it had gone.
                        if (const bool away = !lanes.on_strand(); away || lane.was_cancelled()) [[unlikely]] {
                            co_await net::this_coro::throw_if_cancelled(false);
                            while (!lanes.on_strand()) {
                                try {
                                    co_await Functions::template return_to_strand<LaneExecutor>(*worker);
                                } catch (const std::bad_alloc&) {
                                    // The lane must not go on elsewhere: it tries again.
                                }
                            }
                        }
                    }
                    job.end();
                    if (Functions::try_yield(*worker)) {
                        break;
                    }
                }
                Functions::end_lane(*worker, lane);
            }
            if (!Functions::rest(*worker, lane)) {
                co_return;
            }
            co_await lane.parker.template park<LaneExecutor>();
        }
    }

    /// For a plain function.
    static void call(Run& job) {
        try {
            auto context = job.context();
            if constexpr (std::is_void_v<S>) {
                job.call(context);
                job.returned();
            } else {
                S response = job.call(context);
                job.returned(std::move(response));
            }
        } catch (...) {
            job.threw();
        }
    }

    /// Until the context is gone.
    std::shared_ptr<Handler> handler_;
    [[no_unique_address]] O observer_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_HANDLER_RUNNER_HPP
