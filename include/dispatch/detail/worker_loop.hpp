// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_WORKER_LOOP_HPP
#define DISPATCH_DETAIL_WORKER_LOOP_HPP

#include <cstddef>
#include <deque>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include <dispatch/detail/asio.hpp>
#include <dispatch/detail/config.hpp>
#include <dispatch/detail/context_listener.hpp>
#include <dispatch/detail/lane.hpp>
#include <dispatch/detail/worker_executor.hpp>
#include <dispatch/job.hpp>
#include <dispatch/semaphore.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A worker's coroutines: the loop, and the lanes that it hands permits to. Knows nothing of requests
/// and responses.
///
/// The loop, the lanes and all that concerns them belong to the strand; ring(), post() and the
/// functions that say so may be called from any thread. The coroutines keep this object alive until
/// wind_down() ends them; context_shutdown() drops whatever is bound to a context that goes first.
template <typename Executor>
class WorkerLoop : public ContextListener, public std::enable_shared_from_this<WorkerLoop<Executor>> {
  public:
    using StrandExecutor = WorkerExecutor<Executor>;

    WorkerLoop(const Executor& executor, std::size_t max_concurrency)
        : resources_{std::in_place, executor, max_concurrency} {}

    /// Starts the coroutines; once.
    void start() {
        listen(this->shared_from_this(), resources_->executor);
        add_lane({});
        net::co_spawn(resources_->strand, run(this->shared_from_this()), net::detached);
    }

    /// Whether the execution context is there. Any thread, as for executor().
    bool has_context() const noexcept { return resources_.has_value(); }
    /// Only while the context lives.
    const Executor& executor() const noexcept { return resources_->executor; }

    void context_shutdown() noexcept override {
        winding_down_ = true;
        for (Lane& lane : lanes_) {
            lane.spot.abandon();
        }
        work_.reset();
        resources_.reset();
    }

  protected:
    ~WorkerLoop() = default;

    /// Starts the coroutine of a new lane, which uses the functions below.
    virtual void spawn_lane(Lane& lane) = 0;
    /// True when there is no job, and the next one will ring().
    virtual bool try_sleep() noexcept = 0;

    /// Wakes the sleeping loop. Any thread. Where it throws, the loop sleeps on.
    void ring() { resources_->doorbell.try_send(net_error{}, true); }

    /// Has function run later: on the strand, or on the executor below it. Any thread.
    template <typename Function>
    void post_to_strand(Function&& function) {
        net::post(resources_->strand, std::forward<Function>(function));
    }
    template <typename Function>
    void post_to_executor(Function&& function) {
        resources_->posting.execute(std::forward<Function>(function));
    }

    const StrandExecutor& strand() const noexcept { return resources_->strand; }
    bool on_strand() const noexcept { return resources_->strand.running_in_this_thread(); }

    /// A lane that holds a permit begins to run jobs.
    void begin_run(Lane& lane) noexcept {
        lane.running = true;
        ++running_;
    }

    /// It has found no more, and gives the permit back.
    void end_run(Lane& lane) noexcept {
        lane.running = false;
        if (--running_ == 0) {
            work_.reset();
        }
        lane.permit.release();
    }

    /// The lane has nothing to do. False: it is to end.
    bool may_park(Lane& lane) noexcept {
        if (!winding_down_) {
            parked_.push_front(lane);
        }
        return !winding_down_;
    }

    /// A job more has been taken.
    void count_job() noexcept { ++jobs_this_turn_; }

    /// Whether the worker has had its thread for long enough. Its lanes park then, whatever is in the
    /// inbox, and the loop yields the thread before it resumes one.
    bool turn_is_over() const noexcept { return jobs_this_turn_ >= jobs_per_turn; }

    /// Cancels the job that ticket names, if it still runs. Any thread.
    void cancel_running(RunTicket ticket, net::cancellation_type_t type) {
        if (has_context()) {
            post_to_strand([self = this->shared_from_this(), ticket, type] {
                Lane& lane = *static_cast<Lane*>(ticket.lane);
                if (lane.running && lane.ticket.number == ticket.number) {
                    lane.cancel(type, Lane::Cancelled::by_submitter);
                }
            });
        }
    }

