// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_WORKER_HPP
#define DISPATCH_DETAIL_RUN_WORKER_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/asio/context_listener.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/retry_on_bad_alloc.hpp>
#include <dispatch/detail/job/job_node.hpp>
#include <dispatch/detail/queue/inbox.hpp>
#include <dispatch/detail/route/worker_load.hpp>
#include <dispatch/detail/run/alarm.hpp>
#include <dispatch/detail/run/handler_host.hpp>
#include <dispatch/detail/run/lane.hpp>
#include <dispatch/detail/run/lanes.hpp>
#include <dispatch/detail/run/later_look.hpp>
#include <dispatch/detail/run/pool_state.hpp>
#include <dispatch/detail/run/running_job.hpp>
#include <dispatch/error.hpp>
#include <dispatch/options.hpp>
#include <dispatch/time_source.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A worker: how jobs come in, and how they end. Knows nothing of requests and responses. Its parts: the inbox, where
/// they wait; the lanes, which run them; its load; the timer for their deadlines; and the host of its handler.
///
/// The inbox, the load and the public functions are thread-safe; the alarm is guarded by
/// the inbox's lock; the functions for lanes are called by them, on the strand.
///
/// How a job ends is decided once, by whoever moves it to JobState::replied under the inbox's lock or,
/// for one without a deadline, by the lane that has popped it. It is counted, then its load is given
/// back, then its reply is sent, so a caller that has its response finds the worker free.
///
/// A lane that finds no job in its own worker's inbox takes one that may move from another worker's (Backlog). That
/// worker stays the job's owner: its inbox goes on deciding how the job ends, and its timer has the deadline; the lane
/// keeps it alive meanwhile. The load of the job, and the count of how it ended, are those of the worker that runs it.
template <typename Executor>
class Worker final : public ContextListener, LaneHost, public std::enable_shared_from_this<Worker<Executor>> {
  public:
    using Node = JobNode<Executor>;
    using Host = HandlerHost<Executor>;
    using Clock = typename Node::Clock;

    Worker(std::unique_ptr<Host> host, const Executor& executor, const std::shared_ptr<Batcher<Executor>>& batcher,
           std::size_t id, WorkerOptions options, bool wants_times)
        : spawned_as_{id},
          id_{id},
          load_{std::make_shared<WorkerLoad>(options)},
          wants_times_{wants_times},
          host_{std::move(host)},
          lanes_{*this, executor, batcher, options.max_concurrency} {}

    /// Starts the first lane; once.
    void start() {
        listen(this->shared_from_this(), executor());
        lanes_.start();
    }

    /// Whether the execution context is there. Any thread, as for executor().
    bool has_context() const noexcept { return lanes_.has_context(); }
    /// Only while the context lives.
    const Executor& executor() const noexcept { return lanes_.executor(); }
    /// The time on it. Only while the context lives.
    Clock::time_point now() const { return now_on(executor()); }
    Lanes<Executor>& lanes() noexcept { return lanes_; }

    /// The worker's number in its pool; before it has one, among those that were spawned with it. Any thread.
    std::size_t id() const noexcept { return id_.load(std::memory_order_relaxed); }
    const std::shared_ptr<WorkerLoad>& load() const noexcept { return load_; }
    /// Whether the handler asks for times: then submitted_at is worth a look at the clock.
    bool wants_times() const noexcept { return wants_times_; }

    /// Makes the worker part of a pool, in which it has the number id; false when it already is part of one. With
    /// lends, other workers of the pool run jobs that wait here; with defers, all of them share its Batcher.
    bool join(const std::shared_ptr<PoolState<Executor>>& pool, std::size_t id, bool lends, bool defers) noexcept {
        if (joined_.exchange(true)) {
            return false;
        }
        pool_ = pool;
        id_.store(id, std::memory_order_relaxed);
        runs_on_the_pools_executor_ = executor() == *pool->executor();
        load_->lend(lends);
        defers_ = defers;
        return true;
    }

    /// Undoes join(), for a pool that could not be made after all.
    void leave() noexcept {
        pool_.reset();
        id_.store(spawned_as_, std::memory_order_relaxed);
        joined_ = false;
    }

    /// Takes over a job that is counted in the load. Where it throws the job is still the caller's, and
    /// still counted.
    [[gnu::noinline]] void push(Node& job) {
        const auto* const patience = job.patience();
        const std::size_t other_home = patience != nullptr ? patience->other_home : no_worker;
        const typename Inboxed::Push pushed = inbox_.push(job, [this] { lanes_.wake(); });
        if (pushed != Inboxed::Push::queued && !settle(job, pushed)) {
            return;
        }
        if (other_home != no_worker) {
            pool_->backlog.call(other_home);  // if it has become free meanwhile
        }
    }

