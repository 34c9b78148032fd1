// SPDX-License-Identifier: Apache-2.0
//
// A handler's coroutine that is destroyed in the midst of a job: a library lets go of its callbacks, another
// context is torn down. The job ends, and leaves nothing behind.
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace abandoned_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;
using dispatch::errc;
using dispatch::Ledger;
using test::Outcome;

/// A client of something, with callbacks; it may forget them.
class Client {
  public:
    template <typename Executor = net::any_io_executor>
    net::awaitable<int, Executor> ask() {
        co_return co_await net::async_initiate<const net::use_awaitable_t<Executor>, void(int)>(
            [this](auto&& handler) {
                callbacks_.push_back([shared = std::make_shared<std::decay_t<decltype(handler)>>(std::move(handler))](
                                         int answer) { std::move (*shared)(answer); });
            },
            net::use_awaitable_t<Executor>{});
    }

    void forget(std::size_t callback) { callbacks_.at(callback) = nullptr; }
    void forget_all() { callbacks_.clear(); }
    void answer(std::size_t callback, int answer) { std::exchange(callbacks_.at(callback), nullptr)(answer); }
    std::size_t asked() const { return callbacks_.size(); }

  private:
    std::vector<std::function<void(int)>> callbacks_;
};

class Abandoned : public test::PoolFixture<int, int> {
  protected:
    /// Jobs of a negative request ask the client; the others return their request.
    void make(dispatch::WorkerOptions options = {.max_concurrency = 1}) {
        make_pool(1, [this](int request) -> net::awaitable<int> { return handle(client, request); }, options);
    }

    static net::awaitable<int> handle(Client& client, int request) {
        if (request < 0) {
            co_return co_await client.ask();
        }
        co_return request;
    }

    void forget_all() {
        client.forget_all();
        poll();
    }

    /// The worker is as good as new.
    void expect_a_worker_at_work() {
        Outcome<int> next;
        pool->submit(std::nullopt, 7, next.handler());
        poll();
        EXPECT_TRUE(next.returned(7));
        EXPECT_FALSE(test::has_work(*context)) << "run() would not return";
        Outcome<Ledger> drained;
        pool->drain(drained.handler());
        poll();
        EXPECT_EQ(drained.calls(), 1);
        pool->stop();
        poll();
        EXPECT_FALSE(test::has_work(*context));
    }

    Client client;
    Outcome<int> outcome;
};

TEST_F(Abandoned, TheJobEndsAndTheWorkerGoesOn) {
    make();
    pool->submit(std::nullopt, -1, outcome.handler());
    poll();
    ASSERT_EQ(row().inflight, 1U);
    forget_all();
    EXPECT_TRUE(outcome.heard(errc::abandoned));
    EXPECT_EQ(row().inflight, 0U);
    EXPECT_EQ(row().errors, 1U);
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 1, .failed = 1}));
    expect_a_worker_at_work();
}

TEST_F(Abandoned, WhatIsQueuedBehindItRuns) {
    make();
    std::vector<Outcome<int>> queued(3);
    pool->submit(std::nullopt, -1, outcome.handler());
    for (Outcome<int>& behind : queued) {
        pool->submit(std::nullopt, 1, behind.handler());
    }
    poll();
    ASSERT_EQ(row().queue_len, 3U);
    forget_all();
    EXPECT_TRUE(outcome.heard(errc::abandoned));
    for (Outcome<int>& behind : queued) {
        EXPECT_TRUE(behind.returned(1));
    }
    expect_a_worker_at_work();
}

TEST_F(Abandoned, JobsBesideItGoOn) {
    make({.max_concurrency = 3});
    std::vector<Outcome<int>> jobs(5);
    for (Outcome<int>& job : jobs) {
        pool->submit(std::nullopt, -1, job.handler());
    }
    poll();
    ASSERT_EQ(client.asked(), 3U);
    client.forget(1);
    poll();
    EXPECT_TRUE(jobs[1].heard(errc::abandoned));
    ASSERT_EQ(client.asked(), 4U) << "a queued job has the permit";
    for (const std::size_t left : {0U, 2U, 3U}) {
        client.answer(left, 5);
        poll();
    }
    EXPECT_TRUE(jobs[0].returned(5));
    EXPECT_TRUE(jobs[2].returned(5));
    EXPECT_TRUE(jobs[3].returned(5));
    ASSERT_EQ(client.asked(), 5U);
    forget_all();
    EXPECT_TRUE(jobs[4].heard(errc::abandoned));
    expect_a_worker_at_work();
}

