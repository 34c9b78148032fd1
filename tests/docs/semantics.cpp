// SPDX-License-Identifier: Apache-2.0
//
// What docs/semantics.md states and no test of a single header shows. The page names these tests.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>
#include <dispatch/simulation.hpp>

#include "../support/asio.hpp"

namespace semantics {

namespace net = dispatch::net;
using namespace std::chrono_literals;
using dispatch::errc;

namespace {

/// A handler that waits for longer than any test runs.
net::awaitable<int> wait_for_an_hour(int number) {
    net::steady_timer timer{co_await net::this_coro::executor, 1h};
    co_await timer.async_wait(net::use_awaitable);
    co_return number;
}

/// The error that a future has when context has run out of work; empty if it has none.
template <typename Context, typename T>
std::error_code error_of(Context& context, std::future<T> future) {
    if constexpr (requires { context.restart(); }) {
        context.restart();
    }
    context.run();
    try {
        future.get();
    } catch (const std::system_error& error) {
        return error.code();
    }
    return {};
}

}  // namespace

TEST(Semantics, TheHandlerSeesTheSessionWithoutPins) {
    net::io_context context;
    dispatch::WorkerPool<int, std::string> pool{
        dispatch::spawn_workers<int, std::string>(
            context.get_executor(), 1, [](int, dispatch::JobContext& job) { return std::string{job.session()}; }),
        {.affinity_ttl = 0s}};
    auto name = pool.submit("ada", 1, net::use_future);
    context.run();
    EXPECT_EQ(name.get(), "ada");
}

TEST(Semantics, ARefusedJobLengthensASlidingPin) {
    using dispatch::simulation::Executor;
    dispatch::simulation::Context context;
    dispatch::WorkerPool<int, std::size_t, dispatch::LeastLoaded, Executor> pool{
        dispatch::spawn_workers<int, std::size_t, Executor>(
            context.get_executor(), 2, [](int, dispatch::JobContext& job) { return job.worker_id(); },
            {.queue_capacity = 1}),
        {.affinity_ttl = 10s, .affinity_expiry = dispatch::AffinityExpiry::sliding}};
    const auto worker_of = [&](std::optional<std::string_view> session) {
        auto worker = pool.submit(session, 0, net::use_future);
        context.run();
        return worker.get();
    };
    const std::size_t pinned = worker_of("ada");
    context.advance(6s);
    pool.submit("ada", 0, net::detached);
    pool.submit("ada", 0, net::detached);
    context.advance(6s);
    EXPECT_EQ(error_of(context, pool.try_submit("ada", 0, net::use_future)), errc::queue_full);
    EXPECT_EQ(pool.ledger().rejected, 1U);
    context.advance(9s);  // 15 s after the last one that was accepted
    while (worker_of(std::nullopt) != pinned) {
    }
    EXPECT_EQ(worker_of("ada"), pinned) << "though it is the turn of the other";
    context.advance(10s);
    EXPECT_NE(worker_of("ada"), pinned) << "without a pin";
}

TEST(Semantics, ALateJobIsPlacedLikeAnyOther) {
    net::io_context context;
    dispatch::WorkerPool<int, int> pool{
        dispatch::spawn_workers<int, int>(context.get_executor(), 1, [](int n) { return n; }, {.queue_capacity = 1}),
        {.overflow = dispatch::Overflow::reject}};
    const dispatch::SubmitOptions late{.session = "ada", .deadline = std::chrono::steady_clock::now() - 1s};
    EXPECT_EQ(error_of(context, pool.submit(late, 1, net::use_future)), errc::deadline_exceeded);
    EXPECT_EQ(pool.worker_metrics()[0].sessions, 1U) << "it makes a pin";
    pool.submit(std::nullopt, 1, net::detached);
    pool.submit(std::nullopt, 2, net::detached);
    EXPECT_EQ(error_of(context, pool.submit(late, 1, net::use_future)), errc::queue_full);
    pool.stop();
    EXPECT_EQ(error_of(context, pool.submit(late, 1, net::use_future)), errc::stopped);
}

TEST(Semantics, AContextThatGoesBeforeItsPoolDestroysCompletionHandlers) {
    net::io_context callers;
    auto seen = std::make_shared<int>(0);
    auto context = std::make_unique<net::io_context>();
    dispatch::WorkerPool<int, int> pool{
        dispatch::spawn_workers<int, int>(context->get_executor(), 1, wait_for_an_hour)};
    pool.submit(std::nullopt, 1, net::bind_executor(callers, [seen](std::exception_ptr, int) { ++*seen; }));
    context->poll();
    context.reset();
    callers.poll();
    EXPECT_EQ(*seen, 0);
    EXPECT_EQ(seen.use_count(), 1);
}

TEST(Semantics, AContextThatGoesAfterItsPoolDoesNotCallOnAnotherContext) {
    net::io_context callers;
    auto seen = std::make_shared<int>(0);
    {
        net::io_context context;
        dispatch::WorkerPool<int, int> pool{
            dispatch::spawn_workers<int, int>(context.get_executor(), 1, wait_for_an_hour)};
        pool.submit(std::nullopt, 1, net::bind_executor(callers, [seen](std::exception_ptr, int) { ++*seen; }));
        context.poll();
        callers.poll();
        EXPECT_GT(seen.use_count(), 1);
    }
    callers.restart();
    callers.poll();
    EXPECT_EQ(*seen, 0);
}

TEST(Semantics, AJobIsInFlightBeforeItsHandlerStarts) {
    net::io_context context;
    bool started = false;
    dispatch::WorkerPool<int, int> pool{dispatch::spawn_workers<int, int>(context.get_executor(), 1, [&](int n) {
        started = true;
        return n;
    })};
    pool.submit(std::nullopt, 1, net::detached);
    EXPECT_FALSE(started);
    EXPECT_EQ(pool.worker_metrics()[0].inflight, 1U);
    context.run();
    EXPECT_TRUE(started);
}

// Jobs that move.

namespace {

using SimulatedExecutor = dispatch::simulation::Executor;

/// Writes down "what worker" of each event, and "moved" with those that say so.
struct EventLog {
    std::vector<std::string>* events;

