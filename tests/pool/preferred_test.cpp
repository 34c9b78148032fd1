// SPDX-License-Identifier: Apache-2.0
//
// Affinity::preferred and JobReport, in virtual time.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/job_report.hpp>
#include <dispatch/pool.hpp>
#include <dispatch/simulation.hpp>

#include "../support/pool_fixture.hpp"

namespace preferred_test {

namespace net = dispatch::net;
namespace simulation = dispatch::simulation;
using namespace std::chrono_literals;
using dispatch::Affinity;
using dispatch::errc;
using dispatch::JobReport;
using dispatch::Ledger;
using dispatch::PoolOptions;
using dispatch::SessionVerdict;
using dispatch::SubmitOptions;
using std::chrono::nanoseconds;

struct Request {
    std::size_t number;
    nanoseconds time;
    bool fails = false;
    bool stubborn = false;
};

/// Points where the test says, and hears where jobs go.
struct Pointed {
    std::size_t* worker;
    std::vector<dispatch::RoutedEvent>* routes;

    template <dispatch::LoadView V>
    dispatch::Choice pick(const V& view, dispatch::Purpose /*purpose*/) noexcept {
        return {*worker, view.load(*worker)};
    }
    void routed(const dispatch::RoutedEvent& event) noexcept {
        routes->push_back({event.worker, {}, event.verdict, event.accepted});
    }
};

using Pool = dispatch::WorkerPool<Request, std::size_t, Pointed, simulation::Executor>;

/// A job that was submitted, and what became of it.
struct Submitted {
    JobReport report{99, SessionVerdict::none, -1s, -1s};
    net::cancellation_signal signal;
    std::optional<nanoseconds> started;
    std::size_t worker = 99;
    bool moved = false;
    int completions = 0;
    nanoseconds completed{-1};
    std::exception_ptr error;
    /// At completion.
    JobReport heard{};

    std::error_code code() const { return test::code_of(error); }
};

/// Workers with one permit each. Jobs of others occupy a worker without being jobs of a session.
struct PoolOfHomes : testing::Test {
    ~PoolOfHomes() override {
        if (context) {
            if (pool) {
                pool->stop();
            }
            context->run();
            EXPECT_EQ(context->what_is_left(), "");
            EXPECT_EQ(context->outstanding_work(), 0U);
        }
        if (pool) {
            test::expect_idle(*pool);
        }
        for (const Submitted& job : jobs) {
            EXPECT_LE(job.completions, 1);
            if (job.completions == 1) {
                EXPECT_EQ(job.report.ran, job.heard.ran) << "written after completion";
                EXPECT_EQ(job.report.queued, job.heard.queued);
                EXPECT_EQ(job.report.worker_id, job.heard.worker_id);
                EXPECT_EQ(job.report.verdict, job.heard.verdict);
            }
        }
    }

    net::awaitable<std::size_t> handle(Request request, dispatch::JobContext& job) {
        Submitted& submitted = jobs[request.number];
        submitted.started = context->elapsed();
        submitted.worker = job.worker_id();
        submitted.moved = job.moved();
        order.push_back(request.number);
        if (request.stubborn) {
            co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
        }
        simulation::Timer timer{co_await net::this_coro::executor, request.time};
        co_await timer.async_wait(net::use_awaitable);
        if (request.fails) {
            throw std::runtime_error{"the handler's"};
        }
        co_return job.worker_id();
    }

    Pool& make(std::size_t workers, PoolOptions options = {},
               dispatch::WorkerOptions of_each = {.max_concurrency = 1}) {
        options.affinity_ttl = 100h;
        if (options.miss_cost == 0ns) {
            options.miss_cost = 10s;
        }
        auto handles = dispatch::spawn_workers<Request, std::size_t, simulation::Executor>(
            context->get_executor(), workers,
            [this](Request request, dispatch::JobContext& job) { return handle(request, job); }, of_each);
        pool.emplace(std::move(handles), options, Pointed{&pointed, &routes});
        return *pool;
    }
    static PoolOptions preferred(PoolOptions options = {}) {
        options.affinity = Affinity::preferred;
        return options;
    }

    Submitted& submit(SubmitOptions options, Request request) {
        Submitted& job = jobs.emplace_back();
        request.number = jobs.size() - 1;
        options.report = &job.report;
        pool->submit(options, request,
                     net::bind_cancellation_slot(
                         job.signal.slot(), [this, &job, token = alive](const std::exception_ptr& error, std::size_t) {
                             ++job.completions;
                             job.completed = context->elapsed();
                             job.error = error;
                             job.heard = job.report;
                         }));
        return job;
    }
    /// A job of session "a".
    Submitted& submit(nanoseconds time, std::optional<nanoseconds> miss_cost = std::nullopt) {
        return submit({.session = "a", .miss_cost = miss_cost}, {.number = 0, .time = time});
    }
    Submitted& submit(const char* session, nanoseconds time, std::optional<nanoseconds> miss_cost = std::nullopt) {
        return submit({.session = session, .miss_cost = miss_cost}, {.number = 0, .time = time});
    }

