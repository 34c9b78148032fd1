// SPDX-License-Identifier: Apache-2.0
//
// The order in which pools, handles and contexts come to an end, and what stop and drain do to the jobs
// that are under way. Much of what could go wrong here shows only under a sanitizer.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using dispatch::errc;
using dispatch::Ledger;
using test::Outcome;
using Pool = dispatch::WorkerPool<int, int>;
using Handle = dispatch::WorkerHandle<int, int>;

constexpr dispatch::WorkerOptions narrow{.max_concurrency = 1, .queue_capacity = 1};

// ---------------------------------------------------------------------------------------------------
// The table: every order of destruction x what is under way x the context.

enum class Busy { idle, unpolled, queued, waiting, running, replying, draining, deadline_expired };
constexpr Busy everything_busy[] = {Busy::idle,    Busy::unpolled, Busy::queued,   Busy::waiting,
                                    Busy::running, Busy::replying, Busy::draining, Busy::deadline_expired};

const char* name(Busy busy) {
    switch (busy) {
        case Busy::idle:
            return "Idle";
        case Busy::unpolled:
            return "NotYetSeenByTheWorker";
        case Busy::queued:
            return "Queued";
        case Busy::waiting:
            return "Waiting";
        case Busy::running:
            return "Running";
        case Busy::replying:
            return "CompletionInFlight";
        case Busy::draining:
            return "DrainWaiting";
        case Busy::deadline_expired:
            return "RunningPastItsDeadline";
    }
    return "";
}

/// p: the pool, h: the handles, c: the context.
constexpr const char* orders[] = {"phc", "pch", "hpc", "hcp", "cph", "chp"};

enum class Kind {
    io_context,          ///< driven by hand; not again once the destruction has begun
    io_context_goes_on,  ///< driven by hand after each step
    strand,              ///< the workers are spawned on a strand of it
    thread_pool,
};
constexpr Kind kinds[] = {Kind::io_context, Kind::io_context_goes_on, Kind::strand, Kind::thread_pool};

const char* name(Kind kind) {
    switch (kind) {
        case Kind::io_context:
            return "IoContext";
        case Kind::io_context_goes_on:
            return "IoContextGoesOn";
        case Kind::strand:
            return "Strand";
        case Kind::thread_pool:
            return "ThreadPool";
    }
    return "";
}

/// Counts calls from any thread, and knows whether the completion handler still exists.
class Witness {
  public:
    auto handler() {
        return [calls = calls_](std::exception_ptr, int) { ++*calls; };
    }
    auto drain_handler() {
        return [calls = calls_](std::exception_ptr, Ledger) { ++*calls; };
    }
    int calls() const { return *calls_; }
    bool pending() const { return calls_.use_count() != 1; }

  private:
    std::shared_ptr<std::atomic<int>> calls_ = std::make_shared<std::atomic<int>>(0);
};

class Destruction : public testing::TestWithParam<std::tuple<const char*, Busy, Kind>> {
  protected:
    Destruction() {
        net::any_io_executor executor;
        switch (kind()) {
            case Kind::thread_pool:
                executor = threads.emplace(2).get_executor();
                break;
            case Kind::strand:
                executor = net::make_strand(context.emplace());
                break;
            default:
                executor = context.emplace().get_executor();
                break;
        }
        handles = dispatch::spawn_workers<int, int>(
            executor, 2,
            [shut = gate](int request) -> net::awaitable<int> {
                if (request == 0) {
                    co_return 0;
                }
                const Sentinel sentinel;
                if (request == 2) {
                    co_await shut.pass_stubbornly();
                } else {
                    co_await shut.pass();
                }
                co_return request;
            },
            narrow);
        pool.emplace(handles);
    }

    ~Destruction() override { gate.open(); }

    /// Handlers that are in the midst of something.
    struct Sentinel {
        Sentinel() { ++alive; }
        Sentinel(const Sentinel&) = delete;
        Sentinel& operator=(const Sentinel&) = delete;
        ~Sentinel() { --alive; }
        static inline std::atomic<int> alive{0};
    };

    static Kind kind() { return std::get<Kind>(GetParam()); }

    void poll() {
        if (context) {
            test::poll(*context);
        }
    }

    void submit(int request, std::size_t times) {
        for (std::size_t i = 0; i != times; ++i) {
            pool->submit(std::nullopt, request, witnesses.emplace_back().handler());
        }
    }

