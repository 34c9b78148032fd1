// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/base/run_stoppable.hpp>

namespace run_stoppable_test {

namespace net = gateway::net;

class RunStoppable : public testing::Test {
  protected:
    std::string run(net::awaitable<std::string> work) {
        auto result = net::co_spawn(context, gateway::run_stoppable(std::move(work), [this] { stop(); }),
                                    net::bind_cancellation_slot(signal.slot(), net::use_future));
        context.run();
        return result.get();
    }

    void stop() {
        ++stops;
        timer.cancel();
    }

    net::awaitable<std::string> at_once() { co_return "done"; }

    net::awaitable<std::string> fail() {
        throw std::runtime_error{"mine"};
        co_return "";
    }

    /// Misses the cancellation, as a composed operation does that is between two steps.
    net::awaitable<std::string> hang_deaf() {
        net::post(context, [this] { signal.emit(net::cancellation_type::terminal); });
        co_await timer.async_wait(net::bind_cancellation_slot(net::cancellation_slot{}, net::use_awaitable));
        co_return "";
    }

    net::io_context context;
    net::steady_timer timer{context, gateway::Clock::time_point::max()};
    net::cancellation_signal signal;
    int stops = 0;
};

TEST_F(RunStoppable, ReturnsWhatWorkReturns) {
    EXPECT_EQ(run(at_once()), "done");
    EXPECT_EQ(stops, 0);
}

TEST_F(RunStoppable, ThrowsWhatWorkThrows) {
    try {
        (void)run(fail());
        FAIL() << "it throws";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "mine");
    }
}

TEST_F(RunStoppable, CancellationStopsWorkThatMissesIt) {
    EXPECT_THROW((void)run(hang_deaf()), boost::system::system_error);
    EXPECT_EQ(stops, 1);
}

}  // namespace run_stoppable_test
