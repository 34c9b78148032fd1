// SPDX-License-Identifier: Apache-2.0
//
// Deadlines: one absolute time over waiting, queueing and running. Where time must pass these tests wait
// for a deadline of a few milliseconds through the pool itself; none expects anything to be quick.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace deadline_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using Clock = std::chrono::steady_clock;
using dispatch::errc;
using dispatch::JobContext;
using dispatch::SubmitOptions;
using test::Outcome;

constexpr dispatch::WorkerOptions narrow{.max_concurrency = 1, .queue_capacity = 1};

SubmitOptions until(Clock::time_point deadline) {
    SubmitOptions options;
    options.deadline = deadline;
    return options;
}

SubmitOptions within(Clock::duration time) { return until(Clock::now() + time); }

class Deadline : public test::PoolFixture<int, int> {
  protected:
    /// A pool of one worker whose handlers wait at the gate and can be cancelled there.
    void make_gated_pool(dispatch::WorkerOptions options = narrow) {
        make_pool(
            1,
            [this](int id) -> net::awaitable<int> {
                started.push_back(id);
                co_await gate.pass();
                co_return id;
            },
            options);
    }

    /// The same with handlers that do not listen to cancellations.
    void make_stubborn_pool(dispatch::WorkerOptions options = narrow) {
        make_pool(
            1,
            [this](int id) -> net::awaitable<int> {
                started.push_back(id);
                co_await gate.pass_stubbornly();
                co_return id;
            },
            options);
    }

    /// Makes a pool with make() and runs its first job, which starts before its deadline comes, however
    /// slow the machine is. bind makes a token of the completion handler.
    template <typename Make, typename Bind = std::identity>
    void run_with_deadline(Outcome<int>& outcome, Make make, SubmitOptions options = {}, Bind bind = {}) {
        for (Clock::duration time = 2ms;; time *= 2) {
            make();
            outcome = {};
            const int arrivals = gate.arrivals();
            options.deadline = Clock::now() + time;
            pool->submit(options, 0, bind(outcome.handler()));
            poll();
            if (gate.arrivals() != arrivals) {
                return;
            }
        }
    }

    bool run_until_called(const Outcome<int>& outcome) {
        return test::run_until(*context, [&] { return outcome.calls() != 0; });
    }

    std::vector<int> started;
};

TEST_F(Deadline, AlreadyPast) {
    make_gated_pool({.max_concurrency = 4});
    Outcome<int> outcomes[3];
    pool->submit(within(-1s), 0, outcomes[0].handler());
    pool->submit(until(Clock::time_point{}), 1, outcomes[1].handler());
    pool->try_submit(within(-1ns), 2, outcomes[2].handler());
    for (const Outcome<int>& outcome : outcomes) {
        EXPECT_EQ(outcome.calls(), 0) << "completed within the initiating function";
    }
    context->run();
    for (const Outcome<int>& outcome : outcomes) {
        EXPECT_TRUE(outcome.heard(errc::deadline_exceeded));
        EXPECT_EQ(outcome.value(), 0);
    }
    EXPECT_TRUE(started.empty());
    EXPECT_EQ(pool->ledger().expired, 3U);
    EXPECT_EQ(handles[0].errors(), 0U);
    EXPECT_EQ(handles[0].load(), 0U);
}

TEST_F(Deadline, AlreadyPastBehindAJobThatRuns) {
    make_gated_pool();
    Outcome<int> first;
    Outcome<int> late;
    pool->submit(std::nullopt, 0, first.handler());
    poll();
    pool->submit(within(-1h), 1, late.handler());
    EXPECT_TRUE(run_until_called(late));
    EXPECT_TRUE(late.heard(errc::deadline_exceeded));
    EXPECT_EQ(handles[0].load(), 1U);
    EXPECT_EQ(first.calls(), 0);
    gate.open();
    poll();
    EXPECT_TRUE(first.returned(0));
    EXPECT_EQ(started, std::vector<int>{0});
}