    void routed(const dispatch::RoutedEvent& job) noexcept { add("routed", job.worker, false); }
    void started(const dispatch::StartedEvent& job) noexcept { add("started", job.worker, job.moved); }
    void finished(const dispatch::FinishedEvent& job) noexcept { add("finished", job.worker, job.moved); }
    void dropped(const dispatch::DroppedEvent& job) noexcept { add("dropped", job.worker, false); }
    void add(const char* what, std::size_t worker, bool moved) noexcept {
        events->push_back(what + (' ' + std::to_string(worker)) + (moved ? " moved" : ""));
    }
};

/// The first of the least loaded workers.
struct First {
    template <dispatch::LoadView V>
    dispatch::Choice pick(const V& view, dispatch::Purpose /*purpose*/) const noexcept {
        dispatch::Choice best{0, view.load(0)};
        for (std::size_t worker = 1; worker != view.size(); ++worker) {
            if (const std::uint32_t load = view.load(worker); load < best.load) {
                best = {worker, load};
            }
        }
        return best;
    }
};

/// A pool in virtual time of workers that run one job at a time. A job's request is how long it takes; its response is
/// the number of the handler that ran it, and whether it was told that the job has moved.
class Moving {
  public:
    struct Ran {
        std::size_t handler = 0;
        bool moved = false;
        friend bool operator==(const Ran&, const Ran&) = default;
        friend void PrintTo(const Ran& ran, std::ostream* out) {
            *out << "by " << ran.handler << (ran.moved ? ", moved" : "");
        }
    };
    using Request = std::chrono::seconds;
    using Policy = dispatch::Observed<EventLog, First>;
    using Pool = dispatch::WorkerPool<Request, Ran, Policy, SimulatedExecutor>;