TEST_F(Abandoned, AgainAndAgain) {
    make({.max_concurrency = 2});
    for (int round = 0; round != 100; ++round) {
        std::vector<Outcome<int>> jobs(4);
        for (Outcome<int>& job : jobs) {
            pool->submit(std::nullopt, -1, job.handler());
        }
        poll();
        forget_all();
        forget_all();
        for (Outcome<int>& job : jobs) {
            ASSERT_TRUE(job.heard(errc::abandoned)) << "round " << round;
        }
    }
    expect_a_worker_at_work();
}

TEST_F(Abandoned, BeforeItsDeadline) {
    make();
    pool->submit({.deadline = std::chrono::steady_clock::now() + 1h}, -1, outcome.handler());
    poll();
    forget_all();
    EXPECT_TRUE(outcome.heard(errc::abandoned));
    expect_a_worker_at_work();
}

TEST_F(Abandoned, AfterItsDeadlineTheSubmitterHasHeardOfThat) {
    for (auto time = 2ms;; time *= 2) {  // until it has started by then, however slow the machine is
        make();
        outcome = {};
        pool->submit({.deadline = std::chrono::steady_clock::now() + time}, -1, outcome.handler());
        poll();
        if (row().inflight == 1) {
            break;
        }
    }
    ASSERT_TRUE(test::run_until(*context, [&] { return outcome.calls() != 0; }));
    EXPECT_TRUE(outcome.heard(errc::deadline_exceeded));
    EXPECT_EQ(row().inflight, 1U) << "the handler waits for the client";
    forget_all();
    EXPECT_EQ(row().inflight, 0U);
    EXPECT_TRUE(outcome.heard(errc::deadline_exceeded));
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 1, .expired = 1}));
    expect_a_worker_at_work();
}

TEST_F(Abandoned, AfterACancellationThatItDidNotHear) {
    for (const auto type :
         {net::cancellation_type::total, net::cancellation_type::partial, net::cancellation_type::terminal}) {
        Outcome<int> job;
        net::cancellation_signal signal;
        make();
        pool->submit(std::nullopt, -1, net::bind_cancellation_slot(signal.slot(), job.handler()));
        poll();
        signal.emit(type);
        poll();
        EXPECT_EQ(job.calls(), 0);
        forget_all();
        EXPECT_TRUE(job.heard(errc::abandoned));
        EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 1, .cancelled = 1}));
        signal.emit(type);  // too late, and harmless
        expect_a_worker_at_work();
    }
}

TEST_F(Abandoned, ACancellationThatComesTooLateIsHarmless) {
    make();
    net::cancellation_signal signal;
    pool->submit(std::nullopt, -1, net::bind_cancellation_slot(signal.slot(), outcome.handler()));
    poll();
    client.forget_all();
    signal.emit(net::cancellation_type::terminal);  // the coroutine is still to be unwound
    poll();
    signal.emit(net::cancellation_type::terminal);
    EXPECT_TRUE(outcome.heard(errc::abandoned));
    expect_a_worker_at_work();
}

TEST_F(Abandoned, AfterStop) {
    make();
    pool->submit(std::nullopt, -1, outcome.handler());
    poll();
    pool->stop();
    poll();
    EXPECT_EQ(outcome.calls(), 0);
    forget_all();
    EXPECT_TRUE(outcome.heard(errc::abandoned));
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 1, .stopped = 1}));
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(Abandoned, BeforeStop) {
    make({.max_concurrency = 2});
    pool->submit(std::nullopt, -1, outcome.handler());
    poll();
    client.forget_all();
    pool->stop();  // the coroutine is still to be unwound
    poll();
    EXPECT_TRUE(outcome.heard(errc::abandoned));
    pool->stop();
    poll();
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(Abandoned, WhenThePoolIsGone) {
    make();
    pool->submit(std::nullopt, -1, outcome.handler());
    poll();
    pool.reset();
    handles.clear();
    poll();
    forget_all();
    EXPECT_TRUE(outcome.heard(errc::abandoned));
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(Abandoned, DuringADrain) {
    make();
    Outcome<Ledger> drained;
    pool->submit(std::nullopt, -1, outcome.handler());
    poll();
    pool->drain(drained.handler());
    poll();
    EXPECT_EQ(drained.calls(), 0);
    forget_all();
    EXPECT_TRUE(drained.returned(Ledger{.submitted = 1, .failed = 1}));
}

TEST_F(Abandoned, WhenTheContextGoesNobodyIsCalled) {
    make();
    pool->submit(std::nullopt, -1, outcome.handler());
    poll();
    client.forget_all();  // to be unwound when the context is destroyed
    handles.clear();
    context.reset();
    EXPECT_EQ(outcome.calls(), 0);
    EXPECT_FALSE(outcome.pending());
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 1, .stopped = 1}));
    pool.reset();
}

