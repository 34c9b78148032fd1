// SPDX-License-Identifier: Apache-2.0
//
// PoolOptions::late_binding: a job that waits moves to the first worker that could run it, and is there what it would
// have been at home. In virtual time.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>
#include <dispatch/simulation.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace late_binding_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using dispatch::errc;
using dispatch::JobContext;
using dispatch::Ledger;
using dispatch::simulation::Context;
using dispatch::simulation::Executor;
using dispatch::simulation::Timer;
using Clock = dispatch::simulation::Clock;

using Handle = dispatch::WorkerHandle<int, std::size_t, Executor>;

/// Chooses the worker that the test says.
struct Chosen {
    std::shared_ptr<std::size_t> worker = std::make_shared<std::size_t>(0);

    template <typename Pool>
    dispatch::Choice pick(const Pool& pool, dispatch::Purpose /*purpose*/) noexcept {
        return {*worker, pool.load(*worker)};
    }
};

/// Writes down where jobs start and end.
struct Observer {
    struct Seen {
        std::vector<std::string> story;
    };
    std::shared_ptr<Seen> seen = std::make_shared<Seen>();

    void routed(const dispatch::RoutedEvent& /*event*/) noexcept {}
    void started(const dispatch::StartedEvent& event) noexcept { add("started", event.worker, event.moved); }
    void finished(const dispatch::FinishedEvent& event) noexcept { add("finished", event.worker, event.moved); }
    void dropped(const dispatch::DroppedEvent& event) noexcept { add("dropped", event.worker, false); }

  private:
    void add(const std::string& what, std::size_t worker, bool moved) noexcept {
        seen->story.push_back(what + " " + std::to_string(worker) + (moved ? " moved" : ""));
    }
};

/// A job that was submitted.
struct Job {
    test::Outcome<std::size_t> outcome;
    net::cancellation_signal signal;
};

/// Requests are what the handler does: to take so many seconds, or one of these.
enum Request : int { throws = -1, is_forgotten = -2, hears_nothing = -3 };

/// The response is the number of the worker that has run the job.
class LateBinding : public testing::Test {
  protected:
    using Pool = dispatch::WorkerPool<int, std::size_t, Chosen, Executor>;

    ~LateBinding() override {
        forgotten.clear();
        if (context) {
            context->run();
        }
        if (pool) {
            test::expect_idle(*pool);
            EXPECT_EQ(pool->ledger().moved, moved());
        }
    }

    std::vector<Handle> spawn(std::size_t workers, dispatch::WorkerOptions options = {.max_concurrency = 1}) {
        return dispatch::spawn_workers<int, std::size_t, Executor>(
            context->get_executor(), workers,
            [this](int request, JobContext& job) -> net::awaitable<std::size_t> { return handle(request, job); },
            options, observer);
    }

    void make_pool(std::size_t workers, dispatch::PoolOptions options = {}) {
        pool.emplace(spawn(workers), options, chosen);
    }

    net::awaitable<std::size_t> handle(int request, JobContext& job) {
        running.push_back(job.worker_id());
        moves.push_back(job.moved());
        if (request == throws) {
            throw std::runtime_error{"thrown"};
        }
        if (request == is_forgotten) {
            co_await net::async_initiate<const net::use_awaitable_t<>, void()>(
                [this](auto&& handler) {
                    forgotten.push_back([kept = std::make_shared<std::decay_t<decltype(handler)>>(std::move(handler))] {
                        std::move (*kept)();
                    });
                },
                net::use_awaitable);
        }
        if (request == hears_nothing) {
            co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
            request = 10;
        }
        Timer timer{co_await net::this_coro::executor, std::chrono::seconds{request}};
        co_await timer.async_wait(net::use_awaitable);
        co_return job.worker_id();
    }

    /// Submits a job that is routed to worker.
    Job& submit(std::size_t worker, int request, const dispatch::SubmitOptions& options = {}) {
        *chosen.worker = worker;
        Job& job = jobs.emplace_back();
        pool->submit(options, request, net::bind_cancellation_slot(job.signal.slot(), job.outcome.handler()));
        return job;
    }

