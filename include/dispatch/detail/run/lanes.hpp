// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_LANES_HPP
#define DISPATCH_DETAIL_RUN_LANES_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/base/retry_on_bad_alloc.hpp>
#include <dispatch/detail/base/slots.hpp>
#include <dispatch/detail/execute/batcher.hpp>
#include <dispatch/detail/execute/time_slice.hpp>
#include <dispatch/detail/execute/worker_executor.hpp>
#include <dispatch/detail/job/job_node.hpp>
#include <dispatch/detail/run/lane.hpp>
#include <dispatch/detail/run/lane_loop.hpp>
#include <dispatch/detail/run/lane_scheduler.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// What a worker's lanes need of it.
class LaneHost {
  public:
    /// Starts the coroutine of a new lane, which uses the functions of Lanes below.
    virtual void spawn_lane(Lane& lane) = 0;
    /// True when there is no job: the worker is asleep, and the next job will wake it.
    virtual bool try_sleep() noexcept = 0;
    /// The worker is about to look for jobs as wake_to_search() asked for.
    virtual void searches() noexcept = 0;
    /// Keeps the worker alive.
    virtual std::shared_ptr<void> keep_alive() noexcept = 0;

  protected:
    ~LaneHost() = default;
};

/// A worker's coroutines and the strand that they are on: the lanes, which run jobs, and the loop that adds one where
/// all are busy. Knows nothing of requests and responses.
///
/// A job that comes while the worker is asleep wakes it; then lanes are resumed as LaneScheduler says.
///
/// The coroutines and all that concerns them belong to the strand; the functions that say so may be called from any
/// thread. The coroutines keep the worker alive until wind_down() ends them; context_shutdown() drops whatever is bound
/// to a context that goes first.
template <typename Executor>
class Lanes final : LaneLoopOwner {
  public:
    using HandlerExecutor = WorkerExecutor<Executor>;

    Lanes(LaneHost& host, const Executor& executor, const std::shared_ptr<Batcher<Executor>>& batcher,
          std::size_t max_concurrency)
        : host_{host}, batcher_{batcher}, resources_{std::in_place, executor, batcher}, scheduler_{max_concurrency} {}

    /// Starts the first lane; once.
    void start() { spawn(); }

    /// Whether the execution context is there. Any thread, as for executor().
    bool has_context() const noexcept override { return resources_.has_value(); }
    /// Only while the context lives.
    const Executor& executor() const noexcept { return resources_->executor; }
    /// What the strand is run by. Any thread.
    Batcher<Executor>& batcher() const noexcept { return *batcher_; }
    /// What handlers run on. Any thread.
    const HandlerExecutor& handler_executor() const noexcept { return resources_->handler_executor; }
    bool on_strand() const noexcept { return handler_executor().running_in_this_thread(); }

    /// Has the worker look for jobs. Any thread; not after wind_down() was posted. Where it throws, the
    /// worker sleeps on.
    void wake() {
        // The strand is first in, first out, so the coroutines still keep this alive.
        execute_on(strand(), WakeUp{this});
    }

    /// As wake(), and LaneHost::searches() is called before: the worker may find a job that holds its thread.
    void wake_to_search() {
        execute_on(strand(), [this] {
            host_.searches();
            run();
        });
    }

    /// Cancels the job that ticket names, if it still runs. Any thread.
    void cancel(RunTicket ticket, net::cancellation_type_t type) {
        if (has_context()) {
            post(Order{Order::Kind::cancel, type, ticket});
        }
    }

    /// Ends the coroutines, those that run a job as soon as its handler has ended; that receives a terminal
    /// cancellation. Once. Any thread.
    void wind_down() { post(Order{Order::Kind::wind_down}); }

    // For the coroutine of a lane.

    bool winding_down() const noexcept { return scheduler_.winding_down(); }

    /// Starts it.
    template <typename LaneExecutor>
    void start(Lane& lane, net::awaitable<void, LaneExecutor> coroutine) {
        net::co_spawn(LaneExecutor{handler_executor()}, std::move(coroutine), Ended{this, &lane, host_.keep_alive()});
    }

    /// The lane, which holds a permit, begins to run jobs.
    void begin(Lane& lane) noexcept { scheduler_.begin(lane); }