    explicit Moving(dispatch::PoolOptions options, std::size_t workers = 2, std::size_t queue_capacity = 1024)
        : pool{dispatch::spawn_workers<Request, Ran, SimulatedExecutor>(
                   context.get_executor(), workers, dispatch::per_worker([](std::size_t number) {
                       return [number](Request time, dispatch::JobContext& job) -> net::awaitable<Ran> {
                           const bool moved = job.moved();
                           dispatch::simulation::Timer timer{co_await net::this_coro::executor, time};
                           co_await timer.async_wait(net::use_awaitable);
                           co_return Ran{number, moved};
                       };
                   }),
                   {.max_concurrency = 1, .queue_capacity = queue_capacity}, EventLog{&events}),
               options, Policy{EventLog{&events}, {}}} {}

    /// What has become of a job so far.
    struct Outcome {
        bool ended = false;
        Ran ran;
        std::exception_ptr error;
    };

    std::shared_ptr<Outcome> submit(const dispatch::SubmitOptions& options, Request time) {
        auto outcome = std::make_shared<Outcome>();
        pool.submit(options, time, [outcome](std::exception_ptr error, Ran ran) { *outcome = {true, ran, error}; });
        return outcome;
    }
    void run() { context.run(); }

    dispatch::simulation::Context context;
    std::vector<std::string> events;
    Pool pool;
};

std::error_code code_of(const std::exception_ptr& error) {
    try {
        if (error) {
            std::rethrow_exception(error);
        }
    } catch (const std::system_error& thrown) {
        return thrown.code();
    }
    return {};
}

}  // namespace

TEST(Moved, AJobThatIsNotPinnedRunsOnTheFirstWorkerWithAPermit) {
    Moving moving{{}};
    moving.submit({}, 10s);
    moving.submit({}, 1s);
    auto waiting = moving.submit({}, 1s);  // routed to worker 0
    moving.context.run_for(2s);
    ASSERT_TRUE(waiting->ended);
    EXPECT_EQ(waiting->ran, (Moving::Ran{1, true})) << "the handler of the worker that ran it";
}

TEST(Moved, SoDoesOneThatWaitsForAPlace) {
    Moving moving{{}, 2, 1};
    moving.submit({}, 10s);
    moving.submit({}, 1s);
    moving.submit({}, 1s);
    moving.submit({}, 1s);
    auto waiting = moving.submit({}, 1s);
    EXPECT_EQ(moving.pool.worker_metrics()[0].waiting, 1U);
    moving.context.run_for(5s);
    ASSERT_TRUE(waiting->ended);
    EXPECT_EQ(waiting->ran, (Moving::Ran{1, true}));
}

TEST(Moved, NotWithoutLateBinding) {
    Moving moving{{.late_binding = false}};
    moving.submit({}, 10s);
    moving.submit({}, 1s);
    auto waiting = moving.submit({}, 1s);
    moving.context.run_for(10s);
    EXPECT_FALSE(waiting->ended);
    moving.run();
    EXPECT_EQ(waiting->ran, (Moving::Ran{0, false}));
}

TEST(Moved, NotWithAStrictPinNorTheFirstJobOfASession) {
    Moving moving{{}};
    moving.submit({.session = "ada"}, 10s);                // worker 0
    moving.submit({}, 1s);                                 // worker 1
    auto fresh = moving.submit({.session = "brian"}, 1s);  // worker 0
    auto pinned = moving.submit({.session = "ada"}, 1s);
    moving.context.run_for(10s);
    EXPECT_FALSE(pinned->ended);
    EXPECT_FALSE(fresh->ended);
    moving.run();
    EXPECT_EQ(pinned->ran, (Moving::Ran{0, false}));
    EXPECT_EQ(fresh->ran, (Moving::Ran{0, false}));
}

TEST(Moved, CountsWhereItRuns) {
    Moving moving{{}};
    moving.submit({}, 10s);
    moving.submit({}, 1s);
    moving.submit({}, 3s);  // routed to worker 0
    EXPECT_EQ(moving.pool.worker_metrics()[0].queue_len, 1U);
    moving.context.run_for(2s);
    auto rows = moving.pool.worker_metrics();
    EXPECT_EQ(rows[0].queue_len, 0U);
    EXPECT_EQ(rows[1].inflight, 1U);
    moving.run();
    rows = moving.pool.worker_metrics();
    EXPECT_EQ(rows[0].submitted, 2U);
    EXPECT_EQ(rows[0].moved, 0U);
    EXPECT_EQ(rows[1].submitted, 1U);
    EXPECT_EQ(rows[1].moved, 1U);
    EXPECT_EQ(moving.pool.ledger().moved, 1U);
    EXPECT_EQ(moving.pool.ledger().completed, 3U);
}

TEST(Moved, AnObserverSeesItRoutedHereAndStartedThere) {
    Moving moving{{}};
    moving.submit({}, 10s);
    moving.submit({}, 1s);
    moving.context.run_for(0s);
    moving.events.clear();
    moving.submit({}, 3s);
    moving.context.run_for(5s);
    EXPECT_EQ(moving.events,
              (std::vector<std::string>{"routed 0", "finished 1", "started 1 moved", "finished 1 moved"}));
}

TEST(Moved, WhatEndsWhileItWaitsIsDroppedWhereItWasRouted) {
    Moving moving{{}};
    moving.submit({}, 10s);
    moving.submit({}, 10s);
    moving.context.run_for(0s);
    moving.events.clear();
    const auto deadline = moving.context.now() + 2s;
    moving.submit({.deadline = deadline}, 1s);
    moving.context.run_for(2s);
    EXPECT_EQ(moving.events, (std::vector<std::string>{"routed 0", "dropped 0"}));
}

TEST(Moved, ItsDeadlineAndItsCancellationReachIt) {
    Moving moving{{}};
    moving.submit({}, 10s);
    moving.submit({}, 1s);
    const auto start = moving.context.now();
    auto late = moving.submit({.deadline = start + 3s}, 1h);  // routed to worker 0, runs on worker 1 from 1 s on
    moving.context.run_for(3s);
    EXPECT_EQ(code_of(late->error), errc::deadline_exceeded) << "on time";
    EXPECT_EQ(moving.pool.worker_metrics()[1].inflight, 0U) << "its handler has ended";

    net::cancellation_signal signal;
    std::exception_ptr error;
    moving.submit({}, 1s);  // worker 1
    moving.pool.submit(
        dispatch::SubmitOptions{}, Moving::Request{1h},
        net::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, Moving::Ran) { error = e; }));
    moving.context.run_for(2s);  // on worker 1 since 1 s
    EXPECT_EQ(error, nullptr);
    signal.emit(net::cancellation_type::total);
    moving.context.run_for(0s);
    EXPECT_NE(error, nullptr);
    EXPECT_EQ(moving.pool.ledger().cancelled, 1U);
}