    dispatch::SubmitOptions within(Clock::duration time) const { return {.deadline = context->now() + time}; }

    std::uint64_t moved() const {
        std::uint64_t sum = 0;
        for (const dispatch::WorkerMetrics& row : pool->worker_metrics()) {
            sum += row.moved;
        }
        return sum;
    }

    /// The loads, worker by worker.
    std::vector<std::size_t> loads() const {
        std::vector<std::size_t> loads;
        for (const dispatch::WorkerMetrics& row : pool->worker_metrics()) {
            loads.push_back(row.inflight + row.queue_len + row.waiting);
        }
        return loads;
    }

    using Loads = std::vector<std::size_t>;

    Observer observer;
    Chosen chosen;
    std::optional<Context> context{std::in_place};
    /// Where jobs have started, and whether they knew that they had moved.
    std::vector<std::size_t> running;
    std::vector<bool> moves;
    std::vector<std::function<void()>> forgotten;
    std::deque<Job> jobs;
    std::optional<Pool> pool;
};

TEST_F(LateBinding, AJobMovesToTheFirstWorkerThatIsFree) {
    make_pool(3);
    submit(0, 10);
    submit(1, 5);
    submit(2, 3);
    const Job& job = submit(0, 1);
    context->run_for(3s - 1ns);
    EXPECT_EQ(running.size(), 3U);
    context->run_for(1s + 1ns);
    EXPECT_TRUE(job.outcome.returned(2));
    EXPECT_EQ(running, (std::vector<std::size_t>{0, 1, 2, 2}));
}

TEST_F(LateBinding, AJobMovesAtOnceToAWorkerThatIsFree) {
    make_pool(4);
    submit(2, 10);
    context->run_for(1s);
    const Job& job = submit(2, 1);
    context->run_for(1s);
    EXPECT_EQ(job.outcome.calls(), 1);
}

TEST_F(LateBinding, AsManyJobsMoveAsThereAreFreeWorkers) {
    make_pool(5);
    for (int i = 0; i != 7; ++i) {
        submit(3, 10);
    }
    context->poll();
    EXPECT_EQ(running.size(), 5U);
    EXPECT_EQ(loads(), (Loads{1, 1, 1, 3, 1}));
    context->run_for(20s);
    EXPECT_EQ(running.size(), 7U);
    EXPECT_EQ(loads(), (Loads{0, 0, 0, 0, 0}));
}

TEST_F(LateBinding, RoundRobinDoesNotWaitForABusyWorker) {
    dispatch::WorkerPool<int, std::size_t, dispatch::RoundRobin, Executor> robin{spawn(2)};
    std::vector<test::Outcome<std::size_t>> outcomes(11);
    robin.submit(std::nullopt, 100, outcomes[0].handler());
    for (std::size_t i = 1; i != outcomes.size(); ++i) {
        robin.submit(std::nullopt, 1, outcomes[i].handler());
    }
    context->run_for(10s);
    for (std::size_t i = 1; i != outcomes.size(); ++i) {
        EXPECT_EQ(outcomes[i].calls(), 1) << i;
    }
    context->run();
    EXPECT_EQ(robin.ledger().moved, 5U) << "every second one";
    test::expect_idle(robin);
}

TEST_F(LateBinding, AJobWithAPinnedWorkerStays) {
    make_pool(2, {.affinity_ttl = 1h});
    submit(0, 10, {.session = "a"});
    const Job& pinned = submit(0, 1, {.session = "a"});
    const Job& fresh = submit(0, 1, {.session = "b"});
    const Job& job = submit(0, 1);
    context->run_for(1s);
    EXPECT_TRUE(job.outcome.returned(1)) << "it overtakes those that must wait";
    EXPECT_EQ(pinned.outcome.calls(), 0);
    EXPECT_EQ(fresh.outcome.calls(), 0);
    context->run();
    EXPECT_TRUE(pinned.outcome.returned(0));
    EXPECT_TRUE(fresh.outcome.returned(0));
    EXPECT_EQ(moved(), 1U);
}