    /// The same for one that is plain, and for one without patience.
    [[gnu::always_inline]] inline void push_plain(Node& job) {
        if (const auto pushed = inbox_.push_plain(job, [this] { lanes_.wake(); }); pushed != Inboxed::Push::queued) {
            settle(job, pushed);
        }
    }
    [[gnu::always_inline]] inline void push_timed(Node& job) {
        if (const auto pushed = inbox_.push_timed(job, [this] { lanes_.wake(); }); pushed != Inboxed::Push::queued) {
            settle(job, pushed);
        }
    }

    /// Wakes the worker, if it is asleep, to pass the call on, and to look for jobs, also at other workers. False
    /// when it is awake: it looks by itself. Any thread.
    bool search() noexcept {
        try {
            return inbox_.wake_sleeper([this] { lanes_.wake_to_search(); });
        } catch (...) {
            return false;  // where there is no memory, the jobs wait for their own workers
        }
    }

    /// Lists the worker for what waits here still. True if it was not listed before. Any thread.
    bool list_deferred() noexcept { return inbox_.list_deferred(); }

    /// push() has thrown: takes the job out of the load. The submitter answers it.
    [[gnu::cold, gnu::noinline]] void take_back(Node& job) noexcept {
        host_->dropped(*this, job, std::make_error_code(std::errc::not_enough_memory));
        release_load();
        find_work();
    }

    /// A job has left the load that held no permit, but may have seemed to those who look for a free one. Any thread.
    void find_work() noexcept {
        if (may_take()) [[unlikely]] {
            pool_->backlog.call(*this);
        }
    }

    /// The submitter wants its job to end. Only while the context lives. (Where that of job's handler has gone, the
    /// signal must not be emitted: see submit.)
    [[gnu::cold]] void cancel(Node& job, net::cancellation_type_t type) {
        Running running;
        switch (inbox_.withdraw(job, running)) {
            case JobState::queued:
                return end_unstarted(job, operation_aborted());
            case JobState::running:
                return running.cancel(*this, type);
            case JobState::replied:
                return;
        }
    }

    /// Ends the worker: what has not started is answered with errc::stopped, what runs receives a
    /// terminal cancellation. Again has no effect.
    [[gnu::cold]] void close() noexcept {
        auto queued = inbox_.close();
        while (Node* job = queued.pop_front()) {
            end_unstarted(*job, make_error_code(errc::stopped));
        }
        if (has_context() && !closed_.exchange(true)) {
            retry_on_bad_alloc([this] { lanes_.wind_down(); });
        }
    }

    /// Sends job's reply straight to its submitter: the worker's threads may all be stuck.
    void send_reply(Node& job) noexcept {
        if (has_context()) {
            job.post(*pool_->executor());
        } else {
            job.destroy();
        }
    }

    [[gnu::cold]] void context_shutdown() noexcept override {
        auto queued = inbox_.close();
        while (Node* job = queued.pop_front()) {
            load_->release();
            job->destroy();
        }
        alarm_.context_shutdown();
        lanes_.context_shutdown();
        host_->context_shutdown();
    }

    void context_emptied() noexcept override { lanes_.context_emptied(); }

    /// A moment has passed since the inbox has asked for it.
    void look() noexcept {
        if (inbox_.look()) {
            look_.post(this->shared_from_this(), lanes_.batcher());
        }
    }

    // For lanes.

    /// What has become of a job whose handler has ended.
    enum class Outcome : std::uint8_t {
        succeeded,
        failed,
        unwanted,  ///< its deadline has answered it meanwhile
    };

    /// The lane's next job, or null when there is none.
    [[gnu::always_inline]] inline Node* next_job(Lane& lane) {
        if (lane.was_cancelled()) [[unlikely]] {
            lane.cancelled = Lane::Cancelled::no;
            lane.state_replaced = true;
        }
        Node* const job = load_->has_guests() ? pop_here(lane) : pop(lane);
        if (job != nullptr ? job->is_plain() || starts_in_time(*job) : !may_take()) [[likely]] {
            return job;
        }
        return look_further(job, lane);
    }

    /// Whether the deadline of a job that asks for no more care has not passed.
    bool starts_in_time(const Node& job) const noexcept {
        return job.needs_only(Node::Care::deadline) && now() < *job.deadline;
    }

