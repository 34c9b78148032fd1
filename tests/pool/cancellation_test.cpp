// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a job whose submitter cancels it, in each of its states, and of those that come after.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace cancellation_test {

namespace net = dispatch::net;

using dispatch::errc;
using net::cancellation_type;
using test::Outcome;

/// One worker that runs one job at a time and has a queue of one: the first job runs, the second is
/// queued, and all others wait for a place.
constexpr dispatch::WorkerOptions narrow{.max_concurrency = 1, .queue_capacity = 1};

/// A job with a slot.
struct Submitted {
    Outcome<int> outcome;
    net::cancellation_signal signal;
    auto handler() { return net::bind_cancellation_slot(signal.slot(), outcome.handler()); }
};

// ---------------------------------------------------------------------------------------------------
// The table: state of the job x type of the cancellation.

enum class State { waiting, queued, running };

constexpr State states[] = {State::waiting, State::queued, State::running};
constexpr cancellation_type types[] = {cancellation_type::none, cancellation_type::terminal, cancellation_type::partial,
                                       cancellation_type::total};

const char* name(State state) {
    switch (state) {
        case State::waiting:
            return "Waiting";
        case State::queued:
            return "Queued";
        case State::running:
            return "Running";
    }
    return "";
}

const char* name(cancellation_type type) {
    switch (type) {
        case cancellation_type::none:
            return "None";
        case cancellation_type::terminal:
            return "Terminal";
        case cancellation_type::partial:
            return "Partial";
        case cancellation_type::total:
            return "Total";
        default:
            return "";
    }
}

class Cancellation : public test::PoolFixture<int, int>,
                     public testing::WithParamInterface<std::tuple<State, cancellation_type>> {
  protected:
    Cancellation() {
        make_pool(
            1,
            [this](int id) -> net::awaitable<int> {
                started.push_back(id);
                std::exception_ptr error;
                try {
                    co_await gate.pass();
                } catch (...) {
                    error = std::current_exception();
                }
                if (error) {
                    received = (co_await net::this_coro::cancellation_state).cancelled();
                    std::rethrow_exception(error);
                }
                co_return id * 10;
            },
            narrow);
        // Job 0 runs, 1 is queued, 2 and 3 wait.
        for (std::size_t id = 0; id != jobs.size(); ++id) {
            pool->submit(std::nullopt, static_cast<int>(id), jobs[id].handler());
        }
        poll();
    }

    std::size_t target() const {
        switch (std::get<State>(GetParam())) {
            case State::running:
                return 0;
            case State::queued:
                return 1;
            case State::waiting:
                return 2;
        }
        return 0;
    }

    std::vector<Submitted> jobs{4};
    std::vector<int> started;
    cancellation_type received = cancellation_type::none;
};

TEST_P(Cancellation, EndsOneJobAndNoOther) {
    const auto [state, type] = GetParam();
    ASSERT_EQ(row().inflight, 1U);
    ASSERT_EQ(row().queue_len, 1U);
    ASSERT_EQ(row().waiting, 2U);
    ASSERT_EQ(started, std::vector<int>{0});

    Submitted& cancelled = jobs[target()];
    cancelled.signal.emit(type);
    EXPECT_EQ(cancelled.outcome.calls(), 0) << "completed within emit()";
    poll();

    if (type == cancellation_type::none) {
        EXPECT_EQ(cancelled.outcome.calls(), 0);
        EXPECT_EQ(handles[0].load(), 4U);
    } else {
        EXPECT_TRUE(cancelled.outcome.heard(test::aborted()));
        EXPECT_EQ(cancelled.outcome.value(), 0);
        EXPECT_EQ(handles[0].load(), 3U) << "its place is free again";
        EXPECT_EQ(row().inflight, 1U);
        EXPECT_EQ(row().queue_len, 1U);
        EXPECT_EQ(row().waiting, 1U) << "the next one has moved up";
        EXPECT_EQ(pool->ledger().cancelled, 1U);
    }
    const bool ran = state == State::running && type != cancellation_type::none;
    EXPECT_EQ(started, ran ? (std::vector<int>{0, 1}) : std::vector<int>{0});
    EXPECT_EQ(received, ran ? type : cancellation_type::none) << "what the handler's coroutine saw";

    gate.open();
    poll();
    std::vector<int> expected_starts;
    for (std::size_t id = 0; id != jobs.size(); ++id) {
        const bool gone = type != cancellation_type::none && id == target();
        if (!gone) {
            EXPECT_TRUE(jobs[id].outcome.returned(static_cast<int>(id) * 10)) << "job " << id;
        }
        if (!gone || state == State::running) {
            expected_starts.push_back(static_cast<int>(id));
        }
    }
    EXPECT_EQ(started, expected_starts);
    EXPECT_EQ(cancelled.outcome.calls(), 1);
    EXPECT_EQ(handles[0].errors(), 0U) << "a cancelled job is no failure of the worker";
    EXPECT_EQ(pool->ledger().completed, type == cancellation_type::none ? 4U : 3U);
}