TEST(Moved, ADrainWaitsForItAndAStopCancelsIt) {
    for (const bool stop : {false, true}) {
        Moving moving{{}};
        moving.submit({}, 2s);
        moving.submit({}, 1s);
        moving.submit({}, 10s);  // routed to worker 0, runs on worker 1 from 1 s on
        moving.context.run_for(3s);
        std::optional<dispatch::Ledger> ledger;
        moving.pool.drain([&](const std::exception_ptr&, const dispatch::Ledger& last) { ledger = last; });
        if (stop) {
            moving.pool.stop();
        }
        moving.context.run_for(1s);
        EXPECT_EQ(ledger.has_value(), stop);
        moving.run();
        ASSERT_TRUE(ledger);
        EXPECT_EQ(ledger->stopped, stop ? 1U : 0U);
        EXPECT_EQ(moving.pool.worker_metrics()[1].submitted, 1U) << "it was routed to worker 0";
    }
}

namespace {

constexpr dispatch::PoolOptions preferring{.affinity_ttl = 1h,
                                           .affinity_expiry = dispatch::AffinityExpiry::sliding,
                                           .affinity = dispatch::Affinity::preferred,
                                           .miss_cost = 5s};

}  // namespace

TEST(Preferred, AJobWaitsForItsHomeAsLongAsItsPatience) {
    Moving moving{preferring};
    moving.submit({.session = "ada"}, 100s);  // no job has ended: nobody knows how long they take
    dispatch::JobReport report;
    auto moved = moving.submit({.session = "ada", .report = &report}, 1s);
    moving.context.run_for(5s - 1ns);
    EXPECT_EQ(moving.pool.worker_metrics()[0].queue_len, 1U);
    moving.run();
    EXPECT_EQ(moved->ran, (Moving::Ran{1, true}));
    EXPECT_EQ(report.worker_id, 1U);
    EXPECT_EQ(report.verdict, dispatch::SessionVerdict::moved);
    EXPECT_EQ(report.queued, 5s);
    EXPECT_EQ(report.ran, 1s);
    auto next = moving.submit({.session = "ada"}, 1s);
    moving.run();
    EXPECT_EQ(next->ran, (Moving::Ran{1, false})) << "where the job moved is the latest home";
}