    /// Whether job, whose handler has ended, still owes its reply, which is the caller's to set then. Otherwise its
    /// deadline has answered it. May be asked again after true. On any executor: the handler may have left the strand.
    bool claim_reply(Node& job) noexcept { return !job.deadline || job.owner->inbox_.claim_reply(job); }

    /// Lets go of a job whose handler has ended.
    [[gnu::always_inline]] inline void end(Node& job, Lane& lane, Outcome outcome) noexcept {
        if (job.ends_with_care()) [[unlikely]] {
            return end_with_care(job, lane, outcome);
        }
        count_and_reply(job, lane, outcome);
    }

    /// Ends a job whose lane's coroutine is destroyed in the midst of the handler, on the strand: something that the
    /// handler awaited was dropped. As if the handler had thrown errc::abandoned.
    [[gnu::cold]] void abandon(Node& job, Lane& lane) noexcept {
        Outcome outcome = Outcome::unwanted;
        if (claim_reply(job)) {
            job.fail(make_system_error(make_error_code(errc::abandoned)));
            outcome = Outcome::failed;
        }
        end(job, lane, outcome);
        lanes_.lost(lane);
    }

    /// The same where all of that goes down with the execution context.
    [[gnu::cold]] void abandon_with_context(Node& job, Lane& lane) noexcept {
        // Two workers that run each other's jobs would keep each other, for good.
        const std::shared_ptr<void> lender = std::move(lane.lender);
        if (job.needs(Node::Care::moved)) {
            Tally::count_exclusively(load_->tally.moved);
        }
        if (claim_reply(job)) {
            Tally::count(load_->tally.stopped);
        }
        load_->release();
        job.destroy();
    }

    /// Completes one of the pool's operations, soon. While the handler of one of the worker's jobs runs; on any
    /// executor.
    template <typename Operation>
    [[gnu::always_inline]] inline void complete(Operation& operation) noexcept {
        if (runs_on_the_pools_executor_) [[likely]] {
            lanes_.batcher().post(operation);
        } else {
            operation.post(*pool_->executor());
        }
    }

  private:
    // What the lanes need.

    void spawn_lane(Lane& lane) override { host_->spawn_lane(this->shared_from_this(), lane); }
    bool try_sleep() noexcept override { return inbox_.try_sleep() && !may_take(); }
    void searches() noexcept override { pool_->backlog.call(); }
    std::shared_ptr<void> keep_alive() noexcept override { return this->shared_from_this(); }

    /// What the inbox asks for under its lock.
    struct InboxHost {
        Worker* worker;

        void prepare_alarm() { worker->alarm_.prepare(worker->executor()); }

        void set_alarm(Clock::time_point time) noexcept {
            worker->alarm_.set(time, [weak = worker->weak_from_this()] {
                if (const auto self = weak.lock()) {
                    self->expire();
                }
            });
        }

        void clear_alarm() noexcept { worker->alarm_.clear(); }
        void look_later() noexcept { worker->look_.post(worker->shared_from_this(), worker->lanes_.batcher()); }
        bool defers() const noexcept { return worker->defers_; }
        std::uint64_t next_age() noexcept { return worker->pool_->backlog.next_age(); }
        void list(std::uint64_t age) noexcept { worker->pool_->backlog.list(worker->id(), age); }
        void unlist() noexcept { worker->pool_->backlog.unlist(worker->id()); }
        void invite(typename Node::PatienceOfJob& guest) noexcept { worker->pool_->guests.add(guest); }
        void uninvite(typename Node::PatienceOfJob& guest) noexcept { worker->pool_->guests.remove(guest); }
    };

    using Inboxed = Inbox<Node, InboxHost>;
    using Running = RunningJob<Executor>;
    using Guesthouse = Guests<typename Node::PatienceOfJob>;

    [[gnu::always_inline]] inline Node* pop(Lane& lane) noexcept { return inbox_.pop(lanes_.begin_run(lane)); }

    /// The same, or the first guest, if that has waited for longer.
    [[gnu::noinline]] Node* pop_here(Lane& lane) noexcept {
        Node* const guest = take_before_own(lane);
        return guest != nullptr ? guest : pop(lane);
    }

    Node* take_before_own(Lane& lane) noexcept {
        const auto guest = first_guest();
        if (!guest || lanes_.winding_down() || !inbox_.reserve_before_own(guest->age)) {
            return nullptr;
        }
        Node* const job = take_guest(lane, *guest, [&](Node& taken) {
            runs_here(taken, lane);
            return true;
        });
        if (job == nullptr) {
            release_load();  // somebody else has taken it
        }
        return job;
    }