TEST_F(LateBinding, WithoutAffinityASessionPinsNoJob) {
    make_pool(2, {.affinity_ttl = 0s});
    submit(0, 10, {.session = "a"});
    const Job& job = submit(0, 1, {.session = "a"});
    context->run_for(1s);
    EXPECT_TRUE(job.outcome.returned(1));
}

TEST_F(LateBinding, CanBeTurnedOff) {
    make_pool(2, {.late_binding = false});
    submit(0, 10);
    const Job& job = submit(0, 1);
    context->run();
    EXPECT_TRUE(job.outcome.returned(0));
    EXPECT_EQ(pool->ledger().moved, 0U);
}

TEST_F(LateBinding, IsOffThoughTheWorkersWereToJoinAPoolThatHasIt) {
    std::vector<Handle> handles = spawn(2);
    std::vector<Handle> some_that_are_taken = spawn(1);
    const Pool other{some_that_are_taken};
    some_that_are_taken.insert(some_that_are_taken.begin(), handles.begin(), handles.end());
    EXPECT_THROW((Pool{some_that_are_taken}), std::invalid_argument);
    pool.emplace(handles, dispatch::PoolOptions{.late_binding = false}, chosen);
    submit(0, 10);
    const Job& job = submit(0, 1);
    context->run();
    EXPECT_TRUE(job.outcome.returned(0));
}

TEST_F(LateBinding, WorkersMayHaveDifferentNumbersOfPermits) {
    std::vector<Handle> handles = spawn(1, {.max_concurrency = 1});
    for (const Handle& handle : spawn(1, {.max_concurrency = 3})) {
        handles.push_back(handle);
    }
    pool.emplace(handles, dispatch::PoolOptions{}, chosen);
    for (int i = 0; i != 6; ++i) {
        submit(0, 10);
    }
    context->poll();
    EXPECT_EQ(loads(), (Loads{3, 3}));
    context->run_for(10s);
    EXPECT_EQ(loads(), (Loads{1, 1}));
    for (int i = 0; i != 6; ++i) {
        submit(1, 10);
    }
    context->poll();
    EXPECT_EQ(running.size(), 8U) << "all permits are in use";
    context->run();
    EXPECT_EQ(running.size(), 12U);
}

TEST_F(LateBinding, IsSeenByAllWhoLook) {
    make_pool(2);
    submit(0, 2);
    submit(0, 1);
    submit(1, 1);
    context->run();
    // The second one goes to worker 1 before the third, which comes to worker 1, does; that one waits there.
    EXPECT_EQ(moves, (std::vector<bool>{false, false, true}));
    EXPECT_EQ(observer.seen->story, (std::vector<std::string>{"started 0", "started 1", "finished 1", "started 1 moved",
                                                              "finished 0", "finished 1 moved"}));
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 3, .completed = 3, .moved = 1}));
    const auto rows = pool->worker_metrics();
    EXPECT_EQ(rows[0].moved, 0U);
    EXPECT_EQ(rows[1].moved, 1U);
    EXPECT_EQ(rows[0].submitted, 2U) << "where it was routed to";
    EXPECT_EQ(rows[1].submitted, 1U);
}

TEST_F(LateBinding, TheJobThatHasWaitedLongestMovesFirst) {
    make_pool(4);
    for (std::size_t worker = 0; worker != 4; ++worker) {
        submit(worker, worker == 3 ? 5 : 100);
    }
    context->run_for(1s);
    const std::array<std::size_t, 6> order{1, 0, 2, 2, 0, 1};
    std::vector<Job*> waiting;
    for (const std::size_t worker : order) {
        waiting.push_back(&submit(worker, 1));
    }
    context->run_for(4s);
    for (Job* job : waiting) {
        EXPECT_EQ(job->outcome.calls(), 0);
        context->run_for(1s);
        EXPECT_TRUE(job->outcome.returned(3));
    }
}