TEST_P(Cancellation, AgainAndAfterTheCompletionHasNoEffect) {
    const cancellation_type type = std::get<cancellation_type>(GetParam());
    Submitted& cancelled = jobs[target()];
    cancelled.signal.emit(type);
    cancelled.signal.emit(type);
    poll();
    cancelled.signal.emit(type);
    poll();
    gate.open();
    poll();
    for (Submitted& job : jobs) {
        job.signal.emit(cancellation_type::all);
    }
    poll();
    for (const Submitted& job : jobs) {
        EXPECT_EQ(job.outcome.calls(), 1);
    }
    EXPECT_EQ(pool->ledger().completed, type == cancellation_type::none ? 4U : 3U);
    pool.reset();
    for (Submitted& job : jobs) {
        job.signal.emit(cancellation_type::all);
    }
}

INSTANTIATE_TEST_SUITE_P(Table, Cancellation, testing::Combine(testing::ValuesIn(states), testing::ValuesIn(types)),
                         [](const testing::TestParamInfo<std::tuple<State, cancellation_type>>& row) {
                             return std::string{name(std::get<0>(row.param))} + name(std::get<1>(row.param));
                         });

// ---------------------------------------------------------------------------------------------------
// What a running handler makes of its cancellation.

using RunningCancellation = test::PoolFixture<int, int>;

TEST_F(RunningCancellation, TheHandlerMayAnswerAllTheSame) {
    make_pool(1, [this](int value) -> net::awaitable<int> {
        try {
            co_await gate.pass();
        } catch (const std::system_error&) {
        }
        co_return value + 1;
    });
    Submitted job;
    pool->submit(std::nullopt, 1, job.handler());
    poll();
    job.signal.emit(cancellation_type::terminal);
    poll();
    EXPECT_TRUE(job.outcome.returned(2));
    EXPECT_EQ(pool->ledger().completed, 1U);
    EXPECT_EQ(pool->ledger().cancelled, 0U);
}

TEST_F(RunningCancellation, TheHandlerMayGiveUpInItsOwnWords) {
    make_pool(1, [this](int) -> net::awaitable<int> {
        try {
            co_await gate.pass();
        } catch (const std::system_error&) {
            throw std::runtime_error{"half done"};
        }
        co_return 0;
    });
    Submitted job;
    pool->submit(std::nullopt, 1, job.handler());
    poll();
    job.signal.emit(cancellation_type::terminal);
    poll();
    EXPECT_EQ(job.outcome.calls(), 1);
    EXPECT_TRUE(test::is_error<std::runtime_error>(job.outcome.error(), "half done"));
    EXPECT_EQ(pool->ledger().cancelled, 1U);
    EXPECT_EQ(pool->ledger().failed, 0U);
}

