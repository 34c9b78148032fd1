// SPDX-License-Identifier: Apache-2.0
//
// What docs/semantics.md states and no test of a single header shows. The page names these tests.
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

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

}  // namespace semantics