TEST_F(LateBinding, AWorkerRunsItsOwnJobsFirst) {
    make_pool(2);
    submit(0, 100);
    submit(1, 5);
    const Job& stranger = submit(0, 1);
    const Job& own = submit(1, 1);
    context->run_for(6s);
    EXPECT_TRUE(own.outcome.returned(1));
    EXPECT_EQ(stranger.outcome.calls(), 0);
    context->run_for(1s);
    EXPECT_TRUE(stranger.outcome.returned(1));
}

TEST_F(LateBinding, AJobThatWaitsForAPlaceMovesToo) {
    pool.emplace(spawn(2, {.max_concurrency = 1, .queue_capacity = 1}), dispatch::PoolOptions{}, chosen);
    submit(0, 100);
    submit(1, 5);
    for (int i = 0; i != 4; ++i) {
        submit(0, 1);
    }
    context->run_for(1s);
    const std::size_t waiting = pool->worker_metrics()[0].waiting + pool->worker_metrics()[1].waiting;
    EXPECT_EQ(waiting, 2U);
    context->run_for(8s);
    for (std::size_t i = 2; i != jobs.size(); ++i) {
        EXPECT_TRUE(jobs[i].outcome.returned(1)) << i;
    }
}

TEST_F(LateBinding, LoadsAreExact) {
    make_pool(2);
    submit(0, 10);
    submit(1, 2);
    submit(0, 2);
    context->run_for(1s);
    EXPECT_EQ(loads(), (Loads{2, 1}));
    context->run_for(1s);
    EXPECT_EQ(loads(), (Loads{1, 1}));
    context->run_for(2s);
    EXPECT_EQ(loads(), (Loads{1, 0}));
    context->run_for(6s);
    EXPECT_EQ(loads(), (Loads{0, 0}));
}

/// A job that was routed to worker 0 runs on worker 1, and will for ten seconds.
class AMovedJob : public LateBinding {
  protected:
    Job& make(int request = 10, std::optional<Clock::duration> deadline = {}) {
        make_pool(2);
        submit(0, 100);
        Job& job = submit(0, request, deadline ? within(*deadline) : dispatch::SubmitOptions{});
        context->poll();
        EXPECT_EQ(running.size(), 2U);
        return job;
    }

    /// Worker 1 is as good as new.
    void expect_a_worker_at_work() {
        context->run_for(10s);
        EXPECT_EQ(loads(), (Loads{1, 0}));
        const Job& next = submit(0, 1);
        const Job& after = submit(1, 1);
        context->run_for(2s);
        EXPECT_TRUE(next.outcome.returned(1));
        EXPECT_TRUE(after.outcome.returned(1));
    }
};

TEST_F(AMovedJob, ReceivesACancellation) {
    Job& job = make();
    job.signal.emit(net::cancellation_type::terminal);
    context->poll();
    EXPECT_TRUE(job.outcome.heard(test::aborted()));
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 2, .cancelled = 1, .moved = 1}));
    EXPECT_EQ(jobs[0].outcome.calls(), 0) << "the other worker's job has the same number there";
    expect_a_worker_at_work();
}

TEST_F(AMovedJob, IsNotHitByACancellationThatComesTooLate) {
    Job& job = make(1);
    context->run_for(1s);
    EXPECT_TRUE(job.outcome.returned(1));
    const Job& next = submit(0, 5);
    context->poll();
    job.signal.emit(net::cancellation_type::terminal);
    context->run_for(5s);
    EXPECT_TRUE(next.outcome.returned(1));
}

TEST_F(AMovedJob, ItsDeadlinePassesWhileItRuns) {
    Job& job = make(10, 3s);
    context->run_for(3s - 1ns);
    EXPECT_EQ(job.outcome.calls(), 0);
    context->run_for(1ns);
    EXPECT_TRUE(job.outcome.heard(errc::deadline_exceeded));
    EXPECT_EQ(loads(), (Loads{1, 0})) << "the handler has heard of it";
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 2, .expired = 1, .moved = 1}));
    expect_a_worker_at_work();
}