TEST_F(Abandoned, TheContextOfWhatItAwaitsIsDestroyed) {
    std::optional<net::io_context> other{std::in_place};
    make_pool(1,
              [&](int request) -> net::awaitable<int> {
                  co_await net::co_spawn(
                      *other,
                      []() -> net::awaitable<void> {
                          net::steady_timer timer{co_await net::this_coro::executor, 1h};
                          co_await timer.async_wait(net::use_awaitable);
                      }(),
                      net::use_awaitable);
                  co_return request;
              },
              {.max_concurrency = 1});
    pool->submit(std::nullopt, 1, outcome.handler());
    poll();
    other->poll();
    other.reset();
    poll();
    EXPECT_TRUE(outcome.heard(errc::abandoned));
    EXPECT_EQ(row().inflight, 0U);
    pool->stop();
    poll();
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(Abandoned, OnATypedExecutor) {
    using Executor = net::io_context::executor_type;
    using OnWorker = dispatch::WorkerExecutor<Executor>;
    auto workers = dispatch::spawn_workers<int, int, Executor>(context->get_executor(), 1,
                                                               [this](int request) -> net::awaitable<int, OnWorker> {
                                                                   if (request < 0) {
                                                                       co_return co_await client.ask<OnWorker>();
                                                                   }
                                                                   co_return request;
                                                               },
                                                               {.max_concurrency = 1});
    dispatch::WorkerPool<int, int, dispatch::LeastLoaded, Executor> typed{workers};
    typed.submit(std::nullopt, -1, outcome.handler());
    poll();
    forget_all();
    EXPECT_TRUE(outcome.heard(errc::abandoned));
    Outcome<int> next;
    typed.submit(std::nullopt, 3, next.handler());
    poll();
    EXPECT_TRUE(next.returned(3));
    test::expect_idle(typed);
}

/// Counts what it sees.
class CountingObserver {
  public:
    struct Seen {
        int started = 0;
        int finished = 0;
        std::exception_ptr error;
    };

    explicit CountingObserver(Seen& seen) : seen_{&seen} {}

    void routed(const dispatch::RoutedEvent& /*event*/) noexcept {}
    void started(const dispatch::StartedEvent& /*event*/) noexcept { ++seen_->started; }
    void finished(const dispatch::FinishedEvent& event) noexcept {
        ++seen_->finished;
        seen_->error = event.error;
    }
    void dropped(const dispatch::DroppedEvent& /*event*/) noexcept {}

  private:
    Seen* seen_;
};

TEST_F(Abandoned, AnObserverSeesItsEnd) {
    CountingObserver::Seen seen;
    handles = dispatch::spawn_workers<int, int>(
        context->get_executor(), 1, [this](int request) -> net::awaitable<int> { return handle(client, request); },
        {.max_concurrency = 1}, CountingObserver{seen});
    pool.emplace(handles);
    pool->submit(std::nullopt, -1, outcome.handler());
    poll();
    EXPECT_EQ(seen.started, 1);
    EXPECT_EQ(seen.finished, 0);
    forget_all();
    EXPECT_EQ(seen.finished, 1);
    EXPECT_EQ(test::code_of(seen.error), errc::abandoned);
    expect_a_worker_at_work();
    EXPECT_EQ(seen.started, 2);
    EXPECT_EQ(seen.finished, 2);
}

}  // namespace abandoned_test