TEST_F(Deadline, PassesWhileQueued) {
    make_gated_pool();
    Outcome<int> first;
    Outcome<int> second;
    Outcome<int> third;
    pool->submit(std::nullopt, 0, first.handler());
    const Clock::time_point deadline = Clock::now() + 2ms;
    pool->submit(until(deadline), 1, second.handler());
    pool->submit(std::nullopt, 2, third.handler());
    poll();
    EXPECT_TRUE(run_until_called(second));
    EXPECT_GE(Clock::now(), deadline) << "too early";
    EXPECT_TRUE(second.heard(errc::deadline_exceeded));
    EXPECT_EQ(row().queue_len, 1U);
    EXPECT_EQ(row().waiting, 0U) << "the next one has moved up";
    EXPECT_EQ(pool->ledger().expired, 1U);
    gate.open();
    poll();
    EXPECT_TRUE(first.returned(0));
    EXPECT_TRUE(third.returned(2));
    EXPECT_EQ(started, (std::vector<int>{0, 2})) << "it never starts";
}

TEST_F(Deadline, PassesWhileWaiting) {
    make_gated_pool();
    Outcome<int> held[3];
    pool->submit(std::nullopt, 0, held[0].handler());
    pool->submit(std::nullopt, 1, held[1].handler());
    Outcome<int> waiting;
    pool->submit(within(2ms), 2, waiting.handler());
    pool->submit(std::nullopt, 3, held[2].handler());
    poll();
    EXPECT_TRUE(run_until_called(waiting));
    EXPECT_TRUE(waiting.heard(errc::deadline_exceeded));
    EXPECT_EQ(handles[0].load(), 3U);
    gate.open();
    poll();
    EXPECT_EQ(started, (std::vector<int>{0, 1, 3}));
    EXPECT_TRUE(held[2].returned(3));
}

TEST_F(Deadline, PassesWhileRunningAndTheHandlerReceivesATerminalCancellation) {
    net::cancellation_type received = net::cancellation_type::none;
    bool listened = false;
    Outcome<int> outcome;
    run_with_deadline(outcome, [&] {
        make_pool(1, [&](int) -> net::awaitable<int> {
            try {
                co_await gate.pass();
            } catch (const std::system_error&) {
                listened = true;
            }
            received = (co_await net::this_coro::cancellation_state).cancelled();
            co_return 7;
        });
    });
    context->restart();
    context->run();
    EXPECT_TRUE(outcome.heard(errc::deadline_exceeded)) << "not what the handler made of it";
    EXPECT_EQ(outcome.value(), 0);
    EXPECT_TRUE(listened);
    EXPECT_EQ(received, net::cancellation_type::terminal);
    EXPECT_EQ(pool->ledger().expired, 1U);
    EXPECT_EQ(pool->ledger().completed, 0U);
    EXPECT_EQ(handles[0].load(), 0U);
}

TEST_F(Deadline, TheCallerHearsWhileItsHandlerIsStuck) {
    Outcome<int> stuck;
    Outcome<int> next;
    run_with_deadline(stuck, [&] { make_stubborn_pool(); });
    pool->submit(std::nullopt, 1, next.handler());
    EXPECT_TRUE(run_until_called(stuck));
    EXPECT_TRUE(stuck.heard(errc::deadline_exceeded));
    EXPECT_EQ(row().inflight, 1U) << "counted until the handler has ended";
    EXPECT_EQ(row().queue_len, 1U);
    EXPECT_EQ(started, std::vector<int>{0});
    poll();
    EXPECT_EQ(handles[0].load(), 2U);

    gate.open();
    poll();
    EXPECT_EQ(stuck.calls(), 1) << "answered a second time";
    EXPECT_TRUE(next.returned(1)) << "the next job was hit";
    EXPECT_EQ(handles[0].load(), 0U);
    EXPECT_EQ(pool->ledger().expired, 1U);
    EXPECT_EQ(pool->ledger().completed, 1U);
}