    /// Two workers with one place to run and one in the queue each.
    void make_busy(Busy busy) {
        switch (busy) {
            case Busy::idle:
                submit(0, 3);
                poll();
                break;
            case Busy::unpolled:
                submit(1, 4);
                break;
            case Busy::queued:
                submit(1, 4);
                poll();
                break;
            case Busy::waiting:
                submit(1, 7);
                poll();
                break;
            case Busy::running:
                submit(1, 2);
                poll();
                break;
            case Busy::replying:
                // The replies are decided, and their callers' context does not run.
                for (int i = 0; i != 3; ++i) {
                    pool->submit(std::nullopt, 0, net::bind_executor(home, witnesses.emplace_back().handler()));
                }
                if (context) {
                    for (int i = 0; i != 5; ++i) {
                        context->restart();
                        context->poll_one();
                    }
                }
                break;
            case Busy::draining:
                submit(1, 3);
                poll();
                pool->drain(witnesses.emplace_back().drain_handler());
                pool->drain(net::bind_executor(home, witnesses.emplace_back().drain_handler()));
                break;
            case Busy::deadline_expired: {
                dispatch::SubmitOptions options;
                options.session = "a session that is too long for a small string";
                options.deadline = std::chrono::steady_clock::now();
                // One that is too late to start, and one whose handler does not listen.
                pool->submit(options, 2, witnesses.emplace_back().handler());
                options.deadline = std::chrono::steady_clock::now() + 1ms;
                pool->submit(options, 2, witnesses.emplace_back().handler());
                if (context) {
                    test::run_until(*context, [&] { return pool->ledger().expired == 2; });
                }
                break;
            }
        }
        if (threads && (busy == Busy::queued || busy == Busy::waiting || busy == Busy::running)) {
            gate.await_arrivals(2);
        }
    }

    void destroy(char what) {
        switch (what) {
            case 'p':
                pool.reset();
                break;
            case 'h':
                handles.clear();
                break;
            case 'c':
                threads.reset();
                context.reset();
                break;
            default:
                FAIL();
        }
        if (kind() == Kind::io_context_goes_on) {
            poll();
        }
    }

    /// Outlives everything: what is bound to it must not be lost with the rest.
    net::io_context home;
    test::Gate gate;
    std::vector<Witness> witnesses;
    std::optional<net::io_context> context;
    std::optional<net::thread_pool> threads;
    std::vector<Handle> handles;
    std::optional<Pool> pool;
};

TEST_P(Destruction, InThisOrder) {
    const auto [order, busy, on] = GetParam();
    make_busy(busy);
    const std::vector<Handle> copies = handles;
    for (const char* what = order; *what != '\0'; ++what) {
        destroy(*what);
    }
    home.run();
    for (const Witness& witness : witnesses) {
        EXPECT_FALSE(witness.pending()) << "a completion handler was leaked";
        EXPECT_LE(witness.calls(), 1);
        if (on == Kind::io_context_goes_on && order[0] == 'p' && busy != Busy::draining &&
            busy != Busy::deadline_expired) {
            EXPECT_EQ(witness.calls(), 1) << "its context went on, so it has to be called";
        }
    }
    EXPECT_EQ(Sentinel::alive, 0) << "a handler was left suspended";
    for (const Handle& handle : copies) {
        EXPECT_EQ(handle.load(), 0U);
        EXPECT_EQ(handle.capacity(), 1U);
    }
}

INSTANTIATE_TEST_SUITE_P(Table, Destruction,
                         testing::Combine(testing::ValuesIn(orders), testing::ValuesIn(everything_busy),
                                          testing::ValuesIn(kinds)),
                         [](const testing::TestParamInfo<Destruction::ParamType>& row) {
                             return std::string{name(std::get<Kind>(row.param))} + "_" +
                                    name(std::get<Busy>(row.param)) + "_" + std::get<0>(row.param);
                         });

// ---------------------------------------------------------------------------------------------------
// The pool goes first, and its context goes on.

class Lifetime : public test::PoolFixture<int, int> {
  protected:
    Pool& make_gated_pool(dispatch::WorkerOptions options = narrow) {
        return make_pool(
            1,
            [this](int value) -> net::awaitable<int> {
                co_await gate.pass();
                co_return value;
            },
            options);
    }

    net::io_context home;
};

TEST_F(Lifetime, DestroyingThePoolAnswersAllItsCallers) {
    make_gated_pool();
    Outcome<int> outcomes[5];
    for (Outcome<int>& outcome : outcomes) {
        pool->submit(std::nullopt, 1, outcome.handler());
    }
    poll();
    pool.reset();
    for (const Outcome<int>& outcome : outcomes) {
        EXPECT_EQ(outcome.calls(), 0) << "completed within the destructor";
    }
    poll();
    EXPECT_TRUE(outcomes[0].heard(test::aborted())) << "it ran, and gave up";
    for (int i = 1; i != 5; ++i) {
        EXPECT_TRUE(outcomes[i].heard(errc::stopped));
    }
    EXPECT_EQ(handles[0].load(), 0U);
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(Lifetime, StopAnswersAllCallersAndClosesThePool) {
    make_gated_pool();
    Outcome<int> outcomes[5];
    for (Outcome<int>& outcome : outcomes) {
        pool->submit("session", 1, outcome.handler());
    }
    poll();
    pool->stop();
    pool->stop();
    Outcome<int> late;
    pool->submit("session", 1, late.handler());
    EXPECT_EQ(late.calls(), 0);
    poll();
    EXPECT_TRUE(outcomes[0].heard(test::aborted()));
    for (int i = 1; i != 5; ++i) {
        EXPECT_TRUE(outcomes[i].heard(errc::stopped));
    }
    EXPECT_TRUE(late.heard(errc::stopped));
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 6, .stopped = 6}));
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(Lifetime, StopLetsAHandlerFinish) {
    make_pool(1, [this](int value) -> net::awaitable<int> {
        co_await gate.pass_stubbornly();
        co_return value;
    });
    Outcome<int> outcome;
    pool->submit(std::nullopt, 5, outcome.handler());
    poll();
    pool->stop();
    poll();
    EXPECT_EQ(outcome.calls(), 0);
    EXPECT_EQ(row().inflight, 1U);
    gate.open();
    poll();
    EXPECT_TRUE(outcome.returned(5));
    EXPECT_EQ(pool->ledger().completed, 1U);
}