TEST_F(AMovedJob, ItsDeadlinePassesWhileItsHandlerIsDeaf) {
    Job& job = make(hears_nothing, 3s);
    context->run_for(3s);
    EXPECT_TRUE(job.outcome.heard(errc::deadline_exceeded));
    EXPECT_EQ(loads(), (Loads{1, 1})) << "its handler runs on";
    context->run_for(7s);
    EXPECT_EQ(loads(), (Loads{1, 0}));
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 2, .expired = 1, .moved = 1}));
    expect_a_worker_at_work();
}

TEST_F(AMovedJob, MeetsItsDeadline) {
    Job& job = make(2, 3s);
    context->run_for(5s);
    EXPECT_TRUE(job.outcome.returned(1));
    EXPECT_EQ(context->waits(), 1U) << "only the other job's timer is left";
}

TEST_F(LateBinding, ADeadlineThatPassesWhileTheJobWaits) {
    make_pool(2);
    submit(0, 100);
    submit(1, 5);
    const Job& late = submit(0, 1, within(2s));
    const Job& job = submit(0, 1);
    context->run_for(2s);
    EXPECT_TRUE(late.outcome.heard(errc::deadline_exceeded));
    EXPECT_EQ(loads(), (Loads{2, 1}));
    context->run_for(4s);
    EXPECT_TRUE(job.outcome.returned(1)) << "the next one has moved";
    EXPECT_EQ(pool->ledger().moved, 1U);
}

TEST_F(LateBinding, ADeadlineThatHasPassedWhenTheJobMoves) {
    for (std::uint64_t seed = 0; seed != 20; ++seed) {
        context.emplace(seed);
        jobs.clear();
        running.clear();
        make_pool(2);
        submit(0, 100);
        submit(1, 5);
        context->run_for(1s);
        // At the same moment: the timer, and worker 1, which has become free.
        const Job& late = submit(0, 1, within(4s));
        const Job& job = submit(0, 1);
        context->run_for(5s);
        EXPECT_TRUE(late.outcome.heard(errc::deadline_exceeded)) << seed;
        EXPECT_TRUE(job.outcome.returned(1)) << seed;
        EXPECT_EQ(running.size(), 3U) << seed;
        EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 4, .completed = 2, .expired = 1, .moved = 1})) << seed;
        EXPECT_EQ(loads(), (Loads{1, 0})) << seed;
        pool.reset();
    }
}

TEST_F(LateBinding, AJobThatIsCancelledWhileItWaitsMakesRoomForOthers) {
    make_pool(2);
    submit(0, 100);
    submit(1, 5);
    Job& job = submit(0, 1);
    const Job& next = submit(0, 1);
    context->run_for(1s);
    job.signal.emit(net::cancellation_type::terminal);
    context->run_for(5s);
    EXPECT_TRUE(job.outcome.heard(test::aborted()));
    EXPECT_TRUE(next.outcome.returned(1));
}

TEST_F(AMovedJob, Throws) {
    Job& job = make(throws);
    EXPECT_TRUE(test::is_error<std::runtime_error>(job.outcome.error(), "thrown"));
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 2, .failed = 1, .moved = 1}));
    EXPECT_EQ(pool->worker_metrics()[1].errors, 1U) << "where it ran";
    expect_a_worker_at_work();
}

TEST_F(AMovedJob, IsAbandoned) {
    Job& job = make(is_forgotten);
    forgotten.clear();
    context->poll();
    EXPECT_TRUE(job.outcome.heard(errc::abandoned));
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 2, .failed = 1, .moved = 1}));
    expect_a_worker_at_work();
}

TEST_F(AMovedJob, IsAbandonedAfterItsDeadline) {
    Job& job = make(is_forgotten, 1s);
    context->run_for(2s);
    EXPECT_TRUE(job.outcome.heard(errc::deadline_exceeded));
    EXPECT_EQ(loads(), (Loads{1, 1}));
    forgotten.clear();
    context->poll();
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 2, .expired = 1, .moved = 1}));
    expect_a_worker_at_work();
}