TEST_F(RunningCancellation, TheHandlerMayFinishWhatItDoesFirst) {
    make_pool(1, [this](int value) -> net::awaitable<int> {
        co_await gate.pass_stubbornly();
        co_return value + 1;
    });
    Submitted job;
    pool->submit(std::nullopt, 1, job.handler());
    poll();
    job.signal.emit(cancellation_type::all);
    poll();
    EXPECT_EQ(job.outcome.calls(), 0);
    EXPECT_EQ(row().inflight, 1U) << "counted as long as it runs";
    gate.open();
    poll();
    EXPECT_TRUE(job.outcome.returned(2));
}

TEST_F(RunningCancellation, ReachesWhatTheHandlerAwaitsInside) {
    int depth_reached = 0;
    make_pool(1, [&](int) -> net::awaitable<int> {
        const auto inner = [](const test::Gate& shut, int& depth) -> net::awaitable<void> {
            ++depth;
            co_await shut.pass();
            depth = 100;
        };
        const auto outer = [&inner](const test::Gate& shut, int& depth) -> net::awaitable<void> {
            ++depth;
            co_await inner(shut, depth);
            depth = 100;
        };
        co_await outer(gate, depth_reached);
        co_return 1;
    });
    Submitted job;
    pool->submit(std::nullopt, 1, job.handler());
    poll();
    job.signal.emit(cancellation_type::partial);
    poll();
    EXPECT_TRUE(job.outcome.heard(test::aborted()));
    EXPECT_EQ(depth_reached, 2);
}

TEST_F(RunningCancellation, HitsOneOfManyThatRun) {
    make_pool(1, [this](int value) -> net::awaitable<int> {
        co_await gate.pass();
        co_return value;
    });
    std::vector<Submitted> jobs(20);
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        pool->submit(std::nullopt, static_cast<int>(i), jobs[i].handler());
    }
    poll();
    ASSERT_EQ(row().inflight, 20U);
    for (const std::size_t i : {7U, 13U}) {
        jobs[i].signal.emit(cancellation_type::terminal);
    }
    poll();
    EXPECT_EQ(row().inflight, 18U);
    gate.open();
    poll();
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        if (i == 7 || i == 13) {
            EXPECT_TRUE(jobs[i].outcome.heard(test::aborted()));
        } else {
            EXPECT_TRUE(jobs[i].outcome.returned(static_cast<int>(i)));
        }
    }
}

// ---------------------------------------------------------------------------------------------------
// A lane outlives its jobs; what one of them does to it must not be seen by the next.

/// What a job leaves behind it.
enum class Trace {
    none,
    cancelled,
    cancelled_and_swallowed,
    cancellation_disabled,
    cancelled_while_disabled,
    throwing_off,
    cancelled_with_throwing_off,
    filter_narrowed,
    threw,
    went_elsewhere,
    went_elsewhere_and_threw,
    went_elsewhere_after_a_cancellation,
};

struct TraceCase {
    const char* name;
    Trace trace;
    bool cancel;

    friend std::ostream& operator<<(std::ostream& out, const TraceCase& one) { return out << one.name; }
};

constexpr TraceCase traces[] = {
    {"Nothing", Trace::none, false},
    {"Cancelled", Trace::cancelled, true},
    {"CancelledAndSwallowed", Trace::cancelled_and_swallowed, true},
    {"CancellationDisabled", Trace::cancellation_disabled, false},
    {"CancelledWhileDisabled", Trace::cancelled_while_disabled, true},
    {"ThrowingOff", Trace::throwing_off, false},
    {"CancelledWithThrowingOff", Trace::cancelled_with_throwing_off, true},
    {"FilterNarrowed", Trace::filter_narrowed, false},
    {"Threw", Trace::threw, false},
    {"WentElsewhere", Trace::went_elsewhere, false},
    {"WentElsewhereAndThrew", Trace::went_elsewhere_and_threw, false},
    {"WentElsewhereAfterACancellation", Trace::went_elsewhere_after_a_cancellation, true},
};

