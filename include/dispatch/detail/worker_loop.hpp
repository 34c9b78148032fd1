// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_WORKER_LOOP_HPP
#define DISPATCH_DETAIL_WORKER_LOOP_HPP

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include <dispatch/detail/asio.hpp>
#include <dispatch/detail/config.hpp>
#include <dispatch/detail/context_listener.hpp>
#include <dispatch/detail/insist.hpp>
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
    using HandlerExecutor = WorkerExecutor<Executor>;

    WorkerLoop(const Executor& executor, const std::shared_ptr<Runner<Executor>>& runner, std::size_t max_concurrency)
        : runner_{runner}, resources_{std::in_place, executor, runner, max_concurrency} {}

    /// Starts the first lane; once.
    void start() {
        listen(this->shared_from_this(), resources_->executor);
        add_lane();
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
    /// What handlers run on. Any thread.
    const HandlerExecutor& handler_executor() const noexcept { return resources_->handler_executor; }
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

    /// The coroutine of a lane was destroyed in the midst of a job: what its handler had awaited was dropped. The next
    /// lane that is needed takes its place. Not when the context is shutting down.
    void lose_lane(Lane& lane) noexcept {
        end_run(lane);
        lane.permit.release();
        vacant_.push_front(lane);
        look_again();
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

    /// A job was run, or begun. Whether the worker has had its thread for long enough: the lane yields and parks then,
    /// whatever is in the inbox.
    bool turn_is_over() noexcept { return --steps_left_ == 0 && !take_steps(); }

    /// Lets others of the executor come first. False when there is no memory for that.
    bool try_yield() {
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
        // Whatever was posted before this has run when this is let go of; and nothing is posted from now on.
        insist([this] { post_to_strand([self = this->shared_from_this()] {}); });
    }

  private:
    using Strand = net::strand<RunnerExecutor<Executor>>;
    /// A ring carries nothing; but Asio 1.22's channel of void(error_code) does not compile.
    using Doorbell = net::experimental::concurrent_channel<Strand, void(net_error, bool)>;

    static constexpr std::size_t jobs_per_turn = 64;

    /// All that is bound to the execution context.
    struct Resources {
        Resources(const Executor& ex, const std::shared_ptr<Runner<Executor>>& runner, std::size_t max_concurrency)
            : executor{ex},
              strand{RunnerExecutor<Executor>::over(runner)},
              posting_strand{net::require(strand, net::execution::blocking.never)},
              handler_executor{strand},
              permits{strand, max_concurrency},
              doorbell{strand, 1} {}

        Executor executor;
        Strand strand;
        /// Runs what it is given later, as net::post does, without asking for it each time.
        net::strand<RunnerExecutor<Executor, true>> posting_strand;
        HandlerExecutor handler_executor;
        BasicSemaphore<Strand> permits;
        Doorbell doorbell;
    };

    struct WakeUp {
        WorkerLoop* self;

        void operator()() const {
            self->begin_turn();
            self->run_lanes();
        }
    };

    /// The worker loop: each time that the doorbell rings, waits for a permit and adds the lane that uses
    /// it. Begun with the first ring, and anew where it was lost: where there is no memory for the completion of what
    /// it awaits, Asio destroys the coroutine.
    static net::awaitable<void, Strand> run(std::shared_ptr<WorkerLoop> self) {
        const net::use_awaitable_t<Strand> use_awaitable;
        const Presence presence{*self};
        net_error error;
        for (;;) {
            try {
                co_await self->resources_->doorbell.async_receive(net::redirect_error(use_awaitable, error));
                if (error) {
                    co_return;
                }
                Permit permit = co_await self->resources_->permits.async_acquire(use_awaitable);
                if (self->try_sleep()) {
                    continue;  // other lanes have taken the jobs meanwhile
                }
                if (self->parked_.empty()) {
                    self->add_lane();
                }
            } catch (const std::bad_alloc&) {
                self->look_again();
                continue;
            }
            self->begin_turn();
            self->run_lanes();
        }
    }

    /// The loop, as long as it is there.
    struct Presence {
        explicit Presence(WorkerLoop& worker) noexcept : self{worker} { self.loop_is_there_ = true; }
        Presence(const Presence&) = delete;
        Presence& operator=(const Presence&) = delete;
        ~Presence() {
            self.loop_is_there_ = false;
            if (self.has_context()) {
                self.look_again();
            }
        }

        WorkerLoop& self;
    };

    /// The worker has its thread anew.
    void begin_turn() noexcept {
        jobs_left_ = jobs_per_turn;
        steps_taken_ = steps_left_ = std::clamp(runner_->spend(0), std::size_t{1}, jobs_left_);
    }

    /// Takes as many steps more as the thread's turn and the worker's have. False when there are none; but who cannot
    /// yield may take one more.
    [[gnu::noinline]] bool take_steps() noexcept {
        const std::size_t steps = std::min(spend_steps(), jobs_left_);
        steps_taken_ = steps_left_ = std::max(steps, std::size_t{1});
        return steps != 0;
    }

    /// Accounts for the steps that were taken and done; returns how many more the thread's turn has.
    std::size_t spend_steps() noexcept {
        const std::size_t done = steps_taken_ - steps_left_;
        jobs_left_ -= std::min(jobs_left_, done);
        steps_taken_ = steps_left_;
        return runner_->spend(done);
    }

    /// There may be jobs: lets lanes take them.
    void run_lanes() {
        while (Lane* lane = take_lane()) {
            lane->spot.resume();
            // One that runs no more has seen the worker fall asleep, or yields.
            if (!lane->running || try_sleep() || (turn_is_over() && try_yield())) {
                break;
            }
        }
        spend_steps();
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
        if (winding_down_) {
            return;
        }
        try {
            if (!loop_is_there_) {
                net::co_spawn(resources_->strand, run(this->shared_from_this()), net::detached);
            }
            resources_->doorbell.try_send(net_error{}, true);
        } catch (const std::bad_alloc&) {
            look_again();
        }
    }

    /// There was no memory for what was to be done, or somebody who would have looked for jobs is gone: has run_lanes()
    /// called later, when whatever comes first on this thread may have given memory back.
    void look_again() noexcept {
        if (!winding_down_) {
            insist([this] { wake(); });
        }
    }

    /// On the strand the lane is parked when this returns.
    void add_lane() {
        Lane& lane = vacant_.empty() ? lanes_.emplace_back() : *vacant_.pop_front();
        try {
            const UntrackedScope untracked;
            spawn_lane(lane);
        } catch (...) {
            vacant_.push_front(lane);
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
    /// Those that have no coroutine.
    IntrusiveList<Lane> vacant_;
    /// Lanes that run jobs.
    std::size_t running_ = 0;
    /// How many jobs the worker may still run before it lets others have its thread; and how many it has taken of its
    /// thread's turn for that, and not run yet.
    std::size_t jobs_left_ = jobs_per_turn;
    std::size_t steps_taken_ = 1;
    std::size_t steps_left_ = 1;
    bool winding_down_ = false;
    bool loop_is_there_ = false;
    std::optional<net::executor_work_guard<Executor>> work_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_WORKER_LOOP_HPP