TEST(Preferred, AJobGoesElsewhereAtOnceWhereTheWaitCostsMoreThanAMiss) {
    Moving moving{preferring};
    moving.submit({.session = "ada"}, 20s);
    moving.run();  // 20 s a job: the rest of one is 10 s
    moving.submit({.session = "ada"}, 20s);
    dispatch::JobReport report;
    auto moved = moving.submit({.session = "ada", .report = &report}, 1s);
    moving.context.run_for(1s);
    ASSERT_TRUE(moved->ended);
    EXPECT_EQ(moved->ran, (Moving::Ran{1, true}));
    EXPECT_EQ(report.verdict, dispatch::SessionVerdict::moved);
    EXPECT_EQ(report.queued, 0s);
}

TEST(Preferred, TheOtherHomeTakesAJobThatWaits) {
    Moving moving{preferring, 3};
    moving.submit({.session = "ada"}, 20s);
    moving.context.run();                    // 20 s a job: the rest of one is 10 s
    moving.submit({.session = "ada"}, 20s);  // at home, worker 0
    moving.submit({.session = "ada"}, 90s);  // past it, to worker 1: the latest home
    moving.context.run_for(0s);
    auto waiting = moving.submit({.session = "ada", .miss_cost = 1h}, 1s);
    moving.context.run_for(20s - 1ns);
    EXPECT_EQ(moving.pool.worker_metrics()[1].queue_len, 1U) << "though worker 2 is free";
    moving.context.run_for(1s + 1ns);
    ASSERT_TRUE(waiting->ended);
    EXPECT_EQ(waiting->ran, (Moving::Ran{0, true}));
}

TEST(Preferred, WithoutLateBindingAJobThatWaitsStaysAtItsLatestHome) {
    dispatch::PoolOptions options = preferring;
    options.late_binding = false;
    Moving moving{options, 3};
    moving.submit({.session = "ada"}, 20s);
    moving.context.run();
    moving.submit({.session = "ada"}, 20s);  // worker 0
    moving.submit({.session = "ada"}, 90s);  // the gate is there all the same: worker 1
    const auto start = moving.context.now();
    auto waiting = moving.submit({.session = "ada", .miss_cost = 40s}, 1s);
    moving.context.run();
    EXPECT_EQ(waiting->ran, (Moving::Ran{1, false}));
    EXPECT_EQ(moving.context.now() - start, 91s);
}

TEST(Preferred, WithoutACostOfAMissAJobRunsAtHomeOrWhoeverIsFree) {
    dispatch::PoolOptions options = preferring;
    options.miss_cost = 0s;
    Moving moving{options};
    moving.submit({.session = "ada"}, 20s);
    auto second = moving.submit({.session = "ada"}, 1s);
    moving.context.run_for(1s);
    ASSERT_TRUE(second->ended);
    EXPECT_EQ(second->ran, (Moving::Ran{1, true}));
}

}  // namespace semantics