/// Each test sends a first job that leaves the trace, and a second one that looks for it.
class AfterTrace : public test::PoolFixture<int, int>, public testing::WithParamInterface<TraceCase> {
  protected:
    static constexpr int leave_trace = 1;
    static constexpr int look = 2;
    static constexpr int wait = 3;

    AfterTrace() {
        make_pool(1,
                  [this](int request) -> net::awaitable<int> {
                      if (request == leave_trace) {
                          co_await leave();
                      } else {
                          co_await examine();
                          if (request == wait) {
                              co_await next_gate.pass();
                          }
                      }
                      co_return request;
                  },
                  {.max_concurrency = 1, .queue_capacity = 8});
    }

    ~AfterTrace() override { next_gate.open(); }

    net::awaitable<void> leave() {
        switch (GetParam().trace) {
            case Trace::none:
                break;
            case Trace::cancelled:
                co_await first_gate.pass();
                break;
            case Trace::cancelled_and_swallowed:
                try {
                    co_await first_gate.pass();
                } catch (const std::system_error&) {
                }
                break;
            case Trace::cancellation_disabled:
                co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
                break;
            case Trace::cancelled_while_disabled:
                co_await first_gate.pass_stubbornly();
                break;
            case Trace::throwing_off:
                co_await net::this_coro::throw_if_cancelled(false);
                break;
            case Trace::cancelled_with_throwing_off:
                co_await net::this_coro::throw_if_cancelled(false);
                co_await first_gate.pass();
                break;
            case Trace::filter_narrowed:
                co_await net::this_coro::reset_cancellation_state(net::enable_terminal_cancellation());
                break;
            case Trace::threw:
                throw std::runtime_error{"on purpose"};
            case Trace::went_elsewhere:
                co_await go_elsewhere();
                break;
            case Trace::went_elsewhere_and_threw:
                co_await go_elsewhere();
                throw std::runtime_error{"on purpose"};
            case Trace::went_elsewhere_after_a_cancellation:
                try {
                    co_await first_gate.pass();
                } catch (const std::system_error&) {
                }
                co_await net::this_coro::throw_if_cancelled(false);
                co_await go_elsewhere();
                break;
        }
    }

    net::awaitable<void> go_elsewhere() {
        co_await net::post(net::bind_executor(elsewhere, net::use_awaitable));
        EXPECT_EQ(running, &elsewhere);
    }

    net::awaitable<void> examine() {
        EXPECT_EQ(running, &*context) << "left on a foreign executor";
        const bool throws = co_await net::this_coro::throw_if_cancelled();
        EXPECT_TRUE(throws);
        const net::cancellation_state state = co_await net::this_coro::cancellation_state;
        EXPECT_EQ(state.cancelled(), cancellation_type::none);
        ++examined;
    }

    /// Both contexts, until neither has anything to do.
    void poll_all() {
        std::size_t done = 1;
        while (done != 0) {
            running = &*context;
            done = test::poll(*context);
            running = &elsewhere;
            done += test::poll(elsewhere);
        }
        running = nullptr;
    }

    void leave_the_trace() {
        poll_all();
        if (GetParam().cancel) {
            ASSERT_EQ(first.outcome.calls(), 0);
            first.signal.emit(cancellation_type::total);
            poll_all();
        }
        first_gate.open();
        poll_all();
        ASSERT_EQ(first.outcome.calls(), 1);
    }

    net::io_context elsewhere;
    net::io_context* running = nullptr;
    test::Gate first_gate;
    test::Gate next_gate;
    int examined = 0;
    Submitted first;
};

TEST_P(AfterTrace, TheNextJobFindsTheLaneAsNew) {
    pool->submit(std::nullopt, leave_trace, first.handler());
    leave_the_trace();
    Outcome<int> next;
    pool->submit(std::nullopt, look, next.handler());
    poll_all();
    EXPECT_TRUE(next.returned(look));
    EXPECT_EQ(examined, 1);
}