    /// A job of nobody's session has this worker's permit for so long.
    void occupy(std::size_t worker, nanoseconds time) {
        const std::size_t before = std::exchange(pointed, worker);
        submit({}, {.number = 0, .time = time});
        pointed = before;
        context->poll();
        ASSERT_EQ(jobs.back().worker, worker);
    }

    /// The session has this home, and maybe another one before it. Takes a second.
    void make_homes(const char* session, std::size_t latest, std::optional<std::size_t> earlier = std::nullopt) {
        const std::size_t before = std::exchange(pointed, earlier.value_or(latest));
        submit(session, 0s);
        context->run_for(0s);
        if (earlier) {
            occupy(*earlier, 1s);
            pointed = latest;
            Submitted& job = submit(session, 0s, 0s);
            context->run_for(0s);
            ASSERT_EQ(job.worker, latest);
        }
        context->run_for(1s);
        pointed = before;
        start = context->elapsed();
    }

    /// Time since the homes were made.
    nanoseconds since() const { return context->elapsed() - start; }
    nanoseconds started(const Submitted& job) const { return job.started ? *job.started - start : -1ns; }

    std::shared_ptr<int> alive = std::make_shared<int>();  // copies: in completion handlers
    std::optional<simulation::Context> context{std::in_place};
    std::size_t pointed = 0;
    std::vector<dispatch::RoutedEvent> routes;
    std::deque<Submitted> jobs;
    std::vector<std::size_t> order;
    nanoseconds start{0};
    std::optional<Pool> pool;
};
using PreferredPool = PoolOfHomes;
using Report = PoolOfHomes;

// Where jobs go

TEST_F(PreferredPool, AJobGoesHome) {
    make(3, preferred());
    make_homes("a", 1);
    Submitted& job = submit(1s);
    context->run();
    EXPECT_EQ(job.worker, 1U);
    EXPECT_EQ(started(job), 0s);
    EXPECT_FALSE(job.moved);
    EXPECT_EQ(routes.back().verdict, SessionVerdict::hit);
    EXPECT_EQ(pool->ledger().moved, 0U);
}

TEST_F(PreferredPool, AJobGoesToItsOtherHomeWhenTheLatestIsBusy) {
    make(3, preferred());
    make_homes("a", 2, 1);
    occupy(2, 5s);
    Submitted& first = submit(1s);
    context->run();
    EXPECT_EQ(first.worker, 1U);
    EXPECT_EQ(started(first), 0s);
    EXPECT_FALSE(first.moved) << "it is at home there";
    EXPECT_EQ(routes.back().verdict, SessionVerdict::hit);
    Submitted& second = submit(1s);
    context->run();
    EXPECT_EQ(second.worker, 1U) << "that is the latest now";
}

TEST_F(PreferredPool, AJobGoesPastBothWhenTheWaitExceedsTheMissCost) {
    make(3, preferred());
    pointed = 1;
    submit(4s);  // all handlers take 4 s, so 2 s are left of one
    context->run();
    pointed = 0;
    start = context->elapsed();
    occupy(1, 100s);
    Submitted& waits = submit(4s, 2s);
    context->run_for(0s);
    EXPECT_EQ(waits.started, std::nullopt);
    waits.signal.emit(net::cancellation_type::terminal);
    context->run_for(0s);
    Submitted& goes = submit(4s, 1999ms);
    context->run_for(0s);
    EXPECT_EQ(goes.worker, 0U);
    EXPECT_EQ(started(goes), 0s);
    EXPECT_TRUE(goes.moved);
    EXPECT_EQ(routes.back().verdict, SessionVerdict::moved);
    EXPECT_EQ(routes.back().worker, 0U);
    context->run_for(4s);
    EXPECT_EQ(goes.report.verdict, SessionVerdict::moved);
    EXPECT_EQ(goes.report.worker_id, 0U);
    Submitted& next = submit(1s);
    context->run_for(0s);
    EXPECT_EQ(next.worker, 0U) << "the latest home";
    EXPECT_FALSE(next.moved);
}

// Patience

TEST_F(PreferredPool, AJobLeavesItsHomeWhenItsPatienceHasEnded) {
    make(3, preferred({.patience = 1.5}));
    make_homes("a", 0);
    occupy(0, 100s);
    Submitted& job = submit(1s);
    context->run_for(15s - 1ns);
    EXPECT_EQ(job.started, std::nullopt);
    context->run_for(1ns);
    EXPECT_EQ(started(job), 15s);
    EXPECT_NE(job.worker, 0U);
    EXPECT_TRUE(job.moved);
    EXPECT_EQ(routes.back().verdict, SessionVerdict::hit) << "it was routed to its home";
    EXPECT_EQ(routes.back().worker, 0U);
    context->run_for(1s);
    EXPECT_EQ(job.report.worker_id, job.worker);
    EXPECT_EQ(job.report.verdict, SessionVerdict::moved);
    EXPECT_EQ(job.report.queued, 15s);
    EXPECT_EQ(job.report.ran, 1s);
    EXPECT_EQ(pool->ledger().moved, 1U);
    EXPECT_EQ(pool->worker_metrics()[job.worker].moved, 1U);
    Submitted& next = submit(1s);
    context->run_for(0s);
    EXPECT_EQ(next.worker, job.worker) << "its latest home";
    EXPECT_EQ(routes.back().verdict, SessionVerdict::hit);
    EXPECT_FALSE(next.moved);
    EXPECT_EQ(pool->worker_metrics()[job.worker].sessions, 1U);
    EXPECT_EQ(pool->worker_metrics()[0].sessions, 0U);
}

TEST_F(PreferredPool, AJobWhosePatienceHasEndedWaitsForWhoeverIsFreeFirst) {
    make(3, preferred());
    make_homes("a", 0);
    occupy(0, 100s);
    occupy(1, 40s);
    occupy(2, 30s);
    Submitted& job = submit(1s);
    context->run_for(50s);
    EXPECT_EQ(started(job), 30s);
    EXPECT_EQ(job.worker, 2U);
    EXPECT_TRUE(job.moved);
}

TEST_F(PreferredPool, AHomeTakesAJobWhosePatienceHasEndedAsWell) {
    make(2, preferred());
    make_homes("a", 0);
    occupy(0, 20s);
    occupy(1, 30s);
    Submitted& job = submit(1s);
    context->run();
    EXPECT_EQ(started(job), 20s);
    EXPECT_EQ(job.worker, 0U);
    EXPECT_FALSE(job.moved);
    EXPECT_EQ(job.report.verdict, SessionVerdict::hit);
}

TEST_F(PreferredPool, AHomeThatIsFreeEarlierTakesItEarlier) {
    make(3, preferred());
    make_homes("a", 0);
    occupy(0, 5s);
    Submitted& job = submit(1s);
    context->run();
    EXPECT_EQ(started(job), 5s);
    EXPECT_EQ(job.worker, 0U);
    EXPECT_FALSE(job.moved);
    EXPECT_EQ(since(), 6s) << "nothing waits for the end of its patience any more";
}

TEST_F(PreferredPool, TheOtherHomeThatIsFreeEarlierTakesItEarlier) {
    make(3, preferred());
    make_homes("a", 2, 1);
    occupy(1, 5s);
    occupy(2, 100s);
    Submitted& job = submit(1s);
    context->run_for(20s);
    EXPECT_EQ(started(job), 5s);
    EXPECT_EQ(job.worker, 1U);
    EXPECT_EQ(job.report.worker_id, 1U);
    EXPECT_EQ(job.report.queued, 5s);
    Submitted& next = submit(1s);
    context->run_for(0s);
    EXPECT_EQ(next.worker, 1U) << "the latest home";
}

TEST_F(PreferredPool, AHomeRunsTheOldestOfItsOwnJobsAndItsGuests) {
    make(3, preferred());
    make_homes("a", 2, 1);
    make_homes("b", 1);
    occupy(1, 5s);
    occupy(2, 100s);
    const auto metrics = [this](std::size_t worker) { return pool->worker_metrics()[worker]; };
    Submitted& guest = submit(1s);
    Submitted& own = submit("b", 1s);
    Submitted& later_guest = submit(1s);
    Submitted& later_own = submit("b", 1s);
    EXPECT_EQ(metrics(2).queue_len, 2U);
    context->run_for(5s);
    EXPECT_EQ(started(guest), 5s);
    EXPECT_EQ(metrics(1).inflight, 1U);
    EXPECT_EQ(metrics(1).queue_len, 2U) << "its own jobs";
    EXPECT_EQ(metrics(2).queue_len, 1U);
    context->run_for(20s);
    EXPECT_EQ(started(own), 6s);
    EXPECT_EQ(started(later_guest), 7s);
    EXPECT_EQ(started(later_own), 8s);
    for (const Submitted* job : {&guest, &own, &later_guest, &later_own}) {
        EXPECT_EQ(job->worker, 1U);
    }
}

TEST_F(PreferredPool, AGuestThatIsCancelledLeavesItsOtherHomeToTheOthers) {
    make(3, preferred());
    make_homes("a", 2, 1);
    make_homes("b", 1);
    occupy(1, 5s);
    occupy(2, 100s);
    Submitted& guest = submit(1s);
    Submitted& own = submit("b", 1s);
    guest.signal.emit(net::cancellation_type::terminal);
    context->run_for(20s);
    EXPECT_EQ(guest.code(), test::aborted());
    EXPECT_EQ(guest.started, std::nullopt);
    EXPECT_EQ(started(own), 5s);
}

TEST_F(PreferredPool, GuestsComeBeforeJobsThatMayRunAnywhere) {
    make(3, preferred());
    make_homes("a", 2, 1);
    occupy(0, 100s);
    occupy(1, 5s);
    occupy(2, 100s);
    pointed = 0;
    Submitted& anywhere = submit({}, {.number = 0, .time = 1s});
    Submitted& guest = submit(1s);
    context->run_for(20s);
    EXPECT_EQ(started(guest), 5s);
    EXPECT_EQ(started(anywhere), 6s);
    EXPECT_EQ(anywhere.worker, 1U);
}

TEST_F(PreferredPool, TheOldestIsFirstOfThoseWhosePatienceHasEnded) {
    make(2, preferred());
    for (const char* session : {"a", "b", "c", "d"}) {
        make_homes(session, 0);
    }
    occupy(0, 1000s);
    occupy(1, 50s);
    Submitted& a = submit("a", 1s, 30s);
    Submitted& b = submit("b", 1s, 10s);
    Submitted& c = submit("c", 1s, 20s);
    Submitted& d = submit("d", 1s, 60s);
    context->run_for(100s);
    EXPECT_EQ(started(a), 50s);
    EXPECT_EQ(started(b), 51s);
    EXPECT_EQ(started(c), 52s);
    EXPECT_EQ(started(d), 60s) << "the worker is free, and it is patient";
}

TEST_F(PreferredPool, JobsOfSeveralHomesLeaveByAge) {
    make(3, preferred());
    make_homes("a", 0);
    make_homes("b", 1);
    occupy(0, 1000s);
    occupy(1, 1000s);
    occupy(2, 50s);
    Submitted& b = submit("b", 1s, 20s);
    Submitted& a = submit("a", 1s, 10s);
    context->run_for(100s);
    EXPECT_EQ(started(b), 50s) << "its patience ended later, but it is older";
    EXPECT_EQ(started(a), 51s);
}

TEST_F(PreferredPool, MaxPatienceIsAnUpperBound) {
    make(2, preferred({.max_patience = 3s}));
    make_homes("a", 0);
    occupy(0, 100s);
    Submitted& job = submit(1s);
    context->run_for(20s);
    EXPECT_EQ(started(job), 3s);
}

TEST_F(PreferredPool, AJobsOwnMissCostCounts) {
    make(2, preferred());
    make_homes("a", 0);
    occupy(0, 100s);
    Submitted& job = submit(1s, 2s);
    context->run_for(50s);
    EXPECT_EQ(started(job), 2s);
}

TEST_F(PreferredPool, ThePoolsMissCostCountsOtherwise) {
    make(2, preferred({.miss_cost = 7s}));
    make_homes("a", 0);
    occupy(0, 100s);
    Submitted& job = submit(1s);
    context->run_for(50s);
    EXPECT_EQ(started(job), 7s);
}

TEST_F(PreferredPool, WithoutAMissCostAJobRunsWhereverItCan) {
    make(3, preferred());
    make_homes("a", 0);
    occupy(0, 100s);
    Submitted& at_once = submit(20s, 0s);
    context->run_for(0s);
    EXPECT_EQ(started(at_once), 0s);
    EXPECT_TRUE(at_once.moved);
    EXPECT_EQ(at_once.worker, 1U);
    occupy(2, 5s);
    Submitted& first_free = submit(1s, 0s);
    context->run_for(10s);
    EXPECT_EQ(started(first_free), 5s);
    EXPECT_EQ(first_free.worker, 2U);
    EXPECT_EQ(routes.back().worker, 1U) << "it was routed to its latest home";
}

TEST_F(PreferredPool, WithoutPatienceAJobThatWaitsRunsWhereverAPermitIsFreeFirst) {
    make(3, preferred({.patience = 0}));
    make_homes("a", 0);
    occupy(0, 100s);
    Submitted& waits = submit(1s);
    context->run_for(0s);
    // The gate keeps it at home, as nothing is known of service times; and there any free worker may have it.
    EXPECT_EQ(started(waits), 0s);
    EXPECT_TRUE(waits.moved);
    EXPECT_EQ(routes.back().verdict, SessionVerdict::hit);
    EXPECT_NE(waits.worker, 0U);
}

TEST_F(PreferredPool, StrictAffinityNeverMovesAJob) {
    make(3);
    make_homes("a", 0);
    occupy(0, 1000s);
    Submitted& job = submit(1s, 0s);
    context->run();
    EXPECT_EQ(started(job), 1000s);
    EXPECT_EQ(job.worker, 0U);
    EXPECT_FALSE(job.moved);
}

TEST_F(PreferredPool, WithoutLateBindingAJobThatWaitsStaysAtItsLatestHome) {
    make(3, preferred({.late_binding = false}));
    make_homes("a", 2, 1);
    occupy(1, 5s);
    occupy(2, 1000s);
    Submitted& waits = submit(1s);
    context->run_for(0s);
    Submitted& sent = submit(1s, 0s);
    context->run();
    EXPECT_EQ(started(waits), 1000s);
    EXPECT_EQ(waits.worker, 2U);
    EXPECT_EQ(started(sent), 0s) << "where it is routed is another matter";
    EXPECT_EQ(sent.worker, 0U);
}

TEST_F(PreferredPool, WithoutAffinityThereIsNoHome) {
    pointed = 0;
    auto handles = dispatch::spawn_workers<Request, std::size_t, simulation::Executor>(
        context->get_executor(), 2, [this](Request request, dispatch::JobContext& job) { return handle(request, job); },
        dispatch::WorkerOptions{.max_concurrency = 1});
    pool.emplace(std::move(handles), PoolOptions{.affinity_ttl = 0s, .affinity = Affinity::preferred, .miss_cost = 10s},
                 Pointed{&pointed, &routes});
    occupy(0, 100s);
    Submitted& job = submit(1s);
    context->run_for(10s);
    EXPECT_EQ(started(job), 0s);
    EXPECT_EQ(job.worker, 1U);
    EXPECT_EQ(routes.back().verdict, SessionVerdict::none);
    EXPECT_EQ(job.report.verdict, SessionVerdict::none);
}

TEST_F(PreferredPool, AloneAWorkerKeepsItsJobs) {
    make(1, preferred());
    make_homes("a", 0);
    occupy(0, 100s);
    Submitted& job = submit(1s);
    context->run();
    EXPECT_EQ(started(job), 100s);
    EXPECT_FALSE(job.moved);
    EXPECT_EQ(job.report.queued, 100s);
}

TEST_F(PreferredPool, ANewSessionsJobThatWaitsMayRunAnywhere) {
    make(2, preferred());
    occupy(0, 100s);
    occupy(1, 5s);
    pointed = 0;
    Submitted& job = submit(1s);
    context->run_for(10s);
    EXPECT_EQ(started(job), 5s);
    EXPECT_EQ(job.worker, 1U);
    EXPECT_EQ(routes.back().verdict, SessionVerdict::fresh);
    Submitted& next = submit(1s);
    context->run_for(0s);
    EXPECT_EQ(next.worker, 1U) << "its home";
}

TEST_F(PreferredPool, TheLongestPatienceLastsForEver) {
    for (const double patience : {1.0, std::numeric_limits<double>::infinity()}) {
        make(2, preferred({.patience = patience, .max_patience = nanoseconds::max()}));
        make_homes("a", 0);
        occupy(0, 1000h);
        Submitted& job = submit(1s, nanoseconds::max());
        context->run_for(999h);
        EXPECT_EQ(job.started, std::nullopt);
        context->run();
        EXPECT_EQ(started(job), 1000h);
        EXPECT_EQ(job.worker, 0U);
    }
}

TEST_F(PreferredPool, InfinitePatienceForAMissThatCostsNothingIsNone) {
    make(2, preferred({.patience = std::numeric_limits<double>::infinity()}));
    make_homes("a", 0);
    occupy(0, 100s);
    occupy(1, 5s);
    Submitted& job = submit(1s, 0s);
    context->run_for(10s);
    EXPECT_EQ(started(job), 5s);
}

TEST_F(PreferredPool, AMissCostBelow0IsRefusedAndNotCounted) {
    for (const PoolOptions& options : {PoolOptions{}, preferred()}) {
        make(1, options);
        Submitted& job = submit(1s, -1ns);
        EXPECT_EQ(job.completions, 0) << "not within submit()";
        context->run();
        EXPECT_EQ(job.completions, 1);
        EXPECT_TRUE(test::is_error<std::invalid_argument>(job.error,
                                                          "SubmitOptions::miss_cost is -1 ns: it must be 0 or more"));
        EXPECT_EQ(job.started, std::nullopt);
        EXPECT_EQ(pool->ledger(), Ledger{});
        EXPECT_EQ(pool->worker_metrics()[0].sessions, 0U);
    }
}

/// With every seed: no job waits that a free worker may run, and each ends once.
TEST_F(PreferredPool, AllSeedsRunEachJobOnceAndAsSoonAsTheyMay) {
    for (std::uint64_t seed = 1; seed != 60; ++seed) {
        pool.reset();
        jobs.clear();
        order.clear();
        routes.clear();
        context.emplace(seed);
        make(4, preferred({.patience = seed % 3 == 0 ? 0.5 : 2.0}), {.max_concurrency = 2, .queue_capacity = 3});
        const char* const sessions[] = {"a", "b", "c", "d", "e"};
        std::vector<nanoseconds> patience_ends;
        const auto expect_nobody_waits_in_vain = [&] {
            const auto rows = pool->worker_metrics();
            const auto is_free = [](const dispatch::WorkerMetrics& row) { return row.inflight < 2; };
            const bool any_free = std::any_of(rows.begin(), rows.end(), is_free);
            for (std::size_t i = 0; i != jobs.size(); ++i) {
                if (jobs[i].started || jobs[i].completions != 0) {
                    continue;
                }
                ASSERT_FALSE(is_free(rows[routes[i].worker])) << "seed " << seed << ", job " << i;
                if (routes[i].verdict != SessionVerdict::hit || patience_ends[i] <= context->elapsed()) {
                    ASSERT_FALSE(any_free) << "seed " << seed << ", job " << i;
                }
            }
        };
        for (std::size_t i = 0; i != 120; ++i) {
            pointed = (i * 7 + seed) % 4;
            SubmitOptions options{.session = sessions[(i * i + seed) % 5],
                                  .miss_cost = std::chrono::seconds{(i * 3 + seed) % 8}};
            if (i % 5 == 0) {
                options.deadline = context->now() + std::chrono::seconds{i % 20 + 1};
            }
            if (i % 7 == 0) {
                options.session = std::nullopt;
            }
            patience_ends.push_back(context->elapsed() + *options.miss_cost * (seed % 3 == 0 ? 1 : 4) / 2);
            Submitted& job = submit(options, {.number = 0, .time = std::chrono::seconds{i % 4}, .fails = i % 11 == 0});
            context->run_for(std::chrono::milliseconds{(i * 13 + seed) % 900});
            if (i % 6 == 0) {
                job.signal.emit(net::cancellation_type::terminal);
                context->run_for(0s);
            }
            expect_nobody_waits_in_vain();
        }
        while (context->ready() + context->waits() != 0) {
            context->run_until(context->next_wait());
            expect_nobody_waits_in_vain();
        }
        ASSERT_EQ(context->what_is_left(), "") << "seed " << seed;
        std::uint64_t moved = 0;
        for (const Submitted& job : jobs) {
            ASSERT_EQ(job.completions, 1) << "seed " << seed;
            moved += job.moved ? 1U : 0U;
            if (job.started) {
                ASSERT_EQ(job.report.worker_id, job.worker) << "seed " << seed;
            }
        }
        ASSERT_EQ(pool->ledger().moved, moved) << "seed " << seed;
        test::expect_idle(*pool);
    }
}

// Ends

/// What a job is when its end comes.
enum class Where { patient, invited, exhausted, invited_and_exhausted, moved, at_its_other_home };
enum class End { cancelled, deadline, stopped, pool_destroyed, context_destroyed };

struct PreferredEnd : PoolOfHomes, testing::WithParamInterface<std::tuple<Where, End>> {
    static Where where() { return std::get<0>(GetParam()); }
    static End end() { return std::get<1>(GetParam()); }
    static bool runs() { return where() == Where::moved || where() == Where::at_its_other_home; }
};

INSTANTIATE_TEST_SUITE_P(All, PreferredEnd,
                         testing::Combine(testing::Values(Where::patient, Where::invited, Where::exhausted,
                                                          Where::invited_and_exhausted, Where::moved,
                                                          Where::at_its_other_home),
                                          testing::Values(End::cancelled, End::deadline, End::stopped,
                                                          End::pool_destroyed, End::context_destroyed)));

TEST_P(PreferredEnd, IsTheJobsOnlyOne) {
    make(3, preferred());
    const bool has_two =
        where() == Where::invited || where() == Where::invited_and_exhausted || where() == Where::at_its_other_home;
    make_homes("a", 2, has_two ? std::optional<std::size_t>{1} : std::nullopt);
    occupy(2, 1000s);
    occupy(1, where() == Where::at_its_other_home ? 5s : 1000s);
    if (where() != Where::moved) {
        occupy(0, 1000s);
    }
    SubmitOptions options{.session = "a"};
    if (end() == End::deadline) {
        const bool early = where() == Where::patient || where() == Where::invited;
        options.deadline = context->now() + (early ? 8s : 20s);
    }
    const Ledger before = pool->ledger();
    Submitted& job = submit(options, {.number = 0, .time = 500s});
    context->run_for(where() == Where::patient || where() == Where::invited ? 8s : 20s);
    EXPECT_EQ(job.started.has_value(), runs());
    EXPECT_EQ(started(job), !runs() ? -1ns : where() == Where::moved ? nanoseconds{10s} : nanoseconds{5s});
    const nanoseconds at = context->elapsed();
    std::error_code code;
    switch (end()) {
        case End::cancelled:
            job.signal.emit(net::cancellation_type::terminal);
            code = test::aborted();
            break;
        case End::deadline:
            code = errc::deadline_exceeded;
            break;
        case End::stopped:
            pool->stop();
            code = runs() ? test::aborted() : make_error_code(errc::stopped);
            break;
        case End::pool_destroyed:
            pool.reset();
            code = runs() ? test::aborted() : make_error_code(errc::stopped);
            break;
        case End::context_destroyed:
            context.reset();
            EXPECT_EQ(job.completions, 0);
            EXPECT_EQ(alive.use_count(), 1) << "all completion handlers are gone";
            EXPECT_EQ(job.report.ran, -1s) << "the report is as it was";
            return;
    }
    context->run_for(0s);
    EXPECT_EQ(job.completions, 1);
    EXPECT_EQ(job.code(), code);
    EXPECT_EQ(job.completed, at);
    EXPECT_EQ(job.heard.worker_id, where() == Where::moved ? 0U : where() == Where::at_its_other_home ? 1U : 2U);
    EXPECT_EQ(job.heard.verdict, runs() ? SessionVerdict::moved : SessionVerdict::hit);
    EXPECT_EQ(job.heard.queued + job.heard.ran, at - start);
    EXPECT_EQ(job.heard.ran, runs() ? at - *job.started : 0s);
    if (pool) {
        EXPECT_EQ(pool->ledger().submitted, before.submitted + 1);
        EXPECT_EQ(pool->ledger().moved, before.moved + (runs() ? 1U : 0U));
    }
    context->run_for(100s);
    EXPECT_EQ(job.completions, 1);
}

TEST_F(PreferredPool, ADrainWaitsForAJobThatMovesMeanwhile) {
    make(2, preferred());
    make_homes("a", 0);
    occupy(0, 100s);
    Submitted& job = submit(200s);
    context->run_for(5s);
    std::optional<nanoseconds> drained;
    Ledger ledger;
    pool->drain([&](const std::exception_ptr& /*error*/, const Ledger& sum) {
        drained = since();
        ledger = sum;
    });
    context->run_for(100s);
    EXPECT_EQ(started(job), 10s);
    EXPECT_EQ(job.worker, 1U);
    EXPECT_EQ(drained, std::nullopt) << "its home is idle, and it runs";
    context->run();
    EXPECT_EQ(drained, 210s);
    EXPECT_EQ(ledger, pool->ledger());
    EXPECT_EQ(ledger.moved, 1U);
}

/// Sees nothing; its copies are there as long as the workers.
struct Watcher {
    std::shared_ptr<int> alive = std::make_shared<int>();

