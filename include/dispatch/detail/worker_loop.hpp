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
#include <dispatch/detail/runner.hpp>
#include <dispatch/detail/worker_executor.hpp>
#include <dispatch/job.hpp>
#include <dispatch/semaphore.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A worker's coroutines: the lanes that run jobs, and the loop that gives it one lane more when all are
/// busy. Knows nothing of requests and responses.
///
/// A job that comes while the worker is asleep wakes it: a parked lane gets a permit and takes jobs until
/// there are none. Where lanes with a permit are suspended in their handlers and there are jobs and
/// permits left, the next parked lane is resumed; where none is parked, the doorbell rings for the loop.
///
/// The coroutines and all that concerns them belong to the strand; wake() and the functions that say so
/// may be called from any thread. The coroutines keep this object alive until wind_down() ends them;
/// context_shutdown() drops whatever is bound to a context that goes first.
template <typename Executor>
class WorkerLoop : public ContextListener, public std::enable_shared_from_this<WorkerLoop<Executor>> {
  public:
    using StrandExecutor = WorkerExecutor<Executor>;

    WorkerLoop(const Executor& executor, const std::shared_ptr<Runner<Executor>>& runner, std::size_t max_concurrency)
        : runner_{runner}, resources_{std::in_place, executor, runner, max_concurrency} {}

    /// Starts the coroutines; once.
    void start() {
        listen(this->shared_from_this(), resources_->executor);
        add_lane();
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

    /// What co_spawn has put into a slot has, from Asio 1.24 on, a strand.
    void context_emptied() noexcept override {
        for (Lane& lane : lanes_) {
            lane.signal.slot().clear();
        }
    }

  protected:
    ~WorkerLoop() = default;

    /// Starts the coroutine of a new lane, which uses the functions below.
    virtual void spawn_lane(Lane& lane) = 0;
    /// True when there is no job: the worker is asleep, and the next job will wake() it.
    virtual bool try_sleep() noexcept = 0;

    /// Has the worker look for jobs. Any thread; not after wind_down() was posted. Where it throws, the
    /// worker sleeps on.
    void wake() {
        // The strand is first in, first out, so the coroutines still keep this alive.
        execute_on(resources_->posting_strand, WakeUp{this});
    }

    /// Has function run later, on the strand. Any thread.
    template <typename Function>
    void post_to_strand(Function&& function) {
        net::post(resources_->strand, std::forward<Function>(function));
    }

    /// What the strand is run by. Any thread.
    Runner<Executor>& runner() const noexcept { return *runner_; }
    const StrandExecutor& strand() const noexcept { return resources_->strand; }
    bool on_strand() const noexcept { return resources_->strand.running_in_this_thread(); }

    /// A lane that holds a permit begins to run jobs.
    void begin_run(Lane& lane) noexcept {
        lane.running = true;
        ++running_;
    }

    /// It has found no more, or yields.
    void end_run(Lane& lane) noexcept {
        lane.running = false;
        if (--running_ == 0) {
            work_.reset();
        }
    }

    /// The lane has nothing to do. False: it is to end. One of those that park keeps its permit: it is the
    /// next to run, and a worker that has one job at a time never touches the semaphore.
    bool may_park(Lane& lane) noexcept {
        if (!winding_down_ && lane.permit && standby_ == nullptr) {
            standby_ = &lane;
            return true;
        }
        lane.permit.release();
        if (!winding_down_) {
            parked_.push_front(lane);
        }
        return !winding_down_;
    }

    /// The inbox has been asked for a job more.
    void count_job() noexcept { ++jobs_this_turn_; }

    /// Whether the worker has had its thread for long enough. The lane yields and parks then, whatever is
    /// in the inbox.
    bool turn_is_over() const noexcept { return jobs_this_turn_ >= jobs_per_turn; }

    /// Lets others of the executor come first. False when there is no memory for that.
    bool try_yield() {
        jobs_this_turn_ = 0;
        try {
            if (!winding_down_) {
                wake();
            }
        } catch (const std::bad_alloc&) {
            return false;
        }
        runner_->end_turn();
        return true;
    }

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
        if (Lane* lane = std::exchange(standby_, nullptr)) {
            lane->spot.resume();
        }
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
        Resources(const Executor& ex, const std::shared_ptr<Runner<Executor>>& runner, std::size_t max_concurrency)
            : executor{ex},
              strand{RunnerExecutor<Executor>::over(runner)},
              posting_strand{net::require(strand, net::execution::blocking.never)},
              permits{strand, max_concurrency},
              doorbell{strand, 1} {}

        Executor executor;
        StrandExecutor strand;
        /// Runs what it is given later, as net::post does, without asking for it each time.
        net::strand<RunnerExecutor<Executor, true>> posting_strand;
        BasicSemaphore<StrandExecutor> permits;
        Doorbell doorbell;
    };