TEST_P(AfterTrace, ThoseQueuedBehindItFindTheLaneAsNew) {
    Outcome<int> next[3];
    pool->submit(std::nullopt, leave_trace, first.handler());
    for (Outcome<int>& outcome : next) {
        pool->submit(std::nullopt, look, outcome.handler());
    }
    leave_the_trace();
    for (const Outcome<int>& outcome : next) {
        EXPECT_TRUE(outcome.returned(look));
    }
    EXPECT_EQ(examined, 3);
}

TEST_P(AfterTrace, TheNextJobCanBeCancelled) {
    for (const cancellation_type type :
         {cancellation_type::total, cancellation_type::partial, cancellation_type::terminal}) {
        Submitted next;
        if (type == cancellation_type::total) {
            pool->submit(std::nullopt, leave_trace, first.handler());
            pool->submit(std::nullopt, wait, next.handler());
            leave_the_trace();
        } else {
            pool->submit(std::nullopt, wait, next.handler());
            poll_all();
        }
        EXPECT_EQ(next.outcome.calls(), 0);
        next.signal.emit(type);
        poll_all();
        EXPECT_TRUE(next.outcome.heard(test::aborted())) << name(type);
    }
    EXPECT_EQ(examined, 3);
}

INSTANTIATE_TEST_SUITE_P(Table, AfterTrace, testing::ValuesIn(traces),
                         [](const testing::TestParamInfo<TraceCase>& row) { return std::string{row.param.name}; });

TEST(Cancellation, AHandlerThatEndedOnAThreadOfAnotherPool) {
    net::thread_pool threads{2};
    net::thread_pool elsewhere{1};
    std::atomic<int> running{0};
    std::atomic<int> overlaps{0};
    dispatch::WorkerPool<int, int> pool{
        dispatch::spawn_workers(threads.get_executor(), 1,
                                [&](int value) -> net::awaitable<int> {
                                    // On the strand no two jobs are at the same place at the same time.
                                    overlaps += running.exchange(1);
                                    for (std::atomic<int> spin{0}; spin != 50; ++spin) {
                                    }
                                    running = 0;
                                    if (value % 3 != 0) {
                                        co_await net::post(net::bind_executor(elsewhere, net::use_awaitable));
                                    }
                                    if (value % 3 == 2) {
                                        throw std::runtime_error{"from elsewhere"};
                                    }
                                    co_return value;
                                },
                                {.max_concurrency = 4})};
    std::vector<std::future<int>> futures;
    for (int i = 0; i != 300; ++i) {
        futures.push_back(pool.submit(std::nullopt, i, net::use_future));
    }
    for (int i = 0; i != 300; ++i) {
        if (i % 3 == 2) {
            EXPECT_THROW(futures[static_cast<std::size_t>(i)].get(), std::runtime_error);
        } else {
            EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i);
        }
    }
    EXPECT_EQ(overlaps, 0);
    EXPECT_EQ(pool.drain(net::use_future).get().failed, 100U);
    threads.join();  // none of them may still be on its way into elsewhere
}

// ---------------------------------------------------------------------------------------------------
// Between the decision and the completion.

TEST_F(RunningCancellation, ComesTooLateForAReplyOnItsWay) {
    make_pool(
        1,
        [this](int value) -> net::awaitable<int> {
            if (value < 0) {
                co_await gate.pass();
            }
            co_return value;
        },
        narrow);
    net::io_context home;
    Submitted replied;
    pool->submit(std::nullopt, 1, net::bind_executor(home, replied.handler()));
    poll();
    Outcome<int> running;
    pool->submit(std::nullopt, -1, running.handler());
    poll();
    replied.signal.emit(cancellation_type::all);
    poll();
    EXPECT_EQ(running.calls(), 0) << "the lane's next job was hit";
    home.run();
    EXPECT_TRUE(replied.outcome.returned(1));
    EXPECT_EQ(pool->ledger().cancelled, 0U);
}

