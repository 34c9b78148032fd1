// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <future>
#include <stdexcept>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/upstream/time_limit.hpp>

namespace time_limit_test {

namespace net = gateway::net;
using gateway::Clock;
using gateway::error_code;
using gateway::run_until;

/// What run_until did with a piece of work, on a context with one thread: a strand.
class TimeLimit : public testing::Test {
  public:
    bool run(Clock::time_point limit, net::awaitable<void> work) {
        auto result = net::co_spawn(context_, run_until(limit, std::move(work), [this] { stop(); }),
                                    net::bind_cancellation_slot(signal_.slot(), net::use_future));
        context_.run();
        return result.get();
    }

    void stop() {
        ++stops_;
        timer_.cancel();
    }

    net::awaitable<void> at_once() {
        ran_ = true;
        co_return;
    }

    net::awaitable<void> fail() {
        throw std::runtime_error{"mine"};
        co_return;
    }

    net::awaitable<void> hang() {
        ran_ = true;
        co_await timer_.async_wait(net::use_awaitable);
    }

    /// Misses the cancellation, as a composed operation does that is between two steps.
    net::awaitable<void> hang_deaf() {
        ran_ = true;
        co_await timer_.async_wait(net::bind_cancellation_slot(net::cancellation_slot{}, net::use_awaitable));
    }

    net::awaitable<void> cancelled(net::awaitable<void> work) {
        net::post(context_, [this] { signal_.emit(net::cancellation_type::terminal); });
        co_await std::move(work);
    }

    /// Gives work a limit that it begins before: how long that takes is for the machine to say.
    bool run_past_limit(net::awaitable<void> (TimeLimit::*work)()) {
        for (std::chrono::milliseconds limit{1};; limit *= 2) {
            const bool ended = run(Clock::now() + limit, (this->*work)());
            if (ended || ran_) {
                return !ended;
            }
            context_.restart();
        }
    }

    bool aborted(net::awaitable<void> work) {
        try {
            (void)run(Clock::time_point::max(), cancelled(std::move(work)));
        } catch (const boost::system::system_error& error) {
            return error.code() == net::error::operation_aborted;
        }
        return false;
    }

    net::io_context context_;
    net::steady_timer timer_{context_, Clock::time_point::max()};
    net::cancellation_signal signal_;
    int stops_ = 0;
    bool ran_ = false;
};

Clock::time_point never() { return Clock::time_point::max(); }

TEST_F(TimeLimit, WorkThatEndsInTimeIsNotStopped) {
    EXPECT_TRUE(run(never(), at_once()));
    EXPECT_TRUE(ran_);
    EXPECT_EQ(stops_, 0);
}

TEST_F(TimeLimit, PassesOnWhatIsThrown) {
    try {
        (void)run(never(), fail());
        FAIL() << "it throws";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "mine");
    }
}

TEST_F(TimeLimit, AtTheLimitWorkIsStopped) {
    EXPECT_TRUE(run_past_limit(&TimeLimit::hang));
    EXPECT_EQ(stops_, 1);
}

TEST_F(TimeLimit, AtTheLimitWorkThatMissesItsCancellationIsStopped) {
    EXPECT_TRUE(run_past_limit(&TimeLimit::hang_deaf));
    EXPECT_EQ(stops_, 1);
}

TEST_F(TimeLimit, PastTheLimitWorkDoesNotBegin) {
    EXPECT_FALSE(run(Clock::now() - std::chrono::seconds{1}, at_once()));
    EXPECT_FALSE(ran_);
    EXPECT_EQ(stops_, 0);
}

TEST_F(TimeLimit, CancellationEndsWork) { EXPECT_TRUE(aborted(hang())); }

TEST_F(TimeLimit, CancellationStopsWorkThatMissesIt) {
    EXPECT_TRUE(aborted(hang_deaf()));
    EXPECT_EQ(stops_, 1);
}

}  // namespace time_limit_test