    std::optional<typename Guesthouse::Guest> first_guest() noexcept {
        return load_->has_guests() ? pool_->guests.first(id()) : std::nullopt;
    }

    /// guest, unless it has gone meanwhile or start(job) is false: see Inbox::lend_guest.
    template <typename Start>
    Node* take_guest(Lane& lane, const typename Guesthouse::Guest& guest, const Start& start) noexcept {
        std::shared_ptr<Worker> lender = pool_->backlog.worker(guest.home);
        Node* const job = lender != nullptr
                              ? lender->inbox_.lend_guest([&] { return pool_->guests.first_still(id(), guest); }, start)
                              : nullptr;
        if (job != nullptr) {
            take_over(lane, std::move(lender));
        }
        return job;
    }

    /// Says that job, which has left its owner's queue, runs in lane.
    void runs_here(Node& job, Lane& lane) noexcept {
        job.moves_to(*this);
        job.ticket = lanes_.begin_run(lane);
    }

    /// Whether jobs may wait at other workers that this one could run.
    bool may_take() const noexcept { return pool_->backlog.any() || load_->has_guests(); }

    /// A job that waits at another worker, if there is a permit for it: one that is at home here as well, or else the
    /// one that has waited longest of those that may move.
    [[gnu::noinline]] Node* take(Lane& lane) noexcept {
        const auto start = [&](Node& job) {
            if (!load_->try_reserve_permit()) {
                return false;
            }
            runs_here(job, lane);
            return true;
        };
        // A worker that winds down has cancelled what it runs.
        while (!lanes_.winding_down() && load_->has_free_permit()) {
            pool_->backlog.list_deferred_now();
            if (const auto guest = first_guest()) {
                if (Node* const job = take_guest(lane, *guest, start)) {
                    return job;
                }
                continue;
            }
            auto [lender, age] = pool_->backlog.oldest();
            if (lender == nullptr) {
                return nullptr;
            }
            if (lender.get() == this) {
                if (Node* const own = pop_here(lane)) {
                    return own;  // it has come just now
                }
                inbox_.correct_listing();
            } else if (Node* const job = lender->inbox_.lend(age, start)) {
                take_over(lane, std::move(lender));
                return job;
            }
        }
        return nullptr;
    }

    /// A job that lender has lent is about to run here.
    void take_over(Lane& lane, std::shared_ptr<Worker> lender) noexcept {
        pool_->admission.moved_to(id());
        lender->release_load();
        lender->find_work();  // one of its lanes may have looked when this job still seemed to have the permit
        lane.lender = std::move(lender);
        pool_->backlog.call();
    }

    /// Does what inbox_.push(job) has asked for. False if it has turned the job away.
    [[gnu::noinline]] bool settle(Node& job, typename Inboxed::Push pushed) noexcept {
        switch (pushed) {
            case Inboxed::Push::queued:
                return true;
            case Inboxed::Push::listed:
                pool_->backlog.call();
                return true;
            case Inboxed::Push::deferred:
                // A job has begun to wait, and this worker is about to start another.
                if (pool_->backlog.defer(id())) {
                    pool_->later_look.post(pool_, lanes_.batcher());
                }
                return true;
            case Inboxed::Push::closed:
                break;
        }
        end_unstarted(job, make_error_code(errc::stopped));
        return false;
    }

    /// job, or else the first one after it, at this worker or at another, whose deadline has not passed.
    [[gnu::noinline]] Node* look_further(Node* job, Lane& lane) {
        for (;; job = pop_here(lane)) {
            if (job == nullptr && may_take()) {
                job = take(lane);
            }
            if (job == nullptr || job->is_plain()) {
                return job;
            }
            const auto time = now();
            if (!job->deadline || time < *job->deadline) {
                if (job->needs(Node::Care::times)) {
                    job->started_at.store(time.time_since_epoch().count(), std::memory_order_relaxed);
                }
                if (job->owner != this && job->verdict != SessionVerdict::none) {
                    pool_->sessions->move(job->session, id());
                }
                return job;
            }
            expire_late(*job, lane);
        }
    }

    /// Ends a job that holds no permit, and is counted as what it has become.
    [[gnu::cold, gnu::noinline]] void end_unstarted(Node& job, std::error_code why) noexcept {
        host_->dropped(*this, job, why);
        job.fail(make_system_error(why));
        if (job.report() != nullptr && has_context()) [[unlikely]] {
            job.report_end(id(), now());
        }
        const bool idle = load_->release();
        send_reply(job);
        if (idle) {
            report_idle();
        }
        find_work();
    }