TEST_F(RunningCancellation, ComesTooLateForARefusal) {
    make_pool(1,
              [this](int value) -> net::awaitable<int> {
                  co_await gate.pass();
                  co_return value;
              },
              narrow, {.overflow = dispatch::Overflow::reject});
    Outcome<int> accepted[2];
    for (Outcome<int>& outcome : accepted) {
        pool->submit(std::nullopt, 1, outcome.handler());
    }
    poll();
    Submitted full;
    pool->submit(std::nullopt, 1, full.handler());
    full.signal.emit(cancellation_type::terminal);
    poll();
    EXPECT_TRUE(full.outcome.heard(errc::queue_full));
    full.signal.emit(cancellation_type::terminal);

    pool->stop();
    Submitted late;
    pool->submit(std::nullopt, 1, late.handler());
    late.signal.emit(cancellation_type::terminal);
    poll();
    EXPECT_TRUE(late.outcome.heard(errc::stopped));
    late.signal.emit(cancellation_type::terminal);
}

TEST_F(RunningCancellation, ComesTooLateForAStop) {
    make_pool(
        1,
        [this](int value) -> net::awaitable<int> {
            co_await gate.pass();
            co_return value;
        },
        narrow);
    std::vector<Submitted> jobs(4);
    for (Submitted& job : jobs) {
        pool->submit(std::nullopt, 1, job.handler());
    }
    poll();
    pool->stop();
    for (Submitted& job : jobs) {
        job.signal.emit(cancellation_type::all);
    }
    poll();
    for (std::size_t i = 1; i != jobs.size(); ++i) {
        EXPECT_TRUE(jobs[i].outcome.heard(errc::stopped));
    }
    EXPECT_TRUE(jobs[0].outcome.heard(test::aborted()));
    EXPECT_EQ(handles[0].load(), 0U);
}

TEST_F(RunningCancellation, BeforeTheWorkerHasSeenTheJob) {
    make_pool(1, [](int value) -> net::awaitable<int> { co_return value; });
    Submitted job;
    pool->submit(std::nullopt, 1, job.handler());
    job.signal.emit(cancellation_type::total);
    EXPECT_EQ(job.outcome.calls(), 0);
    EXPECT_EQ(handles[0].load(), 0U) << "leaves at once";
    poll();
    EXPECT_TRUE(job.outcome.heard(test::aborted()));
}

TEST_F(RunningCancellation, OfACoroutineThatAwaitsItsJob) {
    make_pool(
        1,
        [this](int value) -> net::awaitable<int> {
            co_await gate.pass();
            co_return value;
        },
        narrow);
    std::vector<std::unique_ptr<net::cancellation_signal>> signals;
    std::vector<std::exception_ptr> errors(3);
    for (std::size_t i = 0; i != 3; ++i) {
        signals.push_back(std::make_unique<net::cancellation_signal>());
        net::co_spawn(
            *context, [this]() -> net::awaitable<void> { co_await pool->submit("session", 1); },
            net::bind_cancellation_slot(signals.back()->slot(),
                                        [&errors, i](std::exception_ptr error) { errors[i] = std::move(error); }));
    }
    poll();
    ASSERT_EQ(handles[0].load(), 3U);
    for (const auto& signal : signals) {
        signal->emit(cancellation_type::terminal);
    }
    poll();
    EXPECT_EQ(handles[0].load(), 0U);
    for (const std::exception_ptr& error : errors) {
        EXPECT_EQ(test::code_of(error), test::aborted());
    }
}

// ---------------------------------------------------------------------------------------------------
// Plain functions.