    /// Names its next run.
    RunTicket begin_run(Lane& lane) noexcept {
        lane.run = ++runs_;
        return {lane.number, lane.run};
    }

    /// Whether the lane has to let others have the worker's thread, a job having been run or begun: it parks then,
    /// whatever is in the inbox.
    bool try_yield() { return !budget_.spend_one(spend()) && let_others_come(); }

    /// It has found no more, or yields.
    void end(Lane& lane) noexcept {
        if (scheduler_.end(lane)) {
            work_.reset();
        }
    }

    /// It has nothing to do. True: it parks; false: it exits.
    bool rest(Lane& lane) {
        const auto step = scheduler_.rest(lane);
        if (step.surplus != nullptr) {
            step.surplus->parker.resume();
        }
        return step.parks;
    }

    /// Its coroutine has ended.
    void ended(Lane& lane) noexcept {
        // Asio is not yet done with this one; nor is run() with those that it has resumed.
        if (!in_run_) {
            remove_ended();
        }
        ended_.push_back(lane);
    }

    /// Its coroutine was destroyed in the midst of a job: what its handler had awaited was dropped. Another takes its
    /// place. Not when the context is shutting down.
    [[gnu::cold]] void lost(Lane& lane) noexcept {
        if (scheduler_.lost(lane)) {
            work_.reset();
        }
        ended_.push_back(lane);
        look_again();
    }

    // See ContextListener.

    [[gnu::cold]] void context_shutdown() noexcept {
        scheduler_.wind_down();
        lanes_.for_each([](Lane& lane) { lane.parker.abandon(); });
        work_.reset();
        resources_.reset();
        // Two handlers may each wait for the other's stream, so this must not be left to the end of the handlers. To be
        // destroyed, one may be run no further than to its destructors; and those end the job.
        lanes_.for_each([](Lane& lane) {
            if (lane.waiting_room != nullptr) {
                lane.waiting_room->destroy_waiters();
            }
        });
    }

    /// What co_spawn has put into a slot has, from Asio 1.24 on, a strand.
    void context_emptied() noexcept {
        lanes_.for_each([](Lane& lane) { lane.signal.slot().clear(); });
    }

  private:
    using Strand = net::strand<BatchingExecutor<Executor>>;
    using Scheduler = LaneScheduler<Lane>;

    /// All that is bound to the execution context.
    struct Resources {
        Resources(const Executor& ex, const std::shared_ptr<Batcher<Executor>>& batcher)
            : executor{ex}, handler_executor{Strand{BatchingExecutor<Executor>::over(batcher)}} {}

        Executor executor;
        /// Has the strand.
        HandlerExecutor handler_executor;
        /// Null until a second lane is needed. Strand; the members above do not change, and are for any thread.
        std::unique_ptr<LaneLoop> loop;
    };

    /// Completes the coroutine of a lane; a named handler, for binders would each be compiled several times over.
    struct Ended {
        Lanes* self;
        Lane* lane;
        std::shared_ptr<void> alive;

        /// The strand as it is: behind any_io_executor Asio would need memory to call this.
        using executor_type = HandlerExecutor;
        executor_type get_executor() const noexcept { return self->handler_executor(); }
        using cancellation_slot_type = net::cancellation_slot;
        cancellation_slot_type get_cancellation_slot() const noexcept { return lane->signal.slot(); }

        void operator()(const std::exception_ptr& /*error*/) const { self->ended(*lane); }
    };

    struct WakeUp {
        Lanes* self;
        void operator()() const { self->run(); }
    };

    /// What else is to be done on the strand.
    struct Order {
        enum class Kind : std::uint8_t { cancel, wind_down, nothing };
        Kind kind;
        net::cancellation_type_t type = net::cancellation_type::none;
        RunTicket ticket{};
    };

    /// Has order carried out later, on the strand.
    void post(const Order& order) {
        execute_on(strand(), [this, alive = host_.keep_alive(), order] { carry_out(order); });
    }

    /// Runs what it is given later.
    const Strand& strand() const noexcept { return resources_->handler_executor.strand(); }

    void carry_out(const Order& order) {
        switch (order.kind) {
            case Order::Kind::cancel:
                return cancel_now(order.ticket, order.type);
            case Order::Kind::wind_down:
                return wind_down_now();
            case Order::Kind::nothing:
                return;
        }
    }