    void routed(const dispatch::RoutedEvent& /*event*/) noexcept {}
    void started(const dispatch::StartedEvent& /*event*/) noexcept {}
    void finished(const dispatch::FinishedEvent& /*event*/) noexcept {}
    void dropped(const dispatch::DroppedEvent& /*event*/) noexcept {}
};

/// Each lane keeps the worker whose job it runs.
TEST_F(PreferredPool, WorkersThatRunOneAnothersJobsGoWithTheContext) {
    const Watcher watcher;
    auto handles = dispatch::spawn_workers<Request, std::size_t, simulation::Executor>(
        context->get_executor(), 2, [this](Request request, dispatch::JobContext& job) { return handle(request, job); },
        dispatch::WorkerOptions{.max_concurrency = 1}, watcher);
    pool.emplace(std::move(handles), preferred({.miss_cost = 10s}), Pointed{&pointed, &routes});
    make_homes("a", 0);
    make_homes("b", 1);
    occupy(0, 20s);
    Submitted& a = submit("a", 1000s);
    context->run_for(12s);
    Submitted& b = submit("b", 1000s);
    context->run_for(15s);
    EXPECT_EQ(a.worker, 1U);
    EXPECT_EQ(b.worker, 0U);
    context.reset();
    pool.reset();
    EXPECT_EQ(alive.use_count(), 1);
    EXPECT_EQ(watcher.alive.use_count(), 1) << "a worker is left";
}

// Reports

TEST_F(Report, OfAValue) {
    make(2, preferred());
    pointed = 1;
    Submitted& fresh = submit(3s);
    context->run_for(1s);
    Submitted& hit = submit(2s, 1000s);
    Submitted& none = submit({}, {.number = 0, .time = 1s});
    context->run();
    EXPECT_EQ(fresh.report.worker_id, 1U);
    EXPECT_EQ(fresh.report.verdict, SessionVerdict::fresh);
    EXPECT_EQ(fresh.report.queued, 0s);
    EXPECT_EQ(fresh.report.ran, 3s);
    EXPECT_EQ(hit.report.worker_id, 1U);
    EXPECT_EQ(hit.report.verdict, SessionVerdict::hit);
    EXPECT_EQ(hit.report.queued, 2s);
    EXPECT_EQ(hit.report.ran, 2s);
    EXPECT_EQ(none.report.verdict, SessionVerdict::none) << "though it was moved";
    EXPECT_EQ(none.report.worker_id, 0U);
    EXPECT_EQ(none.report.queued, 0s);
    EXPECT_EQ(none.report.ran, 1s);
}

TEST_F(Report, OfAHandlersError) {
    make(1);
    Submitted& job = submit({.session = "a"}, {.number = 0, .time = 3s, .fails = true});
    context->run();
    EXPECT_TRUE(test::is_error<std::runtime_error>(job.error, "the handler's"));
    EXPECT_EQ(job.heard.verdict, SessionVerdict::fresh);
    EXPECT_EQ(job.heard.worker_id, 0U);
    EXPECT_EQ(job.heard.ran, 3s);
}

TEST_F(Report, OfAPinThatHasExpired) {
    make(1);
    submit(1s);
    context->run_for(100h);
    Submitted& job = submit(1s);
    context->run();
    EXPECT_EQ(job.heard.verdict, SessionVerdict::expired);
}

TEST_F(Report, OfACancelledJob) {
    make(1);
    occupy(0, 10s);
    Submitted& queued = submit(10s);
    context->run_for(4s);
    queued.signal.emit(net::cancellation_type::terminal);
    context->run_for(0s);
    EXPECT_EQ(queued.code(), test::aborted());
    EXPECT_EQ(queued.heard.queued, 4s);
    EXPECT_EQ(queued.heard.ran, 0s);
    Submitted& running = submit(10s);
    context->run_for(9s);
    running.signal.emit(net::cancellation_type::terminal);
    context->run_for(0s);
    EXPECT_EQ(running.code(), test::aborted());
    EXPECT_EQ(running.heard.queued, 6s);
    EXPECT_EQ(running.heard.ran, 3s);
}

TEST_F(Report, OfAJobWhoseDeadlineHasPassed) {
    make(1);
    occupy(0, 10s);
    Submitted& queued = submit({.session = "a", .deadline = context->now() + 4s}, {.number = 0, .time = 1s});
    Submitted& running =
        submit({.session = "a", .deadline = context->now() + 13s}, {.number = 0, .time = 10s, .stubborn = true});
    context->run();
    EXPECT_EQ(queued.code(), errc::deadline_exceeded);
    EXPECT_EQ(queued.heard.queued, 4s);
    EXPECT_EQ(queued.heard.ran, 0s);
    EXPECT_EQ(running.code(), errc::deadline_exceeded);
    EXPECT_EQ(running.heard.queued, 10s);
    EXPECT_EQ(running.heard.ran, 3s) << "to the deadline";
    EXPECT_EQ(context->elapsed(), 20s) << "the handler goes on; the report does not (see the fixture)";
}

TEST_F(Report, OfAStoppedJob) {
    make(1);
    Submitted& running = submit(10s);
    Submitted& queued = submit(10s);
    context->run_for(2s);
    pool->stop();
    Submitted& late = submit(10s);
    context->run();
    EXPECT_EQ(running.heard.ran, 2s);
    EXPECT_EQ(queued.code(), errc::stopped);
    EXPECT_EQ(queued.heard.queued, 2s);
    EXPECT_EQ(queued.heard.ran, 0s);
    EXPECT_EQ(late.code(), errc::stopped);
    EXPECT_EQ(late.heard.queued, 0s);
    EXPECT_EQ(late.heard.ran, 0s);
}

TEST_F(Report, OfARefusedJob) {
    make(1, {.overflow = dispatch::Overflow::reject}, {.max_concurrency = 1, .queue_capacity = 1});
    submit(10s);
    submit(10s);
    Submitted& job = submit(10s);
    Submitted& fresh = submit("b", 10s);
    context->run_for(0s);
    EXPECT_EQ(job.code(), errc::queue_full);
    EXPECT_EQ(job.heard.worker_id, 0U);
    EXPECT_EQ(job.heard.verdict, SessionVerdict::hit);
    EXPECT_EQ(job.heard.queued, 0s);
    EXPECT_EQ(job.heard.ran, 0s);
    EXPECT_EQ(fresh.heard.verdict, SessionVerdict::fresh);
}

TEST_F(Report, OfAJobForWhichItsHandlerTakesNoContext) {
    auto handles = dispatch::spawn_workers<Request, std::size_t, simulation::Executor>(
        context->get_executor(), 1, [](const Request& request) { return request.number; });
    pool.emplace(std::move(handles), PoolOptions{}, Pointed{&pointed, &routes});
    context->run_for(5s);
    Submitted& job = submit(1s);
    context->run();
    EXPECT_EQ(job.completions, 1);
    EXPECT_EQ(job.heard.queued, 0s);
    EXPECT_EQ(job.heard.ran, 0s);
    EXPECT_EQ(job.heard.verdict, SessionVerdict::fresh);
}

/// The report may be in memory that goes with the completion.
TEST_F(Report, MayGoInTheCompletion) {
    make(2, preferred());
    make_homes("a", 0);
    occupy(0, 100s);
    occupy(1, 100s);
    for (const auto& [deadline, time] : {std::pair{4s, 1s}, std::pair{15s, 100s}, std::pair{300s, 1s}}) {
        auto report = std::make_unique<JobReport>();
        SubmitOptions options{.session = "a", .deadline = context->now() + deadline, .report = report.get()};
        jobs.emplace_back();
        pool->submit(options, Request{.number = jobs.size() - 1, .time = time, .stubborn = true},
                     [report = std::move(report)](const std::exception_ptr&, std::size_t) mutable { report.reset(); });
    }
    context->run();
}

}  // namespace preferred_test