TEST_F(RunningCancellation, APlainFunctionThatRunsIsNotDisturbed) {
    Submitted job;
    std::vector<int> ran;
    make_pool(
        1,
        [&](int value) {
            ran.push_back(value);
            if (value == 1) {
                job.signal.emit(cancellation_type::all);
            }
            return value * 2;
        },
        narrow);
    Outcome<int> next[2];
    pool->submit(std::nullopt, 1, job.handler());
    pool->submit(std::nullopt, 2, next[0].handler());
    poll();
    EXPECT_TRUE(job.outcome.returned(2));
    EXPECT_TRUE(next[0].returned(4));
    pool->submit(std::nullopt, 3, next[1].handler());
    poll();
    EXPECT_TRUE(next[1].returned(6));
    EXPECT_EQ(ran, (std::vector<int>{1, 2, 3}));
    EXPECT_EQ(pool->ledger().completed, 3U);
}

TEST_F(RunningCancellation, APlainFunctionThatHasNotStartedNeverDoes) {
    std::vector<int> ran;
    make_pool(
        1,
        [&](int value) {
            ran.push_back(value);
            return value;
        },
        narrow);
    std::vector<Submitted> jobs(3);
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        pool->submit(std::nullopt, static_cast<int>(i), jobs[i].handler());
    }
    jobs[1].signal.emit(cancellation_type::partial);
    poll();
    EXPECT_EQ(ran, (std::vector<int>{0, 2}));
    EXPECT_TRUE(jobs[1].outcome.heard(test::aborted()));
}

// ---------------------------------------------------------------------------------------------------
// Cancelled from the middle, in any order, the line stays in order.

TEST_F(RunningCancellation, ThoseThatStayKeepTheirOrder) {
    std::vector<int> started;
    make_pool(1,
              [&](int id) -> net::awaitable<int> {
                  started.push_back(id);
                  co_await gate.pass();
                  co_return id;
              },
              {.max_concurrency = 1, .queue_capacity = 5});
    std::vector<Submitted> jobs(40);
    for (std::size_t id = 0; id != jobs.size(); ++id) {
        pool->submit(std::nullopt, static_cast<int>(id), jobs[id].handler());
    }
    poll();
    std::vector<int> expected;
    for (std::size_t step = 0; step != jobs.size(); ++step) {
        const std::size_t id = (step * 17) % jobs.size();
        if (id % 3 == 1) {
            jobs[id].signal.emit(cancellation_type::total);
        }
    }
    for (int id = 0; id != 40; ++id) {
        if (id % 3 != 1) {
            expected.push_back(id);
        }
    }
    gate.open();
    poll();
    EXPECT_EQ(started, expected);
}

// ---------------------------------------------------------------------------------------------------
// Races.