    /// Ends the coroutines, those that run a job as soon as its handler has ended; that receives a
    /// terminal cancellation.
    void wind_down() {
        winding_down_ = true;
        while (Lane* lane = parked_.pop_front()) {
            lane->spot.resume();
        }
        for (Lane& lane : lanes_) {
            if (lane.running) {
                lane.cancel(net::cancellation_type::terminal, Lane::Cancelled::by_stop);
            }
        }
        resources_->doorbell.close();
    }

  private:
    /// A ring carries nothing; but Asio 1.22's channel of void(error_code) does not compile.
    using Doorbell = net::experimental::concurrent_channel<StrandExecutor, void(net_error, bool)>;

    static constexpr std::size_t jobs_per_turn = 64;

    /// All that is bound to the execution context.
    struct Resources {
        Resources(const Executor& ex, std::size_t max_concurrency)
            : executor{ex},
              strand{UntrackedExecutor<Executor>::over(ex)},
              posting{strand.get_inner_executor().require(net::execution::blocking.never)},
              permits{strand, max_concurrency},
              doorbell{strand, 1} {}

        Executor executor;
        StrandExecutor strand;
        /// Runs what it is given later, as net::post does, without asking for it each time.
        UntrackedExecutor<Executor, true> posting;
        BasicSemaphore<StrandExecutor> permits;
        Doorbell doorbell;
    };

    /// The worker loop: for each permit, waits until there is a job, and lets a lane have both. A lane
    /// that ends a job takes the next one by itself, so the loop is needed only when there are more
    /// jobs than running lanes, or when a lane has parked because the turn was over. Either way it comes:
    /// it holds a permit and looks into the inbox before it sleeps, or a lane gives it one.
    static net::awaitable<void, StrandExecutor> run(std::shared_ptr<WorkerLoop> self) {
        const net::use_awaitable_t<StrandExecutor> use_awaitable;
        net_error error;
        for (;;) {
            Permit permit = self->resources_->permits.try_acquire();
            if (!permit) {
                self->keep_context_busy();
                permit = co_await self->resources_->permits.async_acquire(use_awaitable);
                self->jobs_this_turn_ = 0;
            }
            while (self->try_sleep()) {
                self->keep_context_busy();
                co_await self->resources_->doorbell.async_receive(net::redirect_error(use_awaitable, error));
                if (error) {
                    co_return;
                }
                self->jobs_this_turn_ = 0;
            }
            if (!self->try_run_lane(std::move(permit)) || self->turn_is_over()) {
                co_await net::post(self->resources_->strand, use_awaitable);
                self->jobs_this_turn_ = 0;
            }
        }
    }

    /// False when there is no memory for one lane more: those that there are take the jobs.
    bool try_run_lane(Permit permit) {
        if (Lane* lane = parked_.pop_front(); lane != nullptr) {
            lane->permit = std::move(permit);
            lane->spot.resume();
            return true;
        }
        try {
            add_lane(std::move(permit));
            return true;
        } catch (const std::bad_alloc&) {
            return false;
        }
    }

    void add_lane(Permit permit) {
        Lane& lane = lanes_.emplace_back();
        lane.permit = std::move(permit);
        try {
            spawn_lane(lane);
        } catch (...) {
            lanes_.pop_back();
            throw;
        }
    }

    /// Handlers that are suspended when the loop goes to sleep must not be left without a thread, even
    /// if what they wait for belongs to another context.
    void keep_context_busy() {
        if (running_ != 0 && !work_) {
            work_.emplace(resources_->executor);
        }
    }

    std::optional<Resources> resources_;
    std::deque<Lane> lanes_;
    IntrusiveList<Lane> parked_;
    /// Lanes that hold a permit.
    std::size_t running_ = 0;
    /// Since the loop last slept or the worker yielded.
    std::size_t jobs_this_turn_ = 0;
    bool winding_down_ = false;
    std::optional<net::executor_work_guard<Executor>> work_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_WORKER_LOOP_HPP