TEST_F(Lifetime, StopBeforeTheWorkersHaveEverRun) {
    make_gated_pool();
    Outcome<int> outcome;
    pool->submit(std::nullopt, 5, outcome.handler());
    pool->stop();
    poll();
    EXPECT_TRUE(outcome.heard(errc::stopped));
    EXPECT_EQ(gate.arrivals(), 0);
}

// ---------------------------------------------------------------------------------------------------
// From within.

TEST_F(Lifetime, AHandlerDestroysItsPool) {
    make_pool(
        1,
        [this](int value) -> net::awaitable<int> {
            if (value == 0) {
                pool.reset();
            }
            co_return value;
        },
        narrow);
    Outcome<int> outcomes[3];
    for (int i = 0; i != 3; ++i) {
        pool->submit(std::nullopt, i, outcomes[i].handler());
    }
    poll();
    EXPECT_TRUE(outcomes[0].returned(0));
    EXPECT_TRUE(outcomes[1].heard(errc::stopped));
    EXPECT_TRUE(outcomes[2].heard(errc::stopped));
    EXPECT_EQ(handles[0].load(), 0U);
}

TEST_F(Lifetime, AHandlerDestroysItsPoolAndTheHandlesAndGoesOn) {
    make_pool(1, [this](int value) -> net::awaitable<int> {
        pool.reset();
        handles.clear();
        const net::any_io_executor executor = co_await net::this_coro::executor;
        // The stop arrives here, as everywhere.
        co_await net::this_coro::throw_if_cancelled(false);
        co_await net::post(executor, net::use_awaitable);
        co_return value;
    });
    Outcome<int> outcome;
    pool->submit(std::nullopt, 3, outcome.handler());
    poll();
    EXPECT_TRUE(outcome.returned(3));
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(Lifetime, APlainFunctionDestroysItsPool) {
    make_pool(1, [this](int value) {
        pool.reset();
        handles.clear();
        return value;
    });
    Outcome<int> outcome;
    pool->submit(std::nullopt, 3, outcome.handler());
    poll();
    EXPECT_TRUE(outcome.returned(3));
}

TEST_F(Lifetime, AHandlerStopsItsPool) {
    make_pool(
        1,
        [this](int value) -> net::awaitable<int> {
            pool->stop();
            co_return value;
        },
        narrow);
    Outcome<int> outcomes[3];
    for (int i = 0; i != 3; ++i) {
        pool->submit(std::nullopt, i, outcomes[i].handler());
    }
    poll();
    EXPECT_TRUE(outcomes[0].returned(0));
    EXPECT_TRUE(outcomes[1].heard(errc::stopped));
    EXPECT_TRUE(outcomes[2].heard(errc::stopped));
    EXPECT_EQ(pool->ledger(), (Ledger{.submitted = 3, .completed = 1, .stopped = 2}));
}

TEST_F(Lifetime, AHandlerStopsItsPoolAndWaits) {
    make_pool(1, [this](int value) -> net::awaitable<int> {
        pool->stop();
        co_await gate.pass();
        co_return value;
    });
    Outcome<int> outcome;
    pool->submit(std::nullopt, 0, outcome.handler());
    poll();
    EXPECT_TRUE(outcome.heard(test::aborted())) << "the cancellation reaches it";
    EXPECT_EQ(pool->ledger().stopped, 1U);
}

TEST_F(Lifetime, ACompletionHandlerDestroysThePool) {
    make_pool(2, [](int value) -> net::awaitable<int> { co_return value; });
    int calls = 0;
    for (int i = 0; i != 10; ++i) {
        pool->submit(std::nullopt, i, [&](std::exception_ptr, int) {
            ++calls;
            pool.reset();
            handles.clear();
        });
    }
    poll();
    EXPECT_EQ(calls, 10);
}

TEST_F(Lifetime, AHandlerDestroysItsPoolOnAThreadPool) {
    for (int round = 0; round != 50; ++round) {
        net::thread_pool threads{2};
        std::optional<Pool> doomed;
        std::promise<void> made;
        std::shared_future<void> ready = made.get_future().share();
        doomed.emplace(dispatch::spawn_workers<int, int>(threads.get_executor(), 1,
                                                         [&doomed, ready](int value) -> net::awaitable<int> {
                                                             ready.wait();
                                                             doomed.reset();
                                                             co_return value;
                                                         }));
        std::future<int> future = doomed->submit(std::nullopt, round, net::use_future);
        made.set_value();
        ASSERT_EQ(future.get(), round);
        threads.join();
    }
}

// ---------------------------------------------------------------------------------------------------
// Operations that are made and start later.

TEST_F(Lifetime, AnOperationThatStartsAfterItsPoolIsGone) {
    make_gated_pool();
    auto deferred = pool->submit("session", 1, test::deferred);
    net::awaitable<int> awaitable = pool->submit("session", 1, net::use_awaitable);
    auto never_started = pool->submit("session", 1, test::deferred);
    auto drain = pool->drain(test::deferred);
    pool.reset();
    handles.clear();

    Outcome<int> by_deferred;
    std::move(deferred)(by_deferred.handler());
    Outcome<int> by_awaitable;
    net::co_spawn(*context, std::move(awaitable), by_awaitable.handler());
    bool drained = false;
    std::move(drain)([&](std::exception_ptr error, Ledger) { drained = !error; });
    EXPECT_EQ(by_deferred.calls(), 0);
    EXPECT_FALSE(drained);
    poll();
    EXPECT_TRUE(by_deferred.heard(errc::stopped));
    EXPECT_TRUE(by_awaitable.heard(errc::stopped));
    EXPECT_TRUE(drained);
}

TEST_F(Lifetime, AnOperationThatStartsAfterItsContextIsGone) {
    make_gated_pool();
    auto deferred = pool->submit("session", 1, test::deferred);
    auto never_started = pool->submit("session", 1, test::deferred);
    context.reset();
    Outcome<int> outcome;
    std::move(deferred)(net::bind_executor(home, outcome.handler()));
    home.run();
    EXPECT_TRUE(outcome.heard(errc::stopped));
}

// ---------------------------------------------------------------------------------------------------
// The context goes first, and somebody still uses the pool.

TEST_F(Lifetime, APoolWhoseContextIsGone) {
    make_gated_pool();
    Outcome<int> lost[3];
    for (Outcome<int>& outcome : lost) {
        pool->submit(std::nullopt, 1, outcome.handler());
    }
    poll();
    context.reset();
    for (const Outcome<int>& outcome : lost) {
        EXPECT_EQ(outcome.calls(), 0) << "a context calls no handlers when it is destroyed";
        EXPECT_FALSE(outcome.pending());
    }
    EXPECT_EQ(handles[0].load(), 0U);

    Outcome<int> late;
    Outcome<int> later;
    pool->submit("session", 1, net::bind_executor(home, late.handler()));
    pool->try_submit(std::nullopt, 1, net::bind_executor(home, later.handler()));
    EXPECT_EQ(late.calls(), 0);
    int drained = 0;
    pool->drain(net::bind_executor(home, [&](std::exception_ptr error, Ledger) { drained += error ? 0 : 1; }));
    net::co_spawn(
        home,
        [&]() -> net::awaitable<void> {
            try {
                co_await pool->submit(std::nullopt, 1);
            } catch (const std::system_error& error) {
                drained += error.code() == errc::stopped ? 10 : 0;
            }
            co_await pool->drain();
            drained += 100;
        },
        net::detached);
    home.run();
    EXPECT_TRUE(late.heard(errc::stopped));
    EXPECT_TRUE(later.heard(errc::stopped));
    EXPECT_EQ(drained, 111);
    EXPECT_EQ(pool->worker_metrics().size(), 1U);
    pool->stop();
    EXPECT_EQ(pool->ledger().submitted, test::endings(pool->ledger()))
        << "jobs that went down with the context count as stopped";
}

TEST_F(Lifetime, ASlotThatIsEmittedAfterTheContextIsGone) {
    make_gated_pool();
    // The completion handlers belong to another context, which is alive.
    std::array<net::cancellation_signal, 5> signals;
    Outcome<int> outcomes[4];
    for (std::size_t i = 0; i != 4; ++i) {
        pool->submit(std::nullopt, 1,
                     net::bind_executor(home, net::bind_cancellation_slot(signals[i].slot(), outcomes[i].handler())));
    }
    int drained = 0;
    pool->drain(net::bind_executor(
        home, net::bind_cancellation_slot(signals[4].slot(), [&](std::exception_ptr, Ledger) { ++drained; })));
    poll();
    context.reset();
    for (net::cancellation_signal& signal : signals) {
        signal.emit(net::cancellation_type::terminal);
    }
    home.run();
    for (const Outcome<int>& outcome : outcomes) {
        EXPECT_LE(outcome.calls(), 1);
        EXPECT_FALSE(outcome.pending());
    }
    EXPECT_LE(drained, 1);
}

/// The job that the handler waits for must not keep the worker alive that keeps the handler's slot.
TEST_F(Lifetime, TheContextIsDestroyedWhileAHandlerAwaitsAJobOfItsOwnWorker) {
    const auto tracer = std::make_shared<int>();
    Outcome<int> outcome;
    make_pool(
        1,
        [this, tracer](int depth) -> net::awaitable<int> {
            co_return depth == 0 ? 0 : co_await pool->submit(std::nullopt, depth - 1, net::use_awaitable);
        },
        narrow);
    pool->submit(std::nullopt, 1, outcome.handler());
    poll();
    EXPECT_EQ(pool->worker_metrics()[0].queue_len, 1U);
    context.reset();
    pool.reset();
    handles.clear();
    EXPECT_FALSE(outcome.pending());
    EXPECT_EQ(tracer.use_count(), 1) << "the worker and its handler are still there";
}

TEST_F(Lifetime, HandlesOutliveTheContextAndThePool) {
    make_pool(2, [](int value) -> net::awaitable<int> {
        if (value == 0) {
            throw std::runtime_error{"on purpose"};
        }
        co_return value;
    });
    Outcome<int> outcome;
    pool->submit(std::nullopt, 0, outcome.handler());
    poll();
    pool.reset();
    context.reset();
    EXPECT_EQ(handles[0].errors() + handles[1].errors(), 1U);
    EXPECT_EQ(handles[1].id(), 1U);
    EXPECT_EQ(handles[0].capacity(), dispatch::max_worker_queue_capacity);
    EXPECT_EQ(handles[0].metrics().worker_id, 0U);
    EXPECT_EQ(handles[0].queue_len() + handles[0].inflight() + handles[0].load(), 0U);
}

// ---------------------------------------------------------------------------------------------------
// Handles without a pool.

TEST(LifetimeOfHandles, DroppedWithoutAPoolTheirWorkersEnd) {
    const auto witness = std::make_shared<int>(0);
    net::io_context context;
    for (const bool polled : {false, true}) {
        std::vector<Handle> handles = dispatch::spawn_workers<int, int>(
            context.get_executor(), 3, [witness](int value) -> net::awaitable<int> { co_return value; });
        if (polled) {
            test::poll(context);
        }
        EXPECT_FALSE(test::has_work(context)) << "idle workers keep run() from returning";
        const Handle last = handles[1];
        handles.clear();
        test::poll(context);
        EXPECT_EQ(witness.use_count(), 2) << "a handle keeps its worker, and no other";
    }
    test::poll(context);
    EXPECT_EQ(witness.use_count(), 1) << "the workers have ended, and their handlers with them";
}

TEST(LifetimeOfHandles, OfAPoolThatIsGoneItsWorkersEnd) {
    const auto witness = std::make_shared<int>(0);
    net::io_context context;
    std::vector<Handle> handles = dispatch::spawn_workers<int, int>(
        context.get_executor(), 3, [witness](int value) -> net::awaitable<int> { co_return value; });
    {
        Pool pool{handles};
        Outcome<int> outcome;
        pool.submit(std::nullopt, 1, outcome.handler());
        test::poll(context);
        EXPECT_TRUE(outcome.returned(1));
    }
    handles.clear();
    test::poll(context);
    EXPECT_EQ(witness.use_count(), 1);
}

TEST(LifetimeOfHandles, DroppedOnAThreadPool) {
    net::thread_pool threads{2};
    const auto witness = std::make_shared<int>(0);
    for (int round = 0; round != 100; ++round) {
        static_cast<void>(dispatch::spawn_workers<int, int>(
            threads.get_executor(), 2, [witness](int value) -> net::awaitable<int> { co_return value; }));
    }
    threads.join();
    EXPECT_EQ(witness.use_count(), 1);
}

// ---------------------------------------------------------------------------------------------------
// Moving.

TEST_F(Lifetime, AMovedPoolGoesOn) {
    make_gated_pool();
    Outcome<int> before;
    Outcome<int> after;
    pool->submit(std::nullopt, 1, before.handler());
    poll();
    auto deferred = pool->submit(std::nullopt, 3, test::deferred);
    Pool moved{std::move(*pool)};
    pool.reset();
    moved.submit(std::nullopt, 2, after.handler());
    Outcome<int> lazy;
    std::move(deferred)(lazy.handler());
    gate.open();
    poll();
    EXPECT_TRUE(before.returned(1));
    EXPECT_TRUE(after.returned(2));
    EXPECT_TRUE(lazy.returned(3));
    EXPECT_EQ(moved.ledger().completed, 3U);
    test::expect_idle(moved);
}

TEST_F(Lifetime, MoveAssignmentStopsTheTarget) {
    make_gated_pool();
    Outcome<int> old_running;
    Outcome<int> old_queued;
    pool->submit(std::nullopt, 1, old_running.handler());
    pool->submit(std::nullopt, 1, old_queued.handler());
    poll();
    Pool other{dispatch::spawn_workers<int, int>(context->get_executor(), 3,
                                                 [](int value) -> net::awaitable<int> { co_return value + 100; })};
    *pool = std::move(other);
    EXPECT_EQ(pool->size(), 3U);
    Outcome<int> fresh;
    pool->submit(std::nullopt, 1, fresh.handler());
    poll();
    EXPECT_TRUE(old_running.heard(test::aborted()));
    EXPECT_TRUE(old_queued.heard(errc::stopped));
    EXPECT_TRUE(fresh.returned(101));

    Pool& same = *pool;
    *pool = std::move(same);
    Outcome<int> still;
    pool->submit(std::nullopt, 2, still.handler());
    poll();
    EXPECT_TRUE(still.returned(102)) << "self-assignment";
}

// ---------------------------------------------------------------------------------------------------
// Drain.

/// What became of one drain.
struct Drained {
    int calls = 0;
    std::exception_ptr error;
    Ledger ledger;
    auto handler() {
        return [this](std::exception_ptr e, Ledger l) {
            ++calls;
            error = std::move(e);
            ledger = l;
        };
    }
};

TEST_F(Lifetime, DrainFinishesWhatWasAccepted) {
    make_gated_pool();
    Outcome<int> accepted[4];
    for (int i = 0; i != 4; ++i) {
        pool->submit(std::nullopt, i, accepted[i].handler());
    }
    Drained drained;
    pool->drain(drained.handler());
    Outcome<int> late;
    pool->submit(std::nullopt, 9, late.handler());
    poll();
    EXPECT_EQ(drained.calls, 0);
    EXPECT_TRUE(late.heard(errc::stopped));
    EXPECT_EQ(row().waiting, 2U) << "those who wait for a place have been accepted";
    gate.open();
    poll();
    EXPECT_EQ(drained.calls, 1);
    EXPECT_FALSE(drained.error);
    EXPECT_EQ(drained.ledger, (Ledger{.submitted = 5, .completed = 4, .stopped = 1}));
    for (int i = 0; i != 4; ++i) {
        EXPECT_TRUE(accepted[i].returned(i));
    }
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(Lifetime, DrainOfAnIdlePool) {
    make_gated_pool();
    Drained drained;
    pool->drain(drained.handler());
    EXPECT_EQ(drained.calls, 0) << "completed within the initiating function";
    poll();
    EXPECT_EQ(drained.calls, 1);
    EXPECT_FALSE(drained.error);
    EXPECT_EQ(drained.ledger, Ledger{});
}

TEST_F(Lifetime, DrainTwiceAtATimeAndOnceMore) {
    make_gated_pool();
    Outcome<int> outcome;
    pool->submit(std::nullopt, 1, outcome.handler());
    Drained drained[3];
    pool->drain(drained[0].handler());
    pool->drain(net::bind_executor(home, drained[1].handler()));
    poll();
    EXPECT_EQ(drained[0].calls, 0);
    EXPECT_TRUE(test::has_work(home)) << "its run() would return before the completion";
    gate.open();
    poll();
    test::poll(home);
    pool->drain(drained[2].handler());
    poll();
    for (const Drained& one : drained) {
        EXPECT_EQ(one.calls, 1);
        EXPECT_EQ(one.ledger, (Ledger{.submitted = 1, .completed = 1}));
    }
}

TEST_F(Lifetime, DrainThenStop) {
    make_gated_pool();
    Outcome<int> outcomes[3];
    for (Outcome<int>& outcome : outcomes) {
        pool->submit(std::nullopt, 1, outcome.handler());
    }
    Drained drained;
    pool->drain(drained.handler());
    poll();
    EXPECT_EQ(drained.calls, 0);
    pool->stop();
    poll();
    EXPECT_EQ(drained.calls, 1);
    EXPECT_FALSE(drained.error);
    EXPECT_EQ(drained.ledger, (Ledger{.submitted = 3, .stopped = 3}));
}

TEST_F(Lifetime, StopThenDrain) {
    make_pool(1, [this](int value) -> net::awaitable<int> {
        co_await gate.pass_stubbornly();
        co_return value;
    });
    Outcome<int> outcome;
    pool->submit(std::nullopt, 1, outcome.handler());
    poll();
    pool->stop();
    Drained drained;
    pool->drain(drained.handler());
    poll();
    EXPECT_EQ(drained.calls, 0) << "the handler has not ended";
    gate.open();
    poll();
    EXPECT_EQ(drained.calls, 1);
    EXPECT_EQ(drained.ledger, (Ledger{.submitted = 1, .completed = 1}));
}

TEST_F(Lifetime, DrainAndThePoolIsDestroyed) {
    make_gated_pool();
    Outcome<int> outcome;
    pool->submit(std::nullopt, 1, outcome.handler());
    poll();
    Drained drained;
    pool->drain(drained.handler());
    pool.reset();
    handles.clear();
    poll();
    EXPECT_EQ(drained.calls, 1);
    EXPECT_FALSE(drained.error);
    EXPECT_EQ(drained.ledger, (Ledger{.submitted = 1, .stopped = 1}));
}

TEST_F(Lifetime, ADrainThatIsCancelledLeavesThePoolClosed) {
    for (const net::cancellation_type type :
         {net::cancellation_type::total, net::cancellation_type::partial, net::cancellation_type::terminal}) {
        make_gated_pool();
        Outcome<int> accepted;
        pool->submit(std::nullopt, 1, accepted.handler());
        Drained cancelled;
        Drained patient;
        net::cancellation_signal signal;
        pool->drain(net::bind_cancellation_slot(signal.slot(), cancelled.handler()));
        pool->drain(patient.handler());
        poll();
        signal.emit(net::cancellation_type::none);
        poll();
        EXPECT_EQ(cancelled.calls, 0);
        signal.emit(type);
        signal.emit(type);
        EXPECT_EQ(cancelled.calls, 0) << "completed within emit()";
        poll();
        EXPECT_EQ(cancelled.calls, 1);
        EXPECT_EQ(test::code_of(cancelled.error), test::aborted());
        EXPECT_EQ(patient.calls, 0);
        EXPECT_EQ(accepted.calls(), 0) << "the job is none of its business";
        signal.emit(type);
        Outcome<int> late;
        pool->submit(std::nullopt, 1, late.handler());
        poll();
        EXPECT_TRUE(late.heard(errc::stopped));
        pool->stop();
        poll();
        EXPECT_EQ(cancelled.calls, 1);
        EXPECT_EQ(patient.calls, 1);
        signal.emit(type);
    }
}

TEST_F(Lifetime, AHandlerStartsADrain) {
    Drained drained;
    make_pool(1, [&](int value) -> net::awaitable<int> {
        pool->drain(drained.handler());
        co_return value;
    });
    Outcome<int> outcomes[2];
    pool->submit(std::nullopt, 0, outcomes[0].handler());
    pool->submit(std::nullopt, 1, outcomes[1].handler());
    poll();
    EXPECT_TRUE(outcomes[0].returned(0));
    EXPECT_TRUE(outcomes[1].returned(1)) << "it was accepted before";
    EXPECT_EQ(drained.ledger, (Ledger{.submitted = 2, .completed = 2}));
}

TEST(LifetimeRace, DrainStopAndSubmitOnManyThreads) {
    for (int round = 0; round != 200; ++round) {
        net::thread_pool threads{2};
        Pool pool{dispatch::spawn_workers<int, int>(
            threads.get_executor(), 2, [](int value) -> net::awaitable<int> { co_return value; }, narrow)};
        std::latch start{3};
        constexpr int jobs = 50;
        std::atomic<int> answered{0};
        std::thread submitter{[&] {
            start.arrive_and_wait();
            for (int i = 0; i != jobs; ++i) {
                pool.submit(std::nullopt, i, [&](std::exception_ptr, int) { ++answered; });
            }
        }};
        std::thread stopper{[&] {
            start.arrive_and_wait();
            if (round % 2 == 0) {
                pool.stop();
            }
        }};
        start.arrive_and_wait();
        const Ledger first = pool.drain(net::use_future).get();
        EXPECT_EQ(first.submitted, test::endings(first));
        submitter.join();
        stopper.join();
        const Ledger last = pool.drain(net::use_future).get();
        EXPECT_EQ(last.submitted, static_cast<std::uint64_t>(jobs));
        EXPECT_EQ(test::endings(last), static_cast<std::uint64_t>(jobs));
        threads.join();
        EXPECT_EQ(answered, jobs);
        test::expect_idle(pool);
    }
}

TEST(LifetimeRace, ThePoolIsDestroyedWhileItsThreadsWork) {
    for (int round = 0; round != 300; ++round) {
        net::thread_pool threads{2};
        std::atomic<int> answered{0};
        constexpr int jobs = 40;
        {
            Pool pool{dispatch::spawn_workers<int, int>(threads.get_executor(), 2,
                                                        [](int value) -> net::awaitable<int> {
                                                            const net::any_io_executor executor =
                                                                co_await net::this_coro::executor;
                                                            co_await net::post(executor, net::use_awaitable);
                                                            co_return value;
                                                        },
                                                        {.max_concurrency = 2, .queue_capacity = 4})};
            for (int i = 0; i != jobs; ++i) {
                pool.submit("session", i, [&](std::exception_ptr, int) { ++answered; });
            }
        }
        threads.join();
        ASSERT_EQ(answered, jobs);
    }
}

TEST(LifetimeRace, TheContextIsDestroyedWhileItsThreadsWork) {
    for (int round = 0; round != 300; ++round) {
        std::optional<net::thread_pool> threads{2};
        Pool pool{dispatch::spawn_workers<int, int>(threads->get_executor(), 2,
                                                    [](int value) -> net::awaitable<int> {
                                                        const net::any_io_executor executor =
                                                            co_await net::this_coro::executor;
                                                        co_await net::post(executor, net::use_awaitable);
                                                        co_return value;
                                                    },
                                                    {.max_concurrency = 2, .queue_capacity = 4})};
        const auto witness = std::make_shared<int>(0);
        for (int i = 0; i != 40; ++i) {
            dispatch::SubmitOptions options;
            options.session = "session";
            if (i % 2 == 0) {
                options.deadline = std::chrono::steady_clock::now() + std::chrono::microseconds{i * 10};
            }
            pool.submit(options, i, [witness](std::exception_ptr, int) {});
        }
        threads.reset();
        EXPECT_EQ(witness.use_count(), 1) << "a completion handler was leaked";
        for (const dispatch::WorkerMetrics& row : pool.worker_metrics()) {
            EXPECT_EQ(row.inflight + row.queue_len + row.waiting, 0U);
        }
    }
}

// ---------------------------------------------------------------------------------------------------
// Work, and its absence.

TEST_F(Lifetime, AnIdlePoolLetsTheContextRunOut) {
    make_pool(4, [](int value) -> net::awaitable<int> { co_return value; });
    EXPECT_FALSE(test::has_work(*context)) << "before its first job";
    for (int round = 0; round != 3; ++round) {
        Outcome<int> outcomes[20];
        for (Outcome<int>& outcome : outcomes) {
            pool->submit("session", round, outcome.handler());
        }
        context->restart();
        context->run();
        for (const Outcome<int>& outcome : outcomes) {
            EXPECT_TRUE(outcome.returned(round));
        }
    }
}

TEST_F(Lifetime, AnIdlePoolLetsAThreadPoolBeJoined) {
    net::thread_pool threads{2};
    Pool idle{dispatch::spawn_workers<int, int>(threads.get_executor(), 4,
                                                [](int value) -> net::awaitable<int> { co_return value; })};
    EXPECT_EQ(idle.submit(std::nullopt, 1, net::use_future).get(), 1);
    threads.join();
    test::expect_idle(idle);
}

TEST_F(Lifetime, JoinWaitsForTheJobs) {
    net::thread_pool threads{2};
    Pool busy{dispatch::spawn_workers<int, int>(
        threads.get_executor(), 2,
        [](int value) -> net::awaitable<int> {
            net::steady_timer timer{co_await net::this_coro::executor, 1ms};
            co_await timer.async_wait(net::use_awaitable);
            co_return value;
        },
        narrow)};
    std::atomic<int> answered{0};
    for (int i = 0; i != 10; ++i) {
        busy.submit(std::nullopt, i, [&](std::exception_ptr error, int) { answered += error ? 0 : 1; });
    }
    threads.join();
    EXPECT_EQ(answered, 10);
}

TEST_F(Lifetime, AHandlerThatWaitsForAnotherContextKeepsItsOwnRunning) {
    net::io_context elsewhere;
    net::steady_timer timer{elsewhere, std::chrono::steady_clock::time_point::max()};
    make_pool(
        1,
        [&](int value) -> net::awaitable<int> {
            test::net_error error;
            co_await timer.async_wait(net::redirect_error(net::use_awaitable, error));
            co_return value;
        },
        narrow);
    Outcome<int> outcomes[3];
    for (int i = 0; i != 3; ++i) {
        pool->submit(std::nullopt, i, outcomes[i].handler());
        EXPECT_TRUE(test::has_work(*context)) << "run() would return with jobs unanswered";
    }
    for (int i = 0; i != 3; ++i) {
        timer.cancel();
        test::poll(elsewhere);
        EXPECT_EQ(test::has_work(*context), i != 2);
        EXPECT_TRUE(outcomes[i].returned(i));
    }
}

TEST_F(Lifetime, RunReturnsAfterAJobThatWaitedForAnotherContext) {
    net::thread_pool elsewhere{1};
    make_pool(2, [&](int value) -> net::awaitable<int> {
        co_await net::post(elsewhere, net::use_awaitable);
        co_return value;
    });
    Outcome<int> outcomes[50];
    for (int i = 0; i != 50; ++i) {
        pool->submit(std::nullopt, i, outcomes[i].handler());
    }
    context->run();
    for (int i = 0; i != 50; ++i) {
        EXPECT_TRUE(outcomes[i].returned(i));
    }
}

}  // namespace
