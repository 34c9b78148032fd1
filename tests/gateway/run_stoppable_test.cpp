// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/base/run_stoppable.hpp>

namespace run_stoppable_test {

namespace net = gateway::net;

class RunStoppable : public testing::Test {
  protected:
    std::string run(net::awaitable<std::string> work) {
        auto result =
            net::co_spawn(context, gateway::run_stoppable(context.get_executor(), std::move(work), [this] { stop(); }),
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

/// Work on another thread than who awaits it, each on a strand.
class RunStoppableElsewhere : public testing::Test {
  protected:
    ~RunStoppableElsewhere() override { threads.join(); }

    std::string run(net::awaitable<std::string> work) {
        auto result =
            net::co_spawn(here, await(std::move(work)), net::bind_cancellation_slot(signal.slot(), net::use_future));
        here.run();  // has nothing to do meanwhile, and does not end
        return result.get();
    }

    net::awaitable<std::string> await(net::awaitable<std::string> work) {
        std::exception_ptr failure;
        std::string result;
        try {
            auto running = gateway::run_stoppable(there, std::move(work), [this] {
                stopped_there = there.running_in_this_thread();
                timer.cancel();
            });
            result = co_await std::move(running);
        } catch (...) {
            failure = std::current_exception();
        }
        EXPECT_EQ(std::this_thread::get_id(), awaits);
        if (failure) {
            std::rethrow_exception(failure);
        }
        co_return result;
    }

    net::awaitable<std::string> work_there() {
        EXPECT_TRUE(there.running_in_this_thread());
        co_return "done";
    }

    net::awaitable<std::string> fail() {
        throw std::runtime_error{"mine"};
        co_return "";
    }

    net::awaitable<std::string> hang() {
        net::post(here, [this] { signal.emit(net::cancellation_type::terminal); });
        co_await timer.async_wait(net::use_awaitable);
        co_return "";
    }

    net::awaitable<std::string> hang_deaf() {
        net::post(here, [this] { signal.emit(net::cancellation_type::terminal); });
        co_await timer.async_wait(net::bind_cancellation_slot(net::cancellation_slot{}, net::use_awaitable));
        co_return "";
    }

    net::io_context here;
    net::thread_pool threads{2};
    net::strand<net::thread_pool::executor_type> there{threads.get_executor()};
    net::steady_timer timer{there, gateway::Clock::time_point::max()};
    net::cancellation_signal signal;
    const std::thread::id awaits = std::this_thread::get_id();
    bool stopped_there = false;
};

TEST_F(RunStoppableElsewhere, WorksThereAndComesBack) { EXPECT_EQ(run(work_there()), "done"); }

TEST_F(RunStoppableElsewhere, BringsBackWhatWorkThrows) { EXPECT_THROW((void)run(fail()), std::runtime_error); }

TEST_F(RunStoppableElsewhere, HandsCancellationOn) {
    EXPECT_THROW((void)run(hang()), boost::system::system_error);
    threads.join();  // stop() may come after the end of work
    EXPECT_TRUE(stopped_there);
}

TEST_F(RunStoppableElsewhere, CancellationStopsWorkThatMissesIt) {
    EXPECT_THROW((void)run(hang_deaf()), boost::system::system_error);
    threads.join();
    EXPECT_TRUE(stopped_there);
}

}  // namespace run_stoppable_test
