// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>
#include <dispatch/simulation.hpp>

#include "../support/asio.hpp"

namespace simulation_test {

namespace net = dispatch::net;
namespace simulation = dispatch::simulation;
using namespace std::chrono_literals;
using dispatch::errc;
using dispatch::detail::net_error;
using simulation::Context;
using simulation::Executor;
using simulation::Timer;

template <typename R, typename S, typename Policy = dispatch::LeastLoaded>
using Pool = dispatch::WorkerPool<R, S, Policy, Executor>;

net::awaitable<void> sleep(std::chrono::nanoseconds time) {
    Timer timer{co_await net::this_coro::executor, time};
    co_await timer.async_wait(net::use_awaitable);
}

net::awaitable<int> take_a_second(int x) {
    co_await sleep(1s);
    co_return x;
}

auto workers(Context& context, std::size_t n, auto handler, dispatch::WorkerOptions options = {}) {
    return dispatch::spawn_workers<int, int, Executor>(context.get_executor(), n, handler, options);
}

constexpr dispatch::WorkerOptions one_at_a_time{.max_concurrency = 1};

std::string message_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& thrown) {
        return thrown.what();
    }
}

// Pools

TEST(Simulation, TimeIsExact) {
    Context context;
    Pool<int, int> pool{workers(context, 1, take_a_second, one_at_a_time)};
    int sum = 0;
    for (int i = 0; i != 1'000; ++i) {
        pool.submit(std::nullopt, 1, [&](const std::exception_ptr& /*error*/, int x) { sum += x; });
    }
    context.run();
    EXPECT_EQ(sum, 1'000);
    EXPECT_EQ(context.elapsed(), 1'000s);
    EXPECT_EQ(context.what_is_left(), "");
    EXPECT_EQ(context.outstanding_work(), 0U);
}

TEST(Simulation, HoursOfManyJobsTakeNoTime) {
    Context context;
    Pool<int, int> pool{workers(context, 100, [](int x) -> net::awaitable<int> {
        co_await sleep(1h);
        co_return x;
    })};
    std::size_t completed = 0;
    constexpr std::size_t jobs = 100 * dispatch::max_concurrency_per_worker;
    for (std::size_t i = 0; i != jobs; ++i) {
        pool.submit(std::nullopt, 1, [&](const std::exception_ptr& /*error*/, int /*x*/) { ++completed; });
    }
    context.run();
    EXPECT_EQ(completed, jobs);
    EXPECT_EQ(context.elapsed(), 1h);
}

TEST(Simulation, DeadlinesAreVirtualAndOnTime) {
    Context context;
    Pool<int, int> pool{workers(
        context, 1,
        [](int x) -> net::awaitable<int> {
            co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
            co_await sleep(100s);
            co_return x;
        },
        one_at_a_time)};
    std::map<int, std::pair<std::chrono::nanoseconds, std::string>> heard;
    const auto submit = [&](int number, std::chrono::seconds deadline) {
        pool.submit({.deadline = context.now() + deadline}, number,
                    [&, number](const std::exception_ptr& error, int /*x*/) {
                        heard[number] = {context.elapsed(), error ? message_of(error) : ""};
                    });
    };
    submit(1, 50s);   // while it runs
    submit(2, 60s);   // while it is queued
    submit(3, 300s);  // never
    context.run();
    const std::string late = make_error_code(errc::deadline_exceeded).message();
    EXPECT_EQ(heard[1], std::pair(std::chrono::nanoseconds{50s}, late));
    EXPECT_EQ(heard[2], std::pair(std::chrono::nanoseconds{60s}, late));
    EXPECT_EQ(heard[3], std::pair(std::chrono::nanoseconds{200s}, std::string{}));
}

/// Notes how long jobs were queued and ran.
struct Stopwatch {
    struct Times {
        std::vector<std::chrono::nanoseconds> queued;
        std::vector<std::chrono::nanoseconds> ran;
    };
    std::shared_ptr<Times> times = std::make_shared<Times>();

    void routed(const dispatch::RoutedEvent& /*event*/) noexcept {}
    void started(const dispatch::StartedEvent& event) noexcept { times->queued.push_back(event.queued); }
    void finished(const dispatch::FinishedEvent& event) noexcept { times->ran.push_back(event.ran); }
    void dropped(const dispatch::DroppedEvent& /*event*/) noexcept {}
};

TEST(Simulation, WhatObserversAndHandlersSeeIsVirtual) {
    Context context;
    const Stopwatch stopwatch;
    std::vector<std::chrono::nanoseconds> queued_for;
    Pool<int, int> pool{dispatch::spawn_workers<int, int, Executor>(
        context.get_executor(), 1,
        [&](int x, dispatch::JobContext& job) -> net::awaitable<int> {
            queued_for.push_back(job.queued_for());
            co_await sleep(100s);
            co_return x;
        },
        one_at_a_time, stopwatch)};
    for (int i = 0; i != 3; ++i) {
        pool.submit(std::nullopt, i, [](const std::exception_ptr& /*error*/, int /*x*/) {});
    }
    context.run();
    using Times = std::vector<std::chrono::nanoseconds>;
    EXPECT_EQ(queued_for, (Times{0s, 100s, 200s}));
    EXPECT_EQ(stopwatch.times->queued, queued_for);
    EXPECT_EQ(stopwatch.times->ran, (Times{100s, 100s, 100s}));
}

TEST(Simulation, PinsExpireInVirtualTime) {
    Context context;
    Pool<int, int> pool{workers(context, 4, [](int x) { return x; }), {.affinity_ttl = 24h}};
    const auto sessions = [&] {
        std::size_t sum = 0;
        for (const dispatch::WorkerMetrics& row : pool.worker_metrics()) {
            sum += row.sessions;
        }
        return sum;
    };
    const auto submit = [&](const std::string& session) {
        pool.submit(session, 1, [](const std::exception_ptr& /*error*/, int /*x*/) {});
        context.run();
    };
    submit("a");
    context.advance(24h - 1ns);
    submit("b");
    EXPECT_EQ(sessions(), 2U);
    context.advance(1ns);
    for (int i = 0; i != 64; ++i) {
        submit("c");  // looks after one part of the map each time
    }
    EXPECT_EQ(sessions(), 2U) << "b and c";
}

// Order

/// In which order jobs of three workers start and end.
std::vector<std::string> story(std::uint64_t seed) {
    std::vector<std::string> words;
    Context context{seed};
    Pool<int, int> pool{dispatch::spawn_workers<int, int, Executor>(
                            context.get_executor(), 3,
                            [&](int x, dispatch::JobContext& job) -> net::awaitable<int> {
                                words.push_back(std::to_string(job.worker_id()) + " starts " + std::to_string(x));
                                co_await sleep(1s);
                                co_return x;
                            }),
                        // Which session makes room is for the map's hash to say, of those that expire together.
                        {.affinity_ttl = 1h, .max_sessions = 3}};
    for (int i = 0; i != 12; ++i) {
        pool.submit("session " + std::to_string(i % 5), i, [&, i](const std::exception_ptr& /*error*/, int /*x*/) {
            words.push_back(std::to_string(i) + " ends");
        });
    }
    context.run();
    return words;
}

TEST(Simulation, TheSameSeedRepeatsExactly) {
    std::set<std::vector<std::string>> stories;
    std::set<std::string> first_to_start;
    for (std::uint64_t seed = 0; seed != 30; ++seed) {
        const std::vector<std::string> once = story(seed);
        EXPECT_EQ(story(seed), once) << seed;
        stories.insert(once);
        first_to_start.insert(once.front().substr(0, 1));
    }
    EXPECT_GT(stories.size(), 20U);
    EXPECT_EQ(first_to_start.size(), 3U) << "workers that are ready at the same time come in any order";
}

/// Two workers that share a counter, and let others come between reading it and writing it.
void lose_an_update(Context& context) {
    int counter = 0;
    Pool<int, int> pool{workers(context, 2, [&](int x) -> net::awaitable<int> {
        const int read = counter;
        if (x == 1) {
            co_await net::post(net::use_awaitable);
        }
        counter = read + 1;
        co_return x;
    })};
    for (int i = 0; i != 2; ++i) {
        pool.submit(std::nullopt, i, [](const std::exception_ptr& /*error*/, int /*x*/) {});
    }
    context.run();
    if (counter != 2) {
        throw std::runtime_error{"an update was lost"};
    }
}

TEST(Explore, FindsARaceAndNamesTheSeed) {
    try {
        simulation::explore(1'000, lose_an_update);
        FAIL() << "not found";
    } catch (const simulation::SeedFailed& failed) {
        const std::string seed = std::to_string(failed.seed());
        EXPECT_EQ(
            failed.what(),
            "seed " + seed + " fails: an update was lost. To repeat it: simulation::Context context{" + seed + "}");
        EXPECT_THROW(std::rethrow_if_nested(failed), std::runtime_error);
        Context again{failed.seed()};
        EXPECT_THROW(lose_an_update(again), std::runtime_error);
    }
}

TEST(Explore, TriesEachSeedOnce) {
    std::set<std::uint64_t> seeds;
    simulation::explore(100, [&](Context& context) {
        seeds.insert(context.seed());
        net::post(context.get_executor(), [] {});
        return context.run() == 1;
    });
    EXPECT_EQ(seeds.size(), 100U);
}

TEST(Explore, AProgramMayReturnFalse) {
    try {
        simulation::explore(10, [](Context& context) { return context.run() != 0; });
        FAIL() << "it returns false";
    } catch (const simulation::SeedFailed& failed) {
        EXPECT_EQ(failed.seed(), 0U);
        EXPECT_NE(std::string{failed.what()}.find("returned false"), std::string::npos);
    }
}

TEST(Explore, WhateverIsThrownIsAFailure) {
    EXPECT_THROW(simulation::explore(1, [](Context& /*context*/) { throw 7; }), simulation::SeedFailed);
}

// The context

TEST(SimulationContext, RunsForATimeAndUntilATime) {
    Context context;
    std::vector<int> ran;
    const auto start = context.now();
    Timer one{context, 1s};
    Timer two{context, 2s};
    one.async_wait([&](net_error /*error*/) { ran.push_back(1); });
    two.async_wait([&](net_error /*error*/) { ran.push_back(2); });
    EXPECT_EQ(context.waits(), 2U);
    EXPECT_EQ(context.next_wait(), start + 1s);
    EXPECT_EQ(context.run_for(999ms), 0U);
    EXPECT_EQ(context.now(), start + 999ms);
    EXPECT_EQ(context.run_for(1ms), 1U);
    EXPECT_EQ(ran, (std::vector<int>{1}));
    EXPECT_EQ(context.run_until(start + 10s), 1U);
    EXPECT_EQ(context.now(), start + 10s) << "also past the last timer";
    EXPECT_EQ(ran, (std::vector<int>{1, 2}));
    EXPECT_EQ(context.run(), 0U);
    EXPECT_EQ(context.now(), start + 10s);
}

TEST(SimulationContext, PollLetsNoTimePass) {
    Context context;
    int ran = 0;
    net::post(context.get_executor(), [&] {
        ++ran;
        net::post(context.get_executor(), [&] { ++ran; });
    });
    Timer timer{context, 1s};
    timer.async_wait([&](net_error /*error*/) { ++ran; });
    EXPECT_EQ(context.ready(), 1U);
    EXPECT_TRUE(context.run_one());
    EXPECT_EQ(ran, 1);
    EXPECT_EQ(context.poll(), 1U);
    EXPECT_FALSE(context.run_one());
    EXPECT_EQ(ran, 2);
    EXPECT_EQ(context.elapsed(), 0s);
    context.advance(1s);
    EXPECT_EQ(ran, 2) << "nothing runs meanwhile";
    EXPECT_EQ(context.poll(), 1U);
}

TEST(SimulationContext, AFunctionThatComputesTakesTheTimeThatItSays) {
    Context context;
    Pool<int, int> pool{workers(context, 1, [&](int x) {
        context.advance(3s);
        return x;
    })};
    std::vector<std::chrono::nanoseconds> at;
    for (int i = 0; i != 4; ++i) {
        pool.submit(std::nullopt, i,
                    [&](const std::exception_ptr& /*error*/, int /*x*/) { at.push_back(context.elapsed()); });
    }
    std::chrono::nanoseconds timer_at{};
    Timer timer{context, 1s};
    timer.async_wait([&](net_error /*error*/) { timer_at = context.elapsed(); });
    context.run();
    ASSERT_EQ(at.size(), 4U);
    EXPECT_EQ(at.back(), 12s);
    EXPECT_LE(at.front(), 6s) << "a reply need not wait until the worker has nothing to do";
    EXPECT_LE(timer_at, 6s) << "nor a timer";
}

TEST(SimulationContext, RunForIsOverWhenItsTimeIs) {
    Context context;
    Pool<int, int> pool{workers(context, 1, [&](int x) {
        context.advance(3s);
        return x;
    })};
    int completed = 0;
    for (int i = 0; i != 1'000; ++i) {
        pool.submit(std::nullopt, i, [&](const std::exception_ptr& /*error*/, int /*x*/) { ++completed; });
    }
    context.run_for(10s);
    EXPECT_EQ(context.elapsed(), 12s) << "the job that was running then has ended";
    EXPECT_LE(completed, 4);
    context.run_for(Context::duration::max());
    EXPECT_EQ(completed, 1'000);
}

TEST(SimulationContext, RunsOnlyOnceAtATime) {
    Context context;
    std::string said;
    net::post(context.get_executor(), [&] {
        try {
            context.run();
        } catch (const std::logic_error& error) {
            said = error.what();
        }
    });
    context.run();
    EXPECT_NE(said.find("was called by a function that it runs"), std::string::npos) << said;
    EXPECT_EQ(context.run(), 0U);
}

TEST(SimulationContext, WorkersOfAnotherExecutorTypeAreRefused) {
    Context context;
    const auto handler = [](int x) { return x; };
    const auto expect_refusal = [](auto&& spawn) {
        try {
            spawn();
            FAIL() << "no exception";
        } catch (const std::invalid_argument& error) {
            EXPECT_NE(std::string{error.what()}.find("spawn_workers<R, S, simulation::Executor>"), std::string::npos);
        }
    };
    expect_refusal([&] { dispatch::spawn_workers<int, int>(context.get_executor(), 1, handler); });
    expect_refusal([&] { dispatch::spawn_workers(context.get_executor(), 1, handler); });
    expect_refusal([&] {
        dispatch::spawn_workers<int, int, net::strand<Executor>>(net::make_strand(context.get_executor()), 1, handler);
    });
}

TEST(SimulationContext, GoesWithTimersThatOwnThoseWhoWait) {
    for (const int waits : {1, 2, 3}) {
        std::optional<Context> context{std::in_place};
        {
            const auto timer = std::make_shared<Timer>(*context, 1h);
            for (int i = 0; i != waits; ++i) {
                timer->async_wait([timer](net_error /*error*/) {});
            }
        }
        context.reset();
        context.emplace();
        Pool<int, int> pool{workers(*context, 1, [](int x) -> net::awaitable<int> {
            const net::any_io_executor executor = co_await net::this_coro::executor;
            Timer watchdog{executor, 30s};
            watchdog.async_wait([](net_error /*error*/) {});
            Timer latency{executor, 1s};
            co_await latency.async_wait(net::use_awaitable);
            co_return x;
        })};
        for (int i = 0; i != waits; ++i) {
            pool.submit(std::nullopt, i, [](const std::exception_ptr& /*error*/, int /*x*/) {});
        }
        context->run_for(500ms);
        context.reset();
    }
}

TEST(SimulationContext, DestroysWithoutRunning) {
    bool ran = false;
    {
        Context context{7U};
        struct Dispatches {
            explicit Dispatches(Context& of, bool& flag) : context{&of}, ran_flag{&flag} {}
            Dispatches(Dispatches&& other) noexcept
                : context{std::exchange(other.context, nullptr)}, ran_flag{other.ran_flag} {}
            Dispatches& operator=(Dispatches&&) = delete;
            ~Dispatches() {
                if (context != nullptr) {
                    net::dispatch(context->get_executor(), [flag = ran_flag] { *flag = true; });
                }
            }
            Context* context;
            bool* ran_flag;
        };
        net::post(context.get_executor(), [dispatches = Dispatches{context, ran}] {});
    }
    EXPECT_FALSE(ran);
}

TEST(SimulationContext, WhatIsLeftIsThatOfAllContexts) {
    Context home;
    Context away{simulation::beside, home};
    const auto guard = net::make_work_guard(away.get_executor());
    home.run();
    EXPECT_NE(home.what_is_left().find("work guard"), std::string::npos) << home.what_is_left();
    EXPECT_EQ(home.outstanding_work(), 0U);
}

TEST(SimulationContext, RunsWhatAnotherThreadPosts) {
    Context context;
    int ran = 0;
    std::thread other{[&] {
        for (int i = 0; i != 100; ++i) {
            net::post(context.get_executor(), [&] { ++ran; });
        }
    }};
    while (ran != 100) {
        context.run();
        std::this_thread::yield();
    }
    other.join();
}

TEST(SimulationContext, GoesOnAfterAnException) {
    Context context;
    int ran = 0;
    net::post(context.get_executor(), [] { throw std::runtime_error{"mine"}; });
    net::post(context.get_executor(), [&] { ++ran; });
    EXPECT_THROW(context.run(), std::runtime_error);
    EXPECT_EQ(Context::running(), nullptr);
    EXPECT_EQ(context.run(), 1U);
    EXPECT_EQ(ran, 1);
}

TEST(SimulationContext, ContextsBesideEachOtherShareTheTime) {
    std::optional<Context> home{std::in_place, 3U};
    std::optional<Context> away{std::in_place, simulation::beside, *home};
    std::vector<const Context*> ran_on;
    Timer timer{*away, 5s};
    timer.async_wait([&](net_error /*error*/) { ran_on.push_back(Context::running()); });
    net::post(home->get_executor(), [&] { ran_on.push_back(Context::running()); });
    home->run();
    EXPECT_EQ(ran_on, (std::vector<const Context*>{&*home, &*away}));
    EXPECT_EQ(home->now(), away->now());
    net::post(home->get_executor(), [&] { ran_on.clear(); });
    net::post(away->get_executor(), [&] { ran_on.push_back(nullptr); });
    home.reset();
    EXPECT_EQ(away->run(), 1U) << "what was on the other goes with it";
    EXPECT_EQ(ran_on.size(), 3U);
}

TEST(SimulationContext, DispatchRunsAtOnceWithinAndPostNever) {
    std::set<std::string> orders;
    for (std::uint64_t seed = 0; seed != 20; ++seed) {
        Context context{seed};
        std::string order;
        net::dispatch(context.get_executor(), [&] {
            net::post(context.get_executor(), [&] { order += 'c'; });
            net::dispatch(context.get_executor(), [&] { order += 'a'; });
            order += 'b';
        });
        EXPECT_EQ(order, "") << "not outside of run()";
        context.run();
        if (seed == 0) {
            EXPECT_EQ(order, "abc");
        } else {
            EXPECT_NE(order.front(), 'c');
        }
        orders.insert(order);
    }
    EXPECT_TRUE(orders.contains("abc")) << "at once";
    EXPECT_TRUE(orders.contains("bac") || orders.contains("bca")) << "later";
}

TEST(SimulationContext, WhatIsLeftNamesARealTimer) {
    Context context;
    Pool<int, int> pool{workers(context, 1, [](int x) -> net::awaitable<int> {
        net::steady_timer timer{co_await net::this_coro::executor, 1h};
        co_await timer.async_wait(net::use_awaitable);
        co_return x;
    })};
    bool completed = false;
    pool.submit(std::nullopt, 1, [&](const std::exception_ptr& /*error*/, int /*x*/) { completed = true; });
    context.run();
    EXPECT_FALSE(completed);
    EXPECT_GT(context.outstanding_work(), 0U);
    EXPECT_NE(context.what_is_left().find("use simulation::Timer"), std::string::npos) << context.what_is_left();
}

TEST(SimulationContext, WhatIsLeftCountsWhatHasNotRun) {
    Context context;
    net::post(context.get_executor(), [] {});
    Timer timer{context, 1s};
    timer.async_wait([](net_error /*error*/) {});
    timer.async_wait([](net_error /*error*/) {});
    EXPECT_EQ(context.what_is_left(), "1 function is ready; 2 timers are waited for");
    context.run();
    EXPECT_EQ(context.what_is_left(), "");
}

TEST(SimulationContext, TheClockIsThatOfWhatRuns) {
    Context context;
    context.advance(5s);
    std::optional<simulation::Clock::time_point> seen;
    net::post(context.get_executor(), [&] { seen = simulation::Clock::now(); });
    context.run();
    EXPECT_EQ(seen, context.now());
    EXPECT_THROW(static_cast<void>(simulation::Clock::now()), std::logic_error);
}

TEST(SimulationContext, MayGoFirstOrLast) {
    for (const bool context_first : {false, true}) {
        for (const std::chrono::seconds after : {0s, 1s, 10s}) {
            std::optional<Context> context{std::in_place, 5U};
            std::optional<Pool<int, int>> pool{workers(*context, 2, take_a_second, one_at_a_time)};
            int heard = 0;
            for (int i = 0; i != 8; ++i) {
                pool->submit({.deadline = context->now() + 2s}, i,
                             [&](const std::exception_ptr& /*error*/, int /*x*/) { ++heard; });
            }
            context->run_for(after);
            if (context_first) {
                const int before = heard;
                context.reset();
                pool.reset();
                EXPECT_EQ(heard, before) << "nobody is told any more";
            } else {
                pool.reset();
                context->run();
                EXPECT_EQ(heard, 8);
                EXPECT_EQ(context->what_is_left(), "");
            }
        }
    }
}

TEST(SimulationContext, ExecutorsCompareAndTrackWork) {
    Context context;
    Context other;
    const Executor executor = context.get_executor();
    EXPECT_EQ(executor, context.get_executor());
    EXPECT_NE(executor, other.get_executor());
    {
        const auto guard = net::make_work_guard(executor);
        EXPECT_EQ(context.outstanding_work(), 1U);
        const auto copy = guard;
        EXPECT_EQ(context.outstanding_work(), 2U);
    }
    EXPECT_EQ(context.outstanding_work(), 0U);
    EXPECT_NE(net::require(executor, net::execution::blocking.never), executor);
}

// Timers

TEST(SimulationTimer, CancelsThoseWhoWait) {
    Context context;
    std::vector<std::string> heard;
    Timer timer{context, 1s};
    const auto wait = [&](const std::string& name) {
        timer.async_wait([&, name](net_error error) { heard.push_back(name + (error ? " cancelled" : "")); });
    };
    wait("a");
    wait("b");
    wait("c");
    EXPECT_EQ(timer.cancel_one(), 1U);
    EXPECT_TRUE(heard.empty()) << "not from within";
    context.poll();
    EXPECT_EQ(heard, (std::vector<std::string>{"a cancelled"}));
    EXPECT_EQ(timer.expires_after(5s), 2U);
    EXPECT_EQ(timer.expiry(), context.now() + 5s);
    wait("d");
    context.run();
    EXPECT_EQ(heard, (std::vector<std::string>{"a cancelled", "b cancelled", "c cancelled", "d"}));
    EXPECT_EQ(context.elapsed(), 5s);
    EXPECT_EQ(timer.cancel(), 0U);
    EXPECT_EQ(timer.cancel_one(), 0U);
}

TEST(SimulationTimer, IsMovedWithThoseWhoWaitAndCancelledWhenItGoes) {
    Context context;
    int ended = 0;
    int cancelled = 0;
    const auto handler = [&](net_error error) { ++(error ? cancelled : ended); };
    {
        Timer first{context, 1s};
        first.async_wait(handler);
        Timer second{std::move(first)};
        Timer third{context, 2s};
        third.async_wait(handler);
        third = std::move(second);
        context.poll();
        EXPECT_EQ(cancelled, 1) << "the third's own";
        context.run();
        EXPECT_EQ(ended, 1);
        third.expires_after(1s);
        third.async_wait(handler);
    }
    context.run();
    EXPECT_EQ(cancelled, 2);
    EXPECT_EQ(context.elapsed(), 1s);
}

TEST(SimulationTimer, ASignalCancelsOneWait) {
    Context context;
    std::vector<bool> heard;
    net::cancellation_signal signal;
    Timer timer{context, 1s};
    timer.async_wait(net::bind_cancellation_slot(signal.slot(), [&](net_error error) { heard.push_back(!error); }));
    timer.async_wait([&](net_error error) { heard.push_back(!error); });
    signal.emit(net::cancellation_type::total);
    signal.emit(net::cancellation_type::total);
    context.run();
    EXPECT_EQ(heard, (std::vector<bool>{false, true}));
}

TEST(SimulationTimer, MayHaveManyWaits) {
    Context context;
    constexpr int waits = 20'000;
    int ended = 0;
    Timer timer{context, 1h};
    for (const bool cancels : {false, true}) {
        timer.expires_after(1h);
        for (int i = 0; i != waits; ++i) {
            timer.async_wait([&](net_error error) { ended += !error == !cancels ? 1 : 0; });
        }
        if (cancels) {
            EXPECT_EQ(timer.cancel(), static_cast<std::size_t>(waits));
        }
        context.run();
    }
    EXPECT_EQ(ended, 2 * waits);
}

TEST(SimulationTimer, NeverEndsAtTheEndOfTime) {
    Context context;
    bool ended = false;
    Timer timer{context, Timer::duration::max()};
    timer.async_wait([&](net_error /*error*/) { ended = true; });
    context.run();
    context.run_until(Context::time_point::max());
    EXPECT_FALSE(ended);
    EXPECT_EQ(context.elapsed(), 0s) << "there is no end of time to wait for";
    EXPECT_EQ(context.what_is_left(), "1 timer that never ends is waited for");
}

TEST(SimulationTimer, WorksFromExecutorsOfAnyType) {
    Context context;
    int ended = 0;
    const auto wait = [&](const auto& executor) {
        auto timer = std::make_shared<Timer>(executor, 1s);
        timer->async_wait([&, timer](net_error /*error*/) { ++ended; });
    };
    wait(context.get_executor());
    wait(net::any_io_executor{context.get_executor()});
    const auto strand = net::make_strand(context);
    wait(strand);
    Pool<int, int> pool{dispatch::spawn_workers<int, int, Executor>(
        context.get_executor(), 1, [](int x) -> net::awaitable<int, dispatch::WorkerExecutor<Executor>> {
            Timer timer{co_await net::this_coro::executor, 1s};
            co_await timer.async_wait(net::use_awaitable_t<dispatch::WorkerExecutor<Executor>>{});
            co_return x;
        })};
    pool.submit(std::nullopt, 1, [&](const std::exception_ptr& error, int /*x*/) { ended += error ? 0 : 1; });
    context.run();
    EXPECT_EQ(ended, 4);
    EXPECT_EQ(context.elapsed(), 1s);
}

TEST(SimulationTimer, SaysThatAnExecutorIsOfAnotherContext) {
    net::io_context real;
    try {
        const Timer timer{real.get_executor(), 1s};
        FAIL() << "no exception";
    } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string{error.what()}.find("not one of a simulation::Context"), std::string::npos);
    }
}

TEST(SimulationTimer, MayOutliveItsContext) {
    std::optional<Context> context{std::in_place};
    Timer timer{*context, 1s};
    bool called = false;
    timer.async_wait([&](net_error /*error*/) { called = true; });
    context.reset();
    EXPECT_EQ(timer.cancel(), 0U);
    EXPECT_FALSE(called);
}

}  // namespace simulation_test
