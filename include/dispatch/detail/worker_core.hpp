// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_WORKER_CORE_HPP
#define DISPATCH_DETAIL_WORKER_CORE_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include <dispatch/detail/asio.hpp>
#include <dispatch/detail/config.hpp>
#include <dispatch/detail/context_listener.hpp>
#include <dispatch/detail/drain_gate.hpp>
#include <dispatch/detail/inbox.hpp>
#include <dispatch/detail/lane.hpp>
#include <dispatch/detail/outbox.hpp>
#include <dispatch/detail/worker_executor.hpp>
#include <dispatch/detail/worker_load.hpp>
#include <dispatch/error.hpp>
#include <dispatch/job.hpp>
#include <dispatch/options.hpp>
#include <dispatch/semaphore.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A worker without its handler: inbox, loop, lanes, outbox.
///
/// Who may touch what: the inbox, the outbox and the load are thread-safe; the timer is guarded by the
/// inbox's lock; lanes_, parked_, running_ and all below belong to the strand.
///
/// What keeps it alive: handles do not (see WorkerHandle); the frames of its loop and lanes do, and
/// they end when it is closed. If the context goes first, context_shutdown() drops whatever is bound
/// to it.
///
/// How a job ends: in exactly one place, whoever moves it to JobState::replied under the inbox's lock.
/// Its worker's counters are settled before its reply is sent.
template <typename R, typename S, typename Executor>
class WorkerCore : public ContextListener, public std::enable_shared_from_this<WorkerCore<R, S, Executor>> {
  public:
    using JobType = Job<R, S, Executor>;
    using Clock = typename JobType::Clock;
    using StrandExecutor = WorkerExecutor<Executor>;

    WorkerCore(const Executor& executor, std::size_t id, WorkerOptions options, bool wants_times)
        : resources_{std::in_place, executor, options.max_concurrency},
          id_{id},
          load_{std::make_shared<WorkerLoad>(options)},
          wants_times_{wants_times} {}

    std::size_t id() const noexcept { return id_; }
    const std::shared_ptr<WorkerLoad>& load() const noexcept { return load_; }
    /// Whether the handler asks for times: then submitted_at is worth a look at the clock.
    bool wants_times() const noexcept { return wants_times_; }
    /// Only while the context lives.
    const Executor& executor() const noexcept { return resources_->executor; }

    /// Makes the worker part of a pool; false when it already is part of one.
    bool join(const std::shared_ptr<DrainGate<Executor>>& gate) noexcept {
        if (joined_.exchange(true)) {
            return false;
        }
        gate_ = gate;
        return true;
    }

    /// Undoes join(), for a pool that could not be made after all.
    void leave() noexcept {
        gate_.reset();
        joined_ = false;
    }

    /// Takes over a job that is counted in the load. Where it throws the job is still the caller's, and
    /// still counted. Any thread.
    void push(JobType& job) {
        if (!inbox_.push(job, [this] { resources_->doorbell.try_send(net_error{}, true); })) {
            end_unstarted(job, make_error_code(errc::stopped), load_->tally.stopped);
        }
    }

    /// The submitter wants its job to end. Any thread; job is alive.
    void cancel(JobType& job, net::cancellation_type_t type) {
        RunTicket ticket;
        switch (inbox_.withdraw(job, ticket)) {
            case JobState::queued:
                end_unstarted(job, operation_aborted(), load_->tally.cancelled);
                return;
            case JobState::running:
                cancel_running(ticket, type, Lane::Cancelled::by_submitter);
                return;
            case JobState::replied:
                return;
        }
    }

    /// Ends the worker: what has not started is answered with errc::stopped, what runs receives a
    /// terminal cancellation. Any thread; again has no effect.
    void close() noexcept {
        auto queued = inbox_.close();
        while (JobType* job = queued.pop_front()) {
            end_unstarted(*job, make_error_code(errc::stopped), load_->tally.stopped);
        }
        if (!resources_ || closed_.exchange(true)) {
            return;
        }
        net::post(resources_->strand, [self = this->shared_from_this()] { self->wind_down(); });
    }

    void context_shutdown() noexcept override {
        auto queued = inbox_.close();
        while (JobType* job = queued.pop_front()) {
            load_->tally.stopped.fetch_add(1, std::memory_order_relaxed);
            load_->release();
            job->destroy();
        }
        outbox_.destroy_all();
        winding_down_ = true;
        for (Lane& lane : lanes_) {
            lane.spot.abandon();
        }
        work_.reset();
        resources_.reset();
    }

  protected:
    ~WorkerCore() = default;

    /// Starts the coroutine of a new lane.
    virtual void spawn_lane(Lane& lane) = 0;

