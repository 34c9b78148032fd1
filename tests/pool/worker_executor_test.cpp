// SPDX-License-Identifier: Apache-2.0
//
// What a handler sees as its executor behaves as a strand of the pool's executor does, in what keeps the context
// from running out of work as well.
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace worker_executor_test {

namespace net = dispatch::net;
namespace execution = net::execution;
using test::Outcome;

template <typename Executor>
constexpr bool behaves_as_an_executor() {
    using Worker = dispatch::WorkerExecutor<Executor>;
    static_assert(execution::is_executor<Worker>::value);
    static_assert(std::is_nothrow_copy_constructible_v<Worker>);
    static_assert(std::is_nothrow_move_constructible_v<Worker>);
    static_assert(std::is_convertible_v<Worker, net::any_io_executor>);
    static_assert(net::can_require_v<Worker, execution::blocking_t::never_t>);
    static_assert(net::can_require_v<Worker, execution::blocking_t::possibly_t>);
    static_assert(net::can_prefer_v<Worker, execution::outstanding_work_t::tracked_t>);
    return true;
}
static_assert(behaves_as_an_executor<net::any_io_executor>());
static_assert(behaves_as_an_executor<net::io_context::executor_type>());

class WorkerExecutor : public test::PoolFixture<int, int> {
  protected:
    using OnWorker = dispatch::WorkerExecutor<net::any_io_executor>;

    /// The executor that a handler sees, after that job has ended.
    net::any_io_executor worker() {
        std::optional<net::any_io_executor> seen;
        make_pool(1, [&](int request) -> net::awaitable<int> {
            seen = co_await net::this_coro::executor;
            co_return request;
        });
        pool->submit(std::nullopt, 1, [](std::exception_ptr, int) {});
        poll();
        EXPECT_FALSE(test::has_work(*context)) << "an idle worker lets the context run out of work";
        return *seen;
    }

    /// Runs what is ready on both contexts.
    void poll_both() {
        poll();
        test::poll(other);
        poll();
    }

    net::io_context other;
};

TEST_F(WorkerExecutor, AWorkGuardKeepsTheContextBusy) {
    const net::any_io_executor executor = worker();
    {
        auto guard = net::make_work_guard(executor);
        EXPECT_TRUE(test::has_work(*context));
        const auto another = guard;
        guard.reset();
        EXPECT_TRUE(test::has_work(*context)) << "a copy counts on its own";
    }
    EXPECT_FALSE(test::has_work(*context));
    const net::any_io_executor tracked = net::prefer(executor, execution::outstanding_work.tracked);
    EXPECT_TRUE(test::has_work(*context));
    EXPECT_EQ(net::query(*tracked.target<OnWorker>(), execution::outstanding_work),
              execution::outstanding_work.tracked);
    EXPECT_EQ(tracked, executor) << "it is the same strand";
    const net::any_io_executor untracked = net::prefer(tracked, execution::outstanding_work.untracked);
    EXPECT_EQ(net::query(*untracked.target<OnWorker>(), execution::outstanding_work),
              execution::outstanding_work.untracked);
}

TEST_F(WorkerExecutor, WhatAHandlerSpawnsOnItIsNotAbandoned) {
    bool ended = false;
    make_pool(1, [&](int request) -> net::awaitable<int> {
        net::co_spawn(
            co_await net::this_coro::executor,
            [&]() -> net::awaitable<void> {
                // On another context, and back.
                co_await net::co_spawn(other, []() -> net::awaitable<void> { co_return; }(), net::use_awaitable);
                ended = true;
            },
            net::detached);
        co_return request;
    });
    Outcome<int> outcome;
    pool->submit(std::nullopt, 1, outcome.handler());
    poll();
    EXPECT_TRUE(outcome.returned(1));
    EXPECT_TRUE(test::has_work(*context)) << "run() would return, and leave the child behind";
    poll_both();
    EXPECT_TRUE(ended);
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(WorkerExecutor, WhatAHandlersChildSubmitsElsewhereIsWaitedFor) {
    bool ended = false;
    dispatch::WorkerPool<int, int> elsewhere{
        dispatch::spawn_workers<int, int>(other.get_executor(), 1, [](int request) { return request; })};
    make_pool(1, [&](int request) -> net::awaitable<int> {
        net::co_spawn(
            co_await net::this_coro::executor,
            [&]() -> net::awaitable<void> {
                co_await elsewhere.submit(std::nullopt, 1, net::use_awaitable);
                ended = true;
            },
            net::detached);
        co_return request;
    });
    pool->submit(std::nullopt, 1, [](std::exception_ptr, int) {});
    poll();
    EXPECT_TRUE(test::has_work(*context));
    poll_both();
    EXPECT_TRUE(ended);
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(WorkerExecutor, AWorkerWithManyIdleLanesDoesNotKeepTheContextBusy) {
    make_pool(1, [this](int request) -> net::awaitable<int> {
        co_await gate.pass();
        co_return request;
    });
    for (int job = 0; job != 5; ++job) {
        pool->submit(std::nullopt, job, [](std::exception_ptr, int) {});
    }
    poll();
    EXPECT_EQ(gate.arrivals(), 5);
    EXPECT_TRUE(test::has_work(*context));
    gate.open();
    context->restart();
    context->run();
    EXPECT_EQ(row().inflight, 0U);
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(WorkerExecutor, MayOutliveItsContext) {
    net::any_io_executor executor = worker();
    handles.clear();
    pool.reset();
    poll();
    executor = {};
    context.reset();
}

}  // namespace worker_executor_test