TEST_F(Deadline, AHandlerThatThrowsAfterItsDeadlineIsNotCountedTwice) {
    Outcome<int> outcome;
    run_with_deadline(outcome, [&] {
        make_pool(1, [this](int) -> net::awaitable<int> {
            co_await gate.pass_stubbornly();
            throw std::runtime_error{"too late to matter"};
        });
    });
    EXPECT_TRUE(run_until_called(outcome));
    gate.open();
    poll();
    EXPECT_TRUE(outcome.heard(errc::deadline_exceeded));
    EXPECT_EQ(pool->ledger().expired, 1U);
    EXPECT_EQ(pool->ledger().failed, 0U);
}

TEST_F(Deadline, TheSessionsTextLastsAsLongAsTheHandler) {
    const std::string session(3'000, 's');
    std::string seen;
    std::optional<Clock::time_point> seen_deadline;
    Outcome<int> outcome;
    SubmitOptions options;
    {
        const std::string temporary = session;
        options.session = temporary;
        run_with_deadline(
            outcome,
            [&] {
                make_pool(1, [&](int id, JobContext& job) -> net::awaitable<int> {
                    co_await gate.pass_stubbornly();
                    seen = job.session();
                    seen_deadline = job.deadline();
                    co_return id;
                });
            },
            options);
    }
    EXPECT_TRUE(run_until_called(outcome));
    EXPECT_TRUE(seen.empty());
    EXPECT_FALSE(outcome.pending()) << "the completion handler is kept after it was called";
    gate.open();
    poll();
    EXPECT_EQ(seen, session);
    ASSERT_TRUE(seen_deadline);
    EXPECT_LE(*seen_deadline, Clock::now());
}

using TextDeadline = test::PoolFixture<std::string, int>;

TEST_F(TextDeadline, TheRequestLastsAsLongAsTheHandler) {
    std::string seen;
    for (Clock::duration time = 2ms; gate.arrivals() == 0; time *= 2) {
        make_pool(1, [&](const std::string& text) -> net::awaitable<int> {
            co_await gate.pass_stubbornly();
            seen = text;
            co_return 0;
        });
        Outcome<int> outcome;
        pool->submit(within(time), std::string(3'000, 'r'), outcome.handler());
        EXPECT_TRUE(test::run_until(*context, [&] { return outcome.calls() != 0; }));
        EXPECT_TRUE(outcome.heard(errc::deadline_exceeded));
    }
    gate.open();
    poll();
    EXPECT_EQ(seen, std::string(3'000, 'r'));
}

TEST_F(Deadline, IsMet) {
    make_gated_pool({.max_concurrency = 4});
    gate.open();
    Outcome<int> outcomes[10];
    for (int i = 0; i != 10; ++i) {
        pool->submit(within(1h), i, outcomes[i].handler());
    }
    poll();
    for (int i = 0; i != 10; ++i) {
        EXPECT_TRUE(outcomes[i].returned(i));
    }
    EXPECT_EQ(pool->ledger().completed, 10U);
    EXPECT_FALSE(test::has_work(*context)) << "a deadline that was met keeps run() from returning";
}

TEST_F(Deadline, FarAwayDoesNotKeepTheContextBusyAfterTheJobHasEndedOtherwise) {
    make_gated_pool();
    Outcome<int> outcomes[3];
    net::cancellation_signal signal;
    pool->submit(within(1h), 0, outcomes[0].handler());
    pool->submit(within(2h), 1, net::bind_cancellation_slot(signal.slot(), outcomes[1].handler()));
    pool->submit(until(Clock::time_point::max()), 2, outcomes[2].handler());
    poll();
    signal.emit(net::cancellation_type::total);
    poll();
    EXPECT_TRUE(outcomes[1].heard(test::aborted()));
    EXPECT_TRUE(test::has_work(*context));
    pool->stop();
    poll();
    EXPECT_TRUE(outcomes[0].heard(test::aborted()));
    EXPECT_TRUE(outcomes[2].heard(errc::stopped));
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(Deadline, WhichTheJobHasMetAfterItHadWaitedDoesNotKeepTheContextBusy) {
    make_gated_pool({.max_concurrency = 4});
    Outcome<int> outcomes[4];
    for (int i = 0; i != 4; ++i) {
        pool->submit(within(i % 2 == 0 ? 1h : 2h), i, outcomes[i].handler());
    }
    poll();
    EXPECT_EQ(started.size(), 4U);
    gate.open();
    poll();
    for (int i = 0; i != 4; ++i) {
        EXPECT_TRUE(outcomes[i].returned(i));
    }
    EXPECT_FALSE(test::has_work(*context)) << "the alarm that was set is still there";
}

TEST_F(Deadline, IsKeptByAnAlarmThatWasSetForAnotherJob) {
    make_gated_pool({.max_concurrency = 4});
    Outcome<int> gone;
    Outcome<int> late;
    net::cancellation_signal signal;
    pool->submit(within(1ms), 0, net::bind_cancellation_slot(signal.slot(), gone.handler()));
    poll();
    signal.emit(net::cancellation_type::terminal);
    const Clock::time_point deadline = Clock::now() + 5ms;
    pool->submit(until(deadline), 1, late.handler());
    EXPECT_TRUE(run_until_called(late));
    EXPECT_TRUE(late.heard(errc::deadline_exceeded));
    EXPECT_GE(Clock::now(), deadline) << "the alarm that came first has ended it";
}

TEST_F(TextDeadline, TheRequestIsDestroyedBeforeTheReplyToAJobThatHasMetIt) {
    auto request = std::make_shared<int>();
    const std::weak_ptr<int> lives = request;
    dispatch::WorkerPool<std::shared_ptr<int>, int> counted{dispatch::spawn_workers<std::shared_ptr<int>, int>(
        net::any_io_executor{context->get_executor()}, 1, [](const std::shared_ptr<int>&) { return 1; })};
    bool gone = false;
    counted.submit(within(1h), std::move(request), [&](const std::exception_ptr& error, int /*response*/) {
        EXPECT_FALSE(error);
        gone = lives.expired();
    });
    poll();
    EXPECT_TRUE(gone);
}

TEST_F(Deadline, AnEarlierOneThatIsGoneDoesNotTakeTheNextOneAlong) {
    make_gated_pool();
    Outcome<int> holder;
    Outcome<int> earlier;
    Outcome<int> later;
    net::cancellation_signal signal;
    pool->submit(std::nullopt, 0, holder.handler());
    pool->submit(within(1ms), 1, net::bind_cancellation_slot(signal.slot(), earlier.handler()));
    pool->submit(within(5ms), 2, later.handler());
    signal.emit(net::cancellation_type::terminal);
    EXPECT_TRUE(run_until_called(later));
    EXPECT_TRUE(earlier.heard(test::aborted()));
    EXPECT_TRUE(later.heard(errc::deadline_exceeded));
    EXPECT_EQ(pool->ledger().expired, 1U);
    EXPECT_EQ(pool->ledger().cancelled, 1U);
    gate.open();
    poll();
    EXPECT_TRUE(holder.returned(0));
}

TEST_F(Deadline, AnEarlierOneMayComeLater) {
    make_gated_pool();
    Outcome<int> holder;
    Outcome<int> far;
    Outcome<int> near;
    pool->submit(std::nullopt, 0, holder.handler());
    pool->submit(within(1h), 1, far.handler());
    pool->submit(within(2ms), 2, near.handler());
    EXPECT_TRUE(run_until_called(near));
    EXPECT_TRUE(near.heard(errc::deadline_exceeded));
    EXPECT_EQ(far.calls(), 0);
    gate.open();
    poll();
    EXPECT_TRUE(far.returned(1));
}

TEST_F(Deadline, ManyInRandomOrderExpireInTheirOrder) {
    make_gated_pool({.max_concurrency = 1, .queue_capacity = 100});
    constexpr int jobs = 400;
    std::minstd_rand random{20'240'229};
    std::vector<Clock::duration> delays;
    for (int i = 0; i != jobs; ++i) {
        delays.push_back(1ms + i * 50us);
    }
    std::shuffle(delays.begin(), delays.end(), random);

    Outcome<int> holder;
    pool->submit(std::nullopt, -1, holder.handler());
    poll();
    // A third of them are cancelled, and a third is far away: those are left.
    struct Entry {
        Outcome<int> outcome;
        net::cancellation_signal signal;
    };
    std::vector<std::unique_ptr<Entry>> entries;
    std::vector<Clock::time_point> expired;
    int not_due = 0;
    const Clock::time_point now = Clock::now();
    for (int i = 0; i != jobs; ++i) {
        Entry& entry = *entries.emplace_back(std::make_unique<Entry>());
        const Clock::time_point deadline = now + delays[static_cast<std::size_t>(i)] + (i % 3 == 2 ? 1h : 0h);
        pool->submit(until(deadline), i,
                     net::bind_cancellation_slot(entry.signal.slot(), [&, deadline, record = entry.outcome.handler()](
                                                                          std::exception_ptr error, int value) {
                         if (test::code_of(error) == errc::deadline_exceeded) {
                             expired.push_back(deadline);
                             not_due += Clock::now() < deadline ? 1 : 0;
                         }
                         record(std::move(error), value);
                     }));
    }
    for (int i = 1; i < jobs; i += 3) {
        entries[static_cast<std::size_t>(i)]->signal.emit(net::cancellation_type::total);
    }
    constexpr std::size_t due = (jobs + 2) / 3;
    EXPECT_TRUE(test::run_until(*context, [&] { return expired.size() == due; }));
    EXPECT_EQ(expired.size(), due);
    EXPECT_TRUE(std::is_sorted(expired.begin(), expired.end()));
    EXPECT_EQ(not_due, 0);
    gate.open();
    poll();
    for (int i = 0; i != jobs; ++i) {
        const Outcome<int>& outcome = entries[static_cast<std::size_t>(i)]->outcome;
        switch (i % 3) {
            case 0:
                EXPECT_TRUE(outcome.heard(errc::deadline_exceeded));
                break;
            case 1:
                EXPECT_TRUE(outcome.heard(test::aborted()));
                break;
            default:
                EXPECT_TRUE(outcome.returned(i));
                break;
        }
    }
    EXPECT_EQ(handles[0].load(), 0U);
}

TEST_F(Deadline, ACancellationAfterItIsHarmless) {
    Outcome<int> outcome;
    Outcome<int> next;
    net::cancellation_signal signal;
    net::io_context home;
    run_with_deadline(
        outcome, [&] { make_stubborn_pool(); }, {},
        [&](auto handler) {
            return net::bind_executor(home, net::bind_cancellation_slot(signal.slot(), std::move(handler)));
        });
    EXPECT_TRUE(test::run_until(*context, [&] { return pool->ledger().expired == 1; }));
    poll();
    signal.emit(net::cancellation_type::total);  // decided, and not heard of yet
    pool->submit(std::nullopt, 1, next.handler());
    poll();
    test::poll(home);
    EXPECT_TRUE(outcome.heard(errc::deadline_exceeded));
    signal.emit(net::cancellation_type::total);
    gate.open();
    poll();
    EXPECT_TRUE(next.returned(1));
    EXPECT_EQ(pool->ledger().cancelled, 0U);
    signal.emit(net::cancellation_type::total);
}

TEST_F(Deadline, ACallersContextIsFreeOnceItHasHeard) {
    Outcome<int> outcome;
    {
        net::io_context home;
        run_with_deadline(
            outcome, [&] { make_stubborn_pool(); }, {},
            [&](auto handler) { return net::bind_executor(home, std::move(handler)); });
        EXPECT_TRUE(test::run_until(*context, [&] { return pool->ledger().expired == 1; }));
        poll();
        test::poll(home);
        EXPECT_TRUE(outcome.heard(errc::deadline_exceeded));
        EXPECT_FALSE(test::has_work(home)) << "its run() waits for a handler that nobody waits for";
    }
    // That context is gone. The handler ends later.
    gate.open();
    poll();
    EXPECT_EQ(handles[0].load(), 0U);
}

TEST_F(Deadline, WhileThePoolDrains) {
    Outcome<int> stuck;
    Outcome<int> queued;
    run_with_deadline(stuck, [&] { make_stubborn_pool(); });
    pool->submit(within(1ms), 1, queued.handler());
    bool drained = false;
    pool->drain([&](std::exception_ptr error, dispatch::Ledger ledger) {
        drained = true;
        EXPECT_FALSE(error);
        EXPECT_EQ(ledger.expired, 2U);
    });
    EXPECT_TRUE(run_until_called(stuck));
    EXPECT_TRUE(run_until_called(queued));
    poll();
    EXPECT_FALSE(drained) << "a handler is still running";
    gate.open();
    poll();
    EXPECT_TRUE(drained);
}

TEST_F(Deadline, WhileThePoolIsStopped) {
    Outcome<int> running;
    Outcome<int> queued;
    run_with_deadline(running, [&] { make_stubborn_pool(); });
    pool->submit(within(1ms), 1, queued.handler());
    pool->stop();
    EXPECT_TRUE(run_until_called(running));
    EXPECT_TRUE(running.heard(errc::deadline_exceeded)) << "the handler takes its time, the caller does not";
    EXPECT_TRUE(queued.heard(errc::stopped));
}

TEST_F(Deadline, OnTimeThoughAPlainFunctionHoldsTheWorkersThread) {
    std::latch release{1};
    std::atomic<bool> holding{false};
    net::thread_pool threads{2};
    dispatch::WorkerPool<int, int> on_threads{dispatch::spawn_workers(
        threads.get_executor(), 1,
        [&](int id) {
            holding = true;
            release.wait();
            return id;
        },
        narrow)};
    std::uint64_t expired = 0;
    const auto expect_expiry = [&](Clock::duration time) {
        try {
            on_threads.submit(within(time), 0, net::use_future).get();
            ADD_FAILURE() << "no exception";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), errc::deadline_exceeded);
            ++expired;
        }
    };
    for (Clock::duration time = 2ms; !holding; time *= 2) {
        expect_expiry(time);
    }
    expect_expiry(1ms);  // behind the one that holds the thread
    EXPECT_EQ(on_threads.worker_metrics().front().inflight, 1U);
    release.count_down();
    EXPECT_EQ(on_threads.drain(net::use_future).get().expired, expired);
    test::expect_idle(on_threads);
}

/// Deadlines that come due while jobs are queued, start, run and end. Whatever wins, each caller hears
/// once, and the books agree.
TEST(DeadlineRace, WithStartAndCompletion) {
    constexpr int max_rounds = 4'000;
    constexpr std::uint64_t wanted = 100;
    net::thread_pool threads{2};
    dispatch::WorkerPool<int, int> pool{
        dispatch::spawn_workers(threads.get_executor(), 1,
                                [](int yields, JobContext& job) -> net::awaitable<int> {
                                    const std::string session{job.session()};
                                    const net::any_io_executor executor = co_await net::this_coro::executor;
                                    for (int i = 0; i != yields; ++i) {
                                        co_await net::post(executor, net::use_awaitable);
                                    }
                                    co_return session == job.session() ? yields : -1;
                                },
                                {.max_concurrency = 4})};
    std::uint64_t returned = 0;
    std::uint64_t expired = 0;
    int rounds = 0;
    for (; rounds != max_rounds && (returned < wanted || expired < wanted); ++rounds) {
        std::vector<std::future<int>> answers;
        const std::string session(100, 'r');
        for (int i = 0; i != 16; ++i) {
            SubmitOptions options = within((1 + rounds % 100) * std::chrono::microseconds{(rounds * 16 + i) * 7 % 400});
            options.session = session;
            answers.push_back(pool.submit(options, i, net::use_future));
        }
        for (int i = 0; i != 16; ++i) {
            try {
                ASSERT_EQ(answers[static_cast<std::size_t>(i)].get(), i);
                ++returned;
            } catch (const std::system_error& error) {
                ASSERT_EQ(error.code(), errc::deadline_exceeded);
                ++expired;
            }
        }
    }
    EXPECT_GE(returned, wanted) << "the race never took place: everything expired";
    EXPECT_GE(expired, wanted) << "the race never took place: nothing expired";
    const dispatch::Ledger ledger = pool.drain(net::use_future).get();
    EXPECT_EQ(ledger.completed, returned);
    EXPECT_EQ(ledger.expired, expired);
    EXPECT_EQ(ledger.submitted, returned + expired);
    test::expect_idle(pool);
}

// ---------------------------------------------------------------------------------------------------
// What the handler may ask.

/// What a handler saw of its JobContext.
struct Seen {
    std::size_t worker_id = 0;
    std::string session;
    std::optional<Clock::time_point> deadline;
    Clock::duration queued_for{};
};

class JobContextTest : public test::PoolFixture<int, Seen> {
  protected:
    static Seen look(const JobContext& job) {
        return {job.worker_id(), std::string{job.session()}, job.deadline(), job.queued_for()};
    }
};

TEST_F(JobContextTest, TellsWhatIsKnownOfTheJob) {
    make_pool(3, [](int, JobContext& job) -> net::awaitable<Seen> {
        // Also after the handler has been suspended.
        const net::any_io_executor executor = co_await net::this_coro::executor;
        co_await net::post(executor, net::use_awaitable);
        co_return look(job);
    });
    Outcome<Seen> outcomes[3];
    SubmitOptions options = within(1h);
    options.session = "the session";
    pool->submit(options, 0, outcomes[0].handler());
    pool->submit(std::nullopt, 0, outcomes[1].handler());
    pool->submit("other", 0, outcomes[2].handler());
    // Nothing is finished yet, so the three are on three workers.
    for (const Handle& handle : handles) {
        EXPECT_EQ(handle.load(), 1U);
    }
    poll();
    EXPECT_EQ(outcomes[0].value()->session, "the session");
    EXPECT_EQ(outcomes[0].value()->deadline, options.deadline);
    EXPECT_EQ(outcomes[1].value()->session, "");
    EXPECT_EQ(outcomes[1].value()->deadline, std::nullopt);
    EXPECT_EQ(outcomes[2].value()->session, "other");
    std::vector<std::size_t> ids;
    for (const Outcome<Seen>& outcome : outcomes) {
        ids.push_back(outcome.value()->worker_id);
        EXPECT_GE(outcome.value()->queued_for, 0ns);
    }
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(ids, (std::vector<std::size_t>{0, 1, 2}));
}

TEST_F(JobContextTest, QueuedForSpansFromSubmitToStart) {
    make_pool(1, [](int, JobContext& job) { return look(job); });
    Outcome<Seen> outcome;
    const Clock::time_point before_submit = Clock::now();
    pool->submit(std::nullopt, 0, outcome.handler());
    const Clock::time_point after_submit = Clock::now();
    net::steady_timer meanwhile{*context, 2ms};
    meanwhile.wait();
    const Clock::time_point before_start = Clock::now();
    poll();
    const Clock::time_point after_end = Clock::now();
    ASSERT_EQ(outcome.calls(), 1);
    EXPECT_GE(outcome.value()->queued_for, before_start - after_submit);
    EXPECT_LE(outcome.value()->queued_for, after_end - before_submit);
}

}  // namespace deadline_test
