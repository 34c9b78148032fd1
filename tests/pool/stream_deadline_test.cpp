// SPDX-License-Identifier: Apache-2.0
//
// Deadlines of jobs that respond in parts: before the job has started, before its first part, and later. In virtual
// time.
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>
#include <dispatch/simulation.hpp>
#include <dispatch/stream.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace stream_deadline_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using dispatch::errc;
using dispatch::simulation::Context;
using dispatch::simulation::Executor;
using dispatch::simulation::Timer;
using Numbers = dispatch::Stream<int, Executor>;
using Writer = dispatch::Writer<int>;
using Part = test::Outcome<std::optional<int>>;
using Task = net::awaitable<void>;

std::error_code broken_pipe() { return net::error::make_error_code(net::error::broken_pipe); }

/// What submit() has given.
struct Opened {
    std::optional<std::error_code> code;
    Numbers stream;
};

class StreamDeadline : public testing::Test {
  protected:
    ~StreamDeadline() override {
        context.run();
        test::expect_idle(*pool);
        EXPECT_EQ(heard, expected);
    }

    void make(std::function<Task(int, Writer&)> handler, std::size_t parts = 16) {
        dispatch::PoolOptions options;
        options.stream_buffer = parts;
        pool.emplace(dispatch::spawn_workers<int, Numbers, Executor>(context.get_executor(), 1, std::move(handler),
                                                                     dispatch::WorkerOptions{.max_concurrency = 1}),
                     options);
    }

    /// A request whose deadline passes in a second.
    void submit(int request, Opened& opened) {
        pool->submit({.deadline = context.now() + 1s}, request,
                     [&opened](const std::exception_ptr& error, Numbers stream) {
                         opened = {test::code_of(error), std::move(stream)};
                     });
    }

    static Task sleep(dispatch::simulation::Clock::duration time) {
        Timer timer{co_await net::this_coro::executor, time};
        co_await timer.async_wait(net::use_awaitable);
    }

    /// Awaits wait, and writes down what it throws.
    Task listen(Task wait) {
        try {
            co_await std::move(wait);
        } catch (...) {
            heard.push_back(test::code_of(std::current_exception()));
        }
    }

    /// What next() gives in time.
    Part next(Numbers& stream) {
        Part part;
        stream.next(net::bind_executor(context.get_executor(), part.handler()));
        context.run_for(0s);
        return part;
    }

    static bool ended(const Part& part) { return part.heard({}) && !part.value()->has_value(); }

    Context context;
    std::optional<dispatch::WorkerPool<int, Numbers, dispatch::LeastLoaded, Executor>> pool;
    std::vector<std::error_code> heard;     // by handlers
    std::vector<std::error_code> expected;  // in the end
};

TEST_F(StreamDeadline, PassesBeforeTheFirstPart) {
    make([this](int, Writer& out) -> Task {
        co_await listen(sleep(1h));
        EXPECT_FALSE(out.is_open());
        EXPECT_FALSE(out.try_write(1));
    });
    expected = {test::aborted()};
    Opened opened;
    submit(0, opened);
    context.run_for(1s);
    EXPECT_EQ(opened.code, errc::deadline_exceeded);
    EXPECT_EQ(pool->ledger().expired, 1U);
}

TEST_F(StreamDeadline, PassesInTheQueue) {
    int started = 0;
    make([&started](int, Writer& out) -> Task {
        ++started;
        co_await out.write(1);
        co_await sleep(10s);
    });
    Opened busy;
    pool->submit(std::nullopt, 0,
                 [&busy](const std::exception_ptr&, Numbers stream) { busy = {{}, std::move(stream)}; });
    Opened opened;
    submit(0, opened);
    context.run_for(1s);
    EXPECT_EQ(opened.code, errc::deadline_exceeded);
    context.run();
    EXPECT_EQ(started, 1);
}

TEST_F(StreamDeadline, PassesAfterTheFirstPartForAHandlerThatDoesNotListen) {
    make([this](int, Writer& out) -> Task {
        co_await out.write(1);
        co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
        co_await sleep(10s);
        EXPECT_FALSE(out.is_open());
        co_await listen(out.write(2));
    });
    expected = {broken_pipe()};
    Opened opened;
    submit(0, opened);
    context.run_for(1s);
    EXPECT_EQ(pool->ledger().expired, 1U);
    EXPECT_TRUE(next(opened.stream).returned(1));
    EXPECT_TRUE(next(opened.stream).heard(errc::deadline_exceeded));
    EXPECT_TRUE(ended(next(opened.stream)));
    EXPECT_EQ(pool->worker_metrics()[0].inflight, 1U);  // until the handler has ended
    context.run();
    EXPECT_EQ(pool->worker_metrics()[0].inflight, 0U);
}

TEST_F(StreamDeadline, PassesWhileTheReaderWaits) {
    make([this](int, Writer& out) -> Task {
        co_await out.write(1);
        co_await listen(sleep(1h));
    });
    expected = {test::aborted()};
    Opened opened;
    submit(0, opened);
    context.run_for(500ms);
    EXPECT_TRUE(next(opened.stream).returned(1));
    Part part = next(opened.stream);
    EXPECT_EQ(part.calls(), 0);
    context.run_for(500ms);
    EXPECT_TRUE(part.heard(errc::deadline_exceeded));
    EXPECT_TRUE(ended(next(opened.stream)));
    EXPECT_EQ(pool->ledger().expired, 1U);
}

TEST_F(StreamDeadline, PassesWhileTheWriterWaits) {
    make(
        [this](int, Writer& out) -> Task {
            co_await out.write(1);
            co_await listen(out.write(2));
        },
        1);
    expected = {broken_pipe()};
    Opened opened;
    submit(0, opened);
    context.run_for(1s);
    EXPECT_TRUE(next(opened.stream).returned(1));
    EXPECT_TRUE(next(opened.stream).heard(errc::deadline_exceeded));
    EXPECT_TRUE(ended(next(opened.stream)));
    EXPECT_EQ(pool->ledger().expired, 1U);
}

TEST_F(StreamDeadline, IsKept) {
    make([](int, Writer& out) -> Task {
        co_await out.write(1);
        co_await sleep(900ms);
        co_await out.write(2);
    });
    Opened opened;
    submit(0, opened);
    context.run_for(900ms);
    EXPECT_TRUE(next(opened.stream).returned(1));
    EXPECT_TRUE(next(opened.stream).returned(2));
    EXPECT_TRUE(ended(next(opened.stream)));
    context.run_for(1h);
    EXPECT_EQ(pool->ledger().completed, 1U);
}

}  // namespace stream_deadline_test