    /// Starts the worker; once.
    void start() {
        listen(this->shared_from_this(), resources_->executor);
        add_lane({});
        net::co_spawn(resources_->strand, run(this->shared_from_this()), net::detached);
    }

    const StrandExecutor& strand() const noexcept { return resources_->strand; }
    bool on_strand() const noexcept { return resources_->strand.running_in_this_thread(); }

    /// The lane's next job, or null when there is none.
    JobType* next_job(Lane& lane) {
        if (lane.cancelled != Lane::Cancelled::no) [[unlikely]] {
            lane.cancelled = Lane::Cancelled::no;
            lane.state_replaced = true;
        }
        for (;;) {
            ++lane.ticket.number;
            JobType* const job = inbox_.pop(lane.ticket);
            if (job == nullptr) {
                return nullptr;
            }
            ++turn_;
            if (!job->deadline || Clock::now() < *job->deadline) [[likely]] {
                return job;
            }
            if (inbox_.owes_reply(*job)) {
                job->fail(make_system_error(errc::deadline_exceeded));
                load_->tally.expired.fetch_add(1, std::memory_order_relaxed);
                finish(*job);
            } else {
                end(*job, lane, Outcome::unwanted);
            }
        }
    }

    /// What has become of a job whose handler has ended.
    enum class Outcome : std::uint8_t {
        succeeded,
        failed,
        unwanted,  ///< its deadline has answered it meanwhile
    };

    /// Puts the handler's response into the job. On any executor: the handler may have left the strand.
    template <typename... Response>
    Outcome settle(JobType& job, Response&&... response) {
        if (!owes_reply(job)) {
            return Outcome::unwanted;
        }
        job.succeed(std::forward<Response>(response)...);
        return Outcome::succeeded;
    }

    /// The same for the exception that is being handled.
    Outcome settle_error(JobType& job) noexcept {
        if (!owes_reply(job)) {
            return Outcome::unwanted;
        }
        job.fail(std::current_exception());
        return Outcome::failed;
    }

    /// Lets go of a job whose handler has ended.
    void end(JobType& job, const Lane& lane, Outcome outcome) {
        Tally& tally = load_->tally;
        switch (outcome) {
            case Outcome::succeeded:
                Tally::count_exclusively(tally.completed);
                return finish(job);
            case Outcome::failed:
                if (lane.cancelled == Lane::Cancelled::no) {
                    Tally::count_exclusively(tally.failed);
                } else {
                    (lane.cancelled == Lane::Cancelled::by_stop ? tally.stopped : tally.cancelled)
                        .fetch_add(1, std::memory_order_relaxed);
                }
                return finish(job);
            case Outcome::unwanted:
                job.destroy();
                if (load_->release()) {
                    report_idle();
                }
                return;
        }
    }

    /// The lane has nothing to do. False: it is to end.
    bool park(Lane& lane) noexcept {
        lane.permit.release();
        lane.running = false;
        if (--running_ == 0) {
            work_.reset();
        }
        if (winding_down_) {
            return false;
        }
        parked_.push_front(lane);
        return true;
    }

    void unpark(Lane& lane) {
        lane.running = true;
        if (running_++ == 0) {
            work_.emplace(resources_->executor);
        }
    }

    /// Whether the worker has had its thread for long enough.
    bool turn_is_over() noexcept {
        if (turn_ < jobs_per_turn) {
            return false;
        }
        turn_ = 0;
        return true;
    }

  private:
    /// A ring carries nothing; but Asio 1.22's channel of void(error_code) does not compile.
    using Doorbell = net::experimental::concurrent_channel<StrandExecutor, void(net_error, bool)>;
    using Timer = net::basic_waitable_timer<Clock, net::wait_traits<Clock>, Executor>;

    static constexpr std::size_t jobs_per_turn = 64;

    /// The inbox's alarm clock; only the inbox touches the timer, under its lock.
    struct Alarm {
        WorkerCore* core;

        void set(typename Clock::time_point time) {
            Timer& timer = core->resources_->timer;
            timer.expires_at(time);
            timer.async_wait([weak = core->weak_from_this()](const net_error& error) {
                if (const auto self = weak.lock(); self && !error) {
                    self->expire();
                }
            });
        }

        void clear() noexcept {
            if (core->resources_) {
                core->resources_->timer.cancel();
            }
        }
    };

    /// All that is bound to the execution context.
    struct Resources {
        Resources(const Executor& ex, std::size_t concurrency)
            : executor{ex},
              strand{UntrackedExecutor<Executor>::over(ex)},
              posting{strand.get_inner_executor().require(net::execution::blocking.never)},
              permits{strand, concurrency},
              doorbell{strand, 1},
              timer{ex} {}