TEST_F(AMovedJob, IsStopped) {
    Job& job = make();
    const Job& waits = submit(0, 1);
    pool->stop();
    context->run();
    EXPECT_TRUE(job.outcome.heard(test::aborted()));
    EXPECT_TRUE(waits.outcome.heard(errc::stopped));
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 3, .stopped = 3, .moved = 1}));
    EXPECT_EQ(running.size(), 2U);
}

TEST_F(AMovedJob, ItsHandlerRunsOnAfterStop) {
    Job& job = make(hears_nothing);
    pool->stop();
    context->run();
    EXPECT_TRUE(job.outcome.returned(1));
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 2, .completed = 1, .stopped = 1, .moved = 1}));
}

TEST_F(AMovedJob, ItsPoolIsDestroyed) {
    Job& job = make(hears_nothing);
    pool.reset();
    context->run();
    EXPECT_TRUE(job.outcome.returned(1)) << "though the worker that it comes from has ended";
    EXPECT_TRUE(jobs[0].outcome.heard(test::aborted()));
    EXPECT_EQ(observer.seen.use_count(), 1) << "a worker is left";
}

TEST_F(AMovedJob, ItsDeadlinePassesAfterItsPoolIsDestroyed) {
    Job& job = make(hears_nothing, 3s);
    pool.reset();
    context->run_for(3s);
    EXPECT_TRUE(job.outcome.heard(errc::deadline_exceeded));
    context->run();
    EXPECT_EQ(job.outcome.calls(), 1);
    EXPECT_EQ(observer.seen.use_count(), 1) << "a worker is left";
}

TEST_F(AMovedJob, IsCancelledAfterItsPoolIsDestroyed) {
    Job& job = make(hears_nothing);
    pool.reset();
    context->run_for(1s);
    job.signal.emit(net::cancellation_type::terminal);
    context->run();
    EXPECT_TRUE(job.outcome.returned(1));
    EXPECT_EQ(observer.seen.use_count(), 1) << "a worker is left";
}

TEST_F(AMovedJob, ItsContextIsDestroyed) {
    for (const bool pool_first : {true, false}) {
        context.emplace();
        jobs.clear();
        running.clear();
        Job& job = make(10, 20s);
        if (pool_first) {
            pool.reset();
        }
        context.reset();
        EXPECT_EQ(job.outcome.calls(), 0);
        EXPECT_FALSE(job.outcome.pending());
        if (pool) {
            EXPECT_EQ(loads(), (Loads{0, 0}));
            EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 2, .stopped = 2, .moved = 1}));
        }
        pool.reset();
        EXPECT_EQ(observer.seen.use_count(), 1) << "a worker is left";
    }
}

TEST_F(LateBinding, WorkersThatRunEachOthersJobsAreNotLeft) {
    const auto make = [this] {
        make_pool(2);
        submit(0, 2);
        submit(0, 100);  // moves to worker 1
        context->run_for(1s);
        submit(1, 100);
        context->run_for(2s);
        ASSERT_EQ(pool->worker_metrics()[0].inflight, 1U);
        ASSERT_EQ(loads(), (Loads{1, 1}));
        ASSERT_EQ(running, (std::vector<std::size_t>{0, 1, 0}));
    };
    make();
    pool.reset();
    context->run();
    EXPECT_EQ(observer.seen.use_count(), 1) << "a worker is left";
    running.clear();
    make();
    context.reset();
    pool.reset();
    EXPECT_EQ(observer.seen.use_count(), 1) << "a worker is left after its context";
}

TEST_F(AMovedJob, ADrainWaitsForIt) {
    make();
    jobs[0].signal.emit(net::cancellation_type::terminal);
    test::Outcome<Ledger> drained;
    pool->drain(drained.handler());
    context->run_for(10s - 1ns);
    EXPECT_EQ(drained.calls(), 0);
    context->run();
    EXPECT_TRUE(drained.returned(Ledger{.submitted = 2, .completed = 1, .cancelled = 1, .moved = 1}));
}