/// Rounds of a few jobs each on a pool with two threads. Every job's slot is emitted on the strand that
/// its completion handler belongs to, while the job starts, runs and ends on others.
TEST(CancellationRace, WithStartAndCompletion) {
    constexpr int max_rounds = 20'000;
    constexpr int wanted = 20;
    net::thread_pool threads{2};
    // A request of n gives up its thread n times: time for a cancellation to arrive while it runs.
    std::atomic<int> cut_short{0};
    dispatch::WorkerPool<int, int> pool{
        dispatch::spawn_workers(threads.get_executor(), 2,
                                [&cut_short](int yields) -> net::awaitable<int> {
                                    const net::any_io_executor executor = co_await net::this_coro::executor;
                                    int done = 0;
                                    try {
                                        for (; done != yields; ++done) {
                                            co_await net::post(executor, net::use_awaitable);
                                        }
                                    } catch (...) {
                                        ++cut_short;
                                        throw;
                                    }
                                    co_return yields;
                                },
                                {.max_concurrency = 2, .queue_capacity = 1})};

    struct Racer {
        explicit Racer(net::thread_pool& threads) : strand{net::make_strand(threads)} {}
        /// Cancels the job once the strand has been through the threads' queue so many times.
        void emit_after(int turns) {
            net::post(strand, [this, turns] {
                if (turns > 0) {
                    return emit_after(turns - 1);
                }
                signal.emit(cancellation_type::total);
                emitted.set_value();
            });
        }

        net::strand<net::thread_pool::executor_type> strand;
        net::cancellation_signal signal;
        int calls = 0;
        std::promise<std::exception_ptr> answer;
        std::promise<void> emitted;
    };

    int completed = 0;
    int cancelled = 0;
    int rounds = 0;
    for (; rounds != max_rounds && (completed < wanted || cancelled < wanted || cut_short < wanted); ++rounds) {
        std::vector<std::unique_ptr<Racer>> racers;
        std::vector<std::future<std::exception_ptr>> answers;
        for (int i = 0; i != 8; ++i) {
            Racer& racer = *racers.emplace_back(std::make_unique<Racer>(threads));
            answers.push_back(racer.answer.get_future());
            const int yields = rounds % 101;
            net::post(racer.strand, [&racer, &pool, yields] {
                pool.submit(
                    std::nullopt, yields,
                    net::bind_cancellation_slot(
                        racer.signal.slot(), net::bind_executor(racer.strand, [&racer](std::exception_ptr error, int) {
                            if (++racer.calls == 1) {
                                racer.answer.set_value(std::move(error));
                            }
                        })));
            });
        }
        for (const auto& racer : racers) {
            racer->emit_after(rounds % 5);
        }
        for (auto& answer : answers) {
            const std::error_code code = test::code_of(answer.get());
            ++(code ? cancelled : completed);
            ASSERT_TRUE(!code || code == test::aborted()) << code.message();
        }
        // Behind whatever is still on its way there.
        for (const auto& racer : racers) {
            racer->emitted.get_future().get();
            std::promise<int> calls;
            net::post(racer->strand, [&] { calls.set_value(racer->calls); });
            ASSERT_EQ(calls.get_future().get(), 1);
        }
    }
    EXPECT_GE(completed, wanted) << "the race never took place: nothing completed";
    EXPECT_GE(cancelled, wanted) << "the race never took place: nothing was cancelled";
    EXPECT_GE(cut_short, wanted) << "the race never took place: nothing was cancelled while it ran";

    const dispatch::Ledger ledger = pool.drain(net::use_future).get();
    EXPECT_EQ(ledger.submitted, static_cast<std::uint64_t>(rounds) * 8);
    EXPECT_EQ(ledger.completed, static_cast<std::uint64_t>(completed));
    EXPECT_EQ(ledger.cancelled, static_cast<std::uint64_t>(cancelled));
    test::expect_idle(pool);
}

/// stop() in the middle of submits and cancellations, for many short-lived pools.
TEST(CancellationRace, WithStop) {
    int stopped = 0;
    int other = 0;
    for (int round = 0; round != 2'000 && (round < 200 || stopped == 0 || other == 0); ++round) {
        net::thread_pool threads{2};
        dispatch::WorkerPool<int, int> pool{dispatch::spawn_workers(
            threads.get_executor(), 1, [](int value) -> net::awaitable<int> { co_return value; }, narrow)};
        const auto strand = net::make_strand(threads);
        net::cancellation_signal signals[16];
        int calls[16] = {};
        int codes[2] = {};
        std::atomic<int> submitted{0};
        net::post(strand, [&] {
            for (int i = 0; i != 16; ++i) {
                pool.submit(std::nullopt, i,
                            net::bind_cancellation_slot(
                                signals[i].slot(), net::bind_executor(strand, [&, i](std::exception_ptr error, int) {
                                    ++calls[i];
                                    ++codes[test::code_of(error) == errc::stopped ? 1 : 0];
                                })));
                ++submitted;
            }
            for (net::cancellation_signal& signal : signals) {
                signal.emit(cancellation_type::terminal);
            }
        });
        while (submitted < round % 17) {
            std::this_thread::yield();
        }
        pool.stop();
        threads.join();
        for (const int count : calls) {
            ASSERT_EQ(count, 1);
        }
        stopped += codes[1];
        other += codes[0];
        test::expect_idle(pool);
    }
    EXPECT_GT(stopped, 0) << "the race never took place";
    EXPECT_GT(other, 0) << "the race never took place";
}

}  // namespace cancellation_test