        Executor executor;
        StrandExecutor strand;
        /// Runs what it is given later, as net::post does, without asking for it each time.
        UntrackedExecutor<Executor, true> posting;
        BasicSemaphore<StrandExecutor> permits;
        Doorbell doorbell;
        Timer timer;
    };

    /// The worker loop: for each permit, waits until there is a job, and lets a lane have both. A lane
    /// that ends a job takes the next one by itself, so the loop is needed only when there are more
    /// jobs than running lanes.
    static net::awaitable<void, StrandExecutor> run(std::shared_ptr<WorkerCore> self) {
        const net::use_awaitable_t<StrandExecutor> use_awaitable;
        net_error error;
        for (;;) {
            Permit permit = self->resources_->permits.try_acquire();
            if (!permit) {
                permit = co_await self->resources_->permits.async_acquire(use_awaitable);
            }
            while (self->inbox_.try_sleep()) {
                co_await self->resources_->doorbell.async_receive(net::redirect_error(use_awaitable, error));
                if (error) {
                    co_return;
                }
                self->turn_ = 0;
            }
            if (!self->try_run_lane(std::move(permit)) || self->turn_is_over()) {
                co_await net::post(self->resources_->strand, use_awaitable);
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

    /// Ends a job that holds no permit.
    void end_unstarted(JobType& job, std::error_code why, Tally::Counter& counter) {
        job.fail(make_system_error(why));
        counter.fetch_add(1, std::memory_order_relaxed);
        const bool idle = load_->release();
        answer(job);
        if (idle) {
            report_idle();
        }
    }

    /// Ends a job that a lane has had, and that is counted as what it has become.
    void finish(JobType& job) {
        const bool idle = load_->release();
        if (outbox_.push(job)) {
            send_carrier();
        }
        if (idle) {
            report_idle();
        }
    }

    bool owes_reply(JobType& job) noexcept { return !job.deadline || inbox_.owes_reply(job); }

    void send_carrier() noexcept {
        auto carrier = [self = this->shared_from_this()] { self->carry(); };
        try {
            resources_->posting.execute(std::move(carrier));
        } catch (...) {
            // No memory for a carrier. In the wrong place is better than never.
            carry();
        }
    }

    void carry() {
        outbox_.deliver([this] { send_carrier(); });
    }

    void report_idle() {
        if (gate_) {
            gate_->worker_idle();
        }
    }

    /// Sends a reply without the help of the pool's threads, which may all be stuck.
    void answer(JobType& job) {
        if (resources_) {
            job.post(resources_->executor);
        } else {
            job.destroy();
        }
    }

    void cancel_running(RunTicket ticket, net::cancellation_type_t type, Lane::Cancelled by) {
        if (!resources_) {
            return;
        }
        net::post(resources_->strand, [self = this->shared_from_this(), ticket, type, by] {
            Lane& lane = *static_cast<Lane*>(ticket.lane);
            if (lane.running && lane.ticket.number == ticket.number) {
                lane.cancel(type, by);
            }
        });
    }

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

    void expire() {
        auto overdue = inbox_.take_overdue(Clock::now());
        while (JobType* job = overdue.queued.pop_front()) {
            end_unstarted(*job, make_error_code(errc::deadline_exceeded), load_->tally.expired);
        }
        while (JobType* job = overdue.running.pop_front()) {
            cancel_running(job->ticket, net::cancellation_type::terminal, Lane::Cancelled::by_submitter);
            load_->tally.expired.fetch_add(1, std::memory_order_relaxed);
            job->fail(make_system_error(make_error_code(errc::deadline_exceeded)));
            answer(*job);
        }
    }

    std::optional<Resources> resources_;
    const std::size_t id_;
    const std::shared_ptr<WorkerLoad> load_;
    const bool wants_times_;
    std::atomic<bool> joined_{false};
    std::atomic<bool> closed_{false};
    std::shared_ptr<DrainGate<Executor>> gate_;

    alignas(cache_line) Inbox<JobType, Alarm> inbox_{load_->tally.submitted, Alarm{this}};
    alignas(cache_line) Outbox<JobType> outbox_;

    alignas(cache_line) std::deque<Lane> lanes_;
    IntrusiveList<Lane> parked_;
    std::size_t running_ = 0;
    /// Jobs since the loop last slept or yielded.
    std::size_t turn_ = 0;
    bool winding_down_ = false;
    /// While lanes run, the context must not run out of work.
    std::optional<net::executor_work_guard<Executor>> work_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_WORKER_CORE_HPP