    /// Ends a job that is counted as one that has moved, or is timed.
    [[gnu::noinline]] void end_with_care(Node& job, Lane& lane, Outcome outcome) noexcept {
        // Until the job has gone, which may be the last thing that its owner is there for.
        const std::shared_ptr<void> lender = std::move(lane.lender);
        if (job.needs(Node::Care::times)) {
            const auto time = now();
            if (pool_->prefers_homes) {
                pool_->service_times.add(time.time_since_epoch() -
                                         typename Clock::duration{job.started_at.load(std::memory_order_relaxed)});
            }
            if (outcome != Outcome::unwanted) {
                job.report_end(id(), time);
            }
        }
        if (job.needs(Node::Care::moved)) {
            Tally::count_exclusively(load_->tally.moved);
        }
        if (lender && outcome != Outcome::unwanted) {
            job.owner->inbox_.end_lent(job);
        }
        count_and_reply(job, lane, outcome);
    }

    /// Lets go of a job whose handler has ended.
    [[gnu::always_inline]] inline void count_and_reply(Node& job, const Lane& lane, Outcome outcome) noexcept {
        Tally& tally = load_->tally;
        if (outcome == Outcome::succeeded) [[likely]] {
            Tally::count_exclusively(tally.completed);
        } else if (outcome == Outcome::unwanted) {
            job.destroy();
            return release_load();
        } else if (!lane.was_cancelled()) {
            Tally::count_exclusively(tally.failed);
        } else {
            Tally::count(lane.cancelled == Lane::Cancelled::by_stop ? tally.stopped : tally.cancelled);
        }
        release_and_reply(job);
    }

    /// Ends a job that a lane has had, and that is counted.
    [[gnu::always_inline]] inline void release_and_reply(Node& job) noexcept {
        const bool idle = load_->release();
        complete(job);
        // Only who drains or stops waits for that.
        if (idle && !pool_->admission.open()) [[unlikely]] {
            report_idle();
        }
    }

    void release_load() noexcept {
        if (load_->release()) {
            report_idle();
        }
    }

    [[gnu::cold, gnu::noinline]] void report_idle() noexcept {
        if (pool_) {
            pool_->worker_idle();
        }
    }

    /// The alarm: some deadlines have passed, or the patience of some jobs has ended.
    [[gnu::cold]] void expire() noexcept {
        const auto time = now();
        if (inbox_.exhaust_patience(time)) {
            pool_->backlog.call();
        }
        for (;;) {
            Running running;
            const auto [job, was] = inbox_.take_overdue(time, running);
            if (job == nullptr) {
                return;
            }
            if (was == JobState::queued) {
                end_unstarted(*job, make_error_code(errc::deadline_exceeded));
            } else {
                retry_on_bad_alloc([&] { running.cancel(*this, net::cancellation_type::terminal); });
                job->fail(make_system_error(make_error_code(errc::deadline_exceeded)));
                job->report_end(running.runner(*this).id(), time);
                send_reply(*job);
            }
        }
    }

    /// A job has come to its turn after its deadline, and before the timer.
    [[gnu::cold]] void expire_late(Node& job, Lane& lane) noexcept {
        const std::shared_ptr<void> lender = std::move(lane.lender);
        if (!claim_reply(job)) {
            job.destroy();
            return release_load();
        }
        if (lender) {
            job.owner->inbox_.end_lent(job);
        }
        Tally::count(load_->tally.expired);
        host_->dropped(*this, job, make_error_code(errc::deadline_exceeded));
        job.fail(make_system_error(make_error_code(errc::deadline_exceeded)));
        if (job.report() != nullptr) {
            job.report_end(job.owner->id(), now());
        }
        release_and_reply(job);
    }

    const std::size_t spawned_as_;
    std::atomic<std::size_t> id_;
    const std::shared_ptr<WorkerLoad> load_;
    const bool wants_times_;
    const std::unique_ptr<Host> host_;
    Lanes<Executor> lanes_;
    std::atomic<bool> joined_{false};
    std::atomic<bool> closed_{false};
    std::shared_ptr<PoolState<Executor>> pool_;
    /// Then replies can go out with what else the worker has run there.
    bool runs_on_the_pools_executor_ = true;
    /// Whether all workers of the pool share a Batcher: a thread that could run one of them runs what is put there.
    bool defers_ = false;
    /// For deadlines, and ends of patience.
    Alarm<Executor> alarm_;
    LaterLook<Worker> look_;

    alignas(cache_line) Inboxed inbox_{*load_, InboxHost{this}};
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_WORKER_HPP