    struct WakeUp {
        WorkerLoop* self;

        void operator()() const {
            self->jobs_this_turn_ = 0;
            self->run_lanes();
            self->runner_->add_steps(self->jobs_this_turn_);
        }
    };

    /// The worker loop: each time that the doorbell rings, waits for a permit and adds the lane that uses
    /// it.
    static net::awaitable<void, StrandExecutor> run(std::shared_ptr<WorkerLoop> self) {
        const net::use_awaitable_t<StrandExecutor> use_awaitable;
        net_error error;
        for (;;) {
            try {
                co_await self->resources_->doorbell.async_receive(net::redirect_error(use_awaitable, error));
                if (error) {
                    co_return;
                }
                Permit permit = co_await self->resources_->permits.async_acquire(use_awaitable);
                if (self->try_sleep()) {
                    continue;  // it was a while
                }
                if (self->parked_.empty()) {
                    self->add_lane();
                }
            } catch (const std::bad_alloc&) {
                continue;  // the lanes that there are take the jobs as they end theirs
            }
            self->jobs_this_turn_ = 0;
            self->run_lanes();
        }
    }

    /// There may be jobs: lets lanes take them.
    void run_lanes() {
        while (Lane* lane = take_lane()) {
            lane->spot.resume();
            // One that runs no more has seen the worker fall asleep, or yields.
            if (!lane->running || try_sleep()) {
                break;
            }
        }
        keep_context_busy();
    }

    /// A parked lane, with a permit. Null when all permits are in use: those who have them look for jobs
    /// when they end theirs. Or when all lanes are: the loop will add one.
    Lane* take_lane() {
        if (standby_ != nullptr) {
            return std::exchange(standby_, nullptr);
        }
        Permit permit = resources_->permits.try_acquire();
        if (!permit) {
            return nullptr;
        }
        Lane* const lane = parked_.pop_front();
        if (lane == nullptr) {
            permit.release();
            ring();
            return nullptr;
        }
        lane->permit = std::move(permit);
        return lane;
    }

    void ring() noexcept {
        try {
            resources_->doorbell.try_send(net_error{}, true);
        } catch (const std::bad_alloc&) {
            // The lanes that there are take the jobs as they end theirs.
        }
    }

    /// On the strand the lane is parked when this returns.
    void add_lane() {
        Lane& lane = lanes_.emplace_back();
        try {
            spawn_lane(lane);
        } catch (...) {
            lanes_.pop_back();
            throw;
        }
    }

    /// Handlers that are suspended when the worker has nothing else to do must not be left without a
    /// thread, even if what they wait for belongs to another context.
    void keep_context_busy() {
        if (running_ != 0 && !work_) {
            work_.emplace(resources_->executor);
        }
    }

    const std::shared_ptr<Runner<Executor>> runner_;
    std::optional<Resources> resources_;
    std::deque<Lane> lanes_;
    /// Lanes that have nothing to do: one with a permit, the rest without.
    Lane* standby_ = nullptr;
    IntrusiveList<Lane> parked_;
    /// Lanes that run jobs.
    std::size_t running_ = 0;
    /// Since the worker last woke up or yielded.
    std::size_t jobs_this_turn_ = 0;
    bool winding_down_ = false;
    std::optional<net::executor_work_guard<Executor>> work_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_WORKER_LOOP_HPP