TEST_F(LateBinding, ADrainWaitsForWhatMovesMeanwhile) {
    // Also to a worker that was idle when the drain began, or has been since.
    for (std::size_t busy : {0U, 1U, 2U}) {
        jobs.clear();
        context.emplace();
        make_pool(3);
        submit(busy, 10);
        submit((busy + 1) % 3, 3);
        submit((busy + 2) % 3, 2);
        for (int i = 0; i != 4; ++i) {
            submit(busy, 5);
        }
        context->run_for(1s);
        test::Outcome<Ledger> drained;
        pool->drain(drained.handler());
        context->run_for(12s - 1ns);
        EXPECT_EQ(drained.calls(), 0) << busy;
        context->run();
        EXPECT_TRUE(drained.returned(Ledger{.submitted = 7, .completed = 7, .moved = 4})) << busy;
        pool.reset();
    }
}

TEST_F(LateBinding, APlainFunctionsJobsMoveToo) {
    std::vector<std::pair<std::size_t, bool>> calls;
    const auto handler = [&](int request, JobContext& job) -> std::size_t {
        calls.emplace_back(job.worker_id(), job.moved());
        if (request == throws) {
            throw std::runtime_error{"thrown"};
        }
        return job.worker_id();
    };
    pool.emplace(dispatch::spawn_workers<int, std::size_t, Executor>(context->get_executor(), 2, handler),
                 dispatch::PoolOptions{}, chosen);
    const Job& first = submit(0, 1);
    const Job& second = submit(0, throws);
    const Job& third = submit(0, 1);
    context->run();
    EXPECT_TRUE(first.outcome.returned(0));
    EXPECT_EQ(second.outcome.calls(), 1);
    EXPECT_EQ(third.outcome.calls(), 1);
    std::uint64_t knew = 0;
    for (const auto& [worker, has_moved] : calls) {
        EXPECT_EQ(has_moved, worker == 1);
        knew += has_moved;
    }
    EXPECT_EQ(pool->ledger().moved, knew);
    EXPECT_EQ(pool->ledger().failed, 1U);
}

TEST_F(LateBinding, NoPermitIsFreeWhileAJobWaitsWhateverTheOrder) {
    for (std::uint64_t seed = 0; seed != 200; ++seed) {
        context.emplace(seed);
        jobs.clear();
        running.clear();
        make_pool(4);
        for (std::size_t i = 0; i != 12; ++i) {
            submit((seed + i * i) % 4, static_cast<int>(1 + (seed * 7 + i * 3) % 5));
        }
        for (int second = 0; second != 30; ++second) {
            context->poll();
            std::size_t in_use = 0;
            std::size_t waiting = 0;
            for (const dispatch::WorkerMetrics& row : pool->worker_metrics()) {
                in_use += row.inflight;
                waiting += row.queue_len + row.waiting;
            }
            ASSERT_TRUE(waiting == 0 || in_use == 4) << "seed " << seed << ", after " << second << " s";
            context->run_for(1s);
        }
        EXPECT_EQ(pool->ledger().completed, 12U);
        pool.reset();
    }
}

// ---------------------------------------------------------------------------------------------------
// Handlers that hold their threads.

/// Handlers on three threads that block theirs, or suspend.
class Blocking : public testing::Test {
  protected:
    enum Request : int { suspends, suspends_and_blocks, blocks, returns };
    using Pool = dispatch::WorkerPool<int, std::size_t, Chosen>;

    ~Blocking() override {
        let_go.set_value();
        gate.open();
        pool->drain(net::use_future).get();
        threads.join();
    }

    auto spawn(const net::any_io_executor& executor, std::size_t workers, std::size_t max_concurrency) {
        const auto handler = [gate = gate, first = first, blocked = &blocked, gone_on = let_go_future](
                                 int request, JobContext& job) -> net::awaitable<std::size_t> {
            if (request == suspends) {
                co_await gate.pass();
            } else if (request == suspends_and_blocks) {
                co_await first.pass();
            }
            if (request == suspends_and_blocks || request == blocks) {
                ++*blocked;
                blocked->notify_all();
                gone_on.wait();
            }
            co_return job.worker_id();
        };
        return dispatch::spawn_workers<int, std::size_t>(executor, workers, handler,
                                                         {.max_concurrency = max_concurrency});
    }