    [[gnu::cold]] void cancel_now(RunTicket ticket, net::cancellation_type_t type) {
        Lane* const lane = lanes_.find(ticket.lane);
        if (lane != nullptr && lane->running && lane->run == ticket.run) {
            lane->cancel(type, Lane::Cancelled::by_submitter);
        }
    }

    [[gnu::cold]] void wind_down_now() {
        scheduler_.wind_down();
        while (Lane* lane = scheduler_.take_parked()) {
            lane->parker.resume();
        }
        lanes_.for_each([](Lane& lane) {
            if (lane.running) {
                lane.cancel(net::cancellation_type::terminal, Lane::Cancelled::by_stop);
            }
        });
        if (resources_->loop) {
            resources_->loop->close();
        }
        // Whatever was posted before this has run when this is let go of; and nothing is posted from now on.
        retry_on_bad_alloc([this] { post(Order{Order::Kind::nothing}); });
    }

    /// There may be jobs: lets lanes take them.
    void run() {
        remove_ended();
        budget_.begin(spend());
        in_run_ = true;
        scheduler_.run(*this);
        in_run_ = false;
        budget_.settle(spend());
        // Handlers that are suspended when the worker has nothing else to do must not be left without a
        // thread, even if what they wait for belongs to another context.
        if (scheduler_.running_lanes() != 0 && !work_) {
            work_.emplace(resources_->executor);
        }
    }

    // What the scheduler asks for.

    friend Scheduler;

    void resume(Lane& lane) { lane.parker.resume(); }
    bool try_sleep() noexcept { return host_.try_sleep(); }

    [[gnu::cold]] void add_lane() noexcept {
        try {
            if (!resources_->loop) {
                resources_->loop = std::make_unique<LaneLoop>(HandlerExecutor::untracked(strand()));
            }
            resources_->loop->ring(std::shared_ptr<LaneLoopOwner>{host_.keep_alive(), this});
        } catch (const std::bad_alloc&) {
            lane_failed();
        }
    }

    // What the loop tells.

    [[gnu::cold]] void lane_granted() override {
        scheduler_.permit_returned();
        if (scheduler_.winding_down() || host_.try_sleep()) {
            return;  // other lanes have taken the jobs meanwhile
        }
        if (scheduler_.add_is_due()) {
            try {
                spawn();
            } catch (const std::bad_alloc&) {
                return look_again();
            }
        }
        run();
    }

    [[gnu::cold]] void lane_failed() noexcept override {
        scheduler_.permit_returned();
        look_again();
    }

    /// On the strand the lane is parked when this returns.
    [[gnu::cold]] void spawn() {
        Lane& lane = lanes_.add();
        try {
            const UntrackedScope untracked;
            host_.spawn_lane(lane);
        } catch (...) {
            lanes_.remove(lane.number);
            throw;
        }
    }

    void remove_ended() noexcept {
        while (Lane* lane = ended_.pop_front()) {
            lanes_.remove(lane->number);
        }
    }

    /// False when there is no memory for that.
    bool let_others_come() {
        try {
            if (!scheduler_.winding_down()) {
                wake();
            }
        } catch (const std::bad_alloc&) {
            return false;
        }
        batcher_->end_time_slice();
        return true;
    }

    /// There was no memory for what was to be done, or somebody who would have looked for jobs is gone: has the worker
    /// look for jobs later, when whatever comes first on this thread may have given memory back.
    [[gnu::cold]] void look_again() noexcept {
        if (!scheduler_.winding_down()) {
            retry_on_bad_alloc([this] { wake(); });
        }
    }

    auto spend() const noexcept {
        return [this](std::size_t jobs) noexcept { return batcher_->spend(jobs); };
    }

    LaneHost& host_;
    const std::shared_ptr<Batcher<Executor>> batcher_;
    /// Until context_shutdown(), when none of the context's threads runs.
    std::optional<Resources> resources_;
    // From here on: the strand.
    Scheduler scheduler_;
    JobBudget budget_;
    std::uint64_t runs_ = 0;
    Slots<Lane> lanes_;
    /// Those whose coroutine has ended: removed when neither Asio nor run() can look at them any more.
    IntrusiveList<Lane> ended_;
    bool in_run_ = false;
    std::optional<net::executor_work_guard<Executor>> work_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_LANES_HPP