    void make_pool(std::size_t max_concurrency) {
        pool.emplace(spawn(threads.get_executor(), 3, max_concurrency), dispatch::PoolOptions{}, chosen);
    }

    /// No thread runs anything until all that submit_all submits is submitted.
    template <typename SubmitAll>
    void hold_threads_while(const SubmitAll& submit_all) {
        for (int i = 0; i != 3; ++i) {
            net::post(threads, [this] {
                held.arrive_and_wait();
                submitted.wait();
            });
        }
        held.arrive_and_wait();
        submit_all();
        submitted.count_down();
    }

    std::future<std::size_t> submit(std::size_t worker, int request) {
        *chosen.worker = worker;
        return pool->submit(std::nullopt, request, net::use_future);
    }

    void await_blocked(int n) {
        for (int seen = blocked; seen < n; seen = blocked) {
            blocked.wait(seen);
        }
    }

    static constexpr auto long_enough = 20s;

    Chosen chosen;
    test::Gate gate;
    test::Gate first;
    std::atomic<int> blocked{0};
    std::promise<void> let_go;
    std::shared_future<void> let_go_future = let_go.get_future().share();
    std::latch held{4};
    std::latch submitted{1};
    net::thread_pool threads{3};
    std::optional<Pool> pool;
};

TEST_F(Blocking, AWorkerWithAPermitFreeWhoseThreadIsHeldDoesNotKeepAJobFromTheOthers) {
    make_pool(2);
    submit(1, suspends_and_blocks);
    first.await_arrivals(1);
    first.open();
    await_blocked(1);
    submit(0, suspends);
    submit(0, suspends);
    gate.await_arrivals(2);
    auto job = submit(0, returns);
    ASSERT_EQ(job.wait_for(long_enough), std::future_status::ready) << "worker 2 is idle";
    EXPECT_EQ(job.get(), 2U);
}

TEST_F(Blocking, AWorkerThatIsCalledAndGetsAJobOfItsOwnDoesNotKeepAJobFromTheOthers) {
    make_pool(1);
    submit(0, suspends);
    gate.await_arrivals(1);
    std::future<std::size_t> job;
    hold_threads_while([&] {
        job = submit(0, returns);
        submit(1, blocks);
    });
    ASSERT_EQ(job.wait_for(long_enough), std::future_status::ready) << "worker 2 is idle";
    EXPECT_EQ(job.get(), 2U);
}

TEST_F(Blocking, AJobBehindOneThatIsAboutToStartMovesWhenThatHoldsTheThread) {
    make_pool(1);
    std::future<std::size_t> job;
    hold_threads_while([&] {
        submit(0, blocks);
        job = submit(0, returns);
    });
    ASSERT_EQ(job.wait_for(long_enough), std::future_status::ready) << "workers 1 and 2 are idle";
    EXPECT_NE(job.get(), 0U);
}

TEST_F(Blocking, AJobMovesThoughAllThatItsWorkersExecutorRunsIsHeld) {
    const net::any_io_executor one = net::make_strand(threads);
    const net::any_io_executor other = net::make_strand(threads);
    std::vector<dispatch::WorkerHandle<int, std::size_t>> workers = spawn(one, 1, 2);
    workers.push_back(std::move(spawn(other, 1, 2).front()));
    pool.emplace(std::move(workers), dispatch::PoolOptions{}, chosen);
    submit(0, blocks);
    await_blocked(1);
    submit(0, suspends);  // has a permit, and is not started
    auto job = submit(0, returns);
    ASSERT_EQ(job.wait_for(long_enough), std::future_status::ready) << "worker 1 is idle";
    EXPECT_EQ(job.get(), 1U);
}

}  // namespace late_binding_test
