// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gtest/gtest.h>

#include <gateway/upstream/turns.hpp>

namespace turns_test {

using namespace std::chrono_literals;
namespace net = gateway::net;
using gateway::RetryOptions;
using gateway::Turns;
using gateway::WaitNote;

/// Waits for its turn once, keeps it, and notes its name.
net::awaitable<void> go(Turns& turns, std::vector<std::string>& gone, std::string name,
                        std::vector<std::unique_ptr<Turns::Turn>>& kept) {
    const net::any_io_executor executor = co_await net::this_coro::executor;
    auto turn = std::make_unique<Turns::Turn>(turns, executor);
    WaitNote note;
    co_await turn->wait(note);
    gone.push_back(std::move(name));
    kept.push_back(std::move(turn));
}

class TurnsTest : public testing::Test {
  protected:
    void spawn(const std::string& name) { net::co_spawn(context, go(turns, gone, name, kept), net::detached); }

    /// All that is ready, also after there was nothing left to do.
    void poll() {
        context.restart();
        context.poll();
    }
    void run() {
        context.restart();
        context.run();
    }

    void spawn_cancellable(const std::string& name) {
        net::co_spawn(context, go(turns, gone, name, kept),
                      net::bind_cancellation_slot(
                          cancel.slot(), [this](const std::exception_ptr& error) { cancelled = error != nullptr; }));
    }

    net::io_context context;
    net::cancellation_signal cancel;
    bool cancelled = false;
    std::vector<std::string> gone;
    Turns turns{2, RetryOptions{}};
    std::vector<std::unique_ptr<Turns::Turn>> kept;
};

TEST_F(TurnsTest, GoInTheOrderInWhichTheyCame) {
    for (const char* const name : {"a", "b", "c", "d", "e"}) {
        spawn(name);
    }
    poll();
    EXPECT_EQ(gone, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(turns.figures().waiting, 3U);
    kept[0]->answered();
    poll();
    EXPECT_EQ(gone.back(), "c");
    kept[1].reset();
    poll();
    EXPECT_EQ(gone.back(), "d");
    EXPECT_EQ(gone.size(), 4U);
    kept.clear();
    poll();
    EXPECT_EQ(gone.size(), 5U);
}

TEST_F(TurnsTest, WhoIsCancelledLeavesTheLine) {
    spawn("a");
    spawn("b");
    spawn_cancellable("c");
    spawn("d");
    poll();
    cancel.emit(net::cancellation_type::terminal);
    poll();
    EXPECT_TRUE(cancelled);
    EXPECT_EQ(turns.figures().waiting, 1U);
    kept[0]->answered();
    poll();
    EXPECT_EQ(gone, (std::vector<std::string>{"a", "b", "d"}));
    kept.clear();
}

TEST_F(TurnsTest, AfterARefusalOneGoesByItself) {
    spawn("a");
    poll();
    EXPECT_EQ(kept[0]->refused(1ms, 0), 1U);
    kept.clear();  // it gives up
    spawn("b");
    run();
    EXPECT_EQ(gone.back(), "b");
    kept.clear();
}

TEST_F(TurnsTest, WhenTheFirstInTheLineLeavesTheNextLooksAtTheClock) {
    spawn("a");
    poll();
    kept[0]->refused(20ms, 0);
    kept.clear();
    spawn_cancellable("b");  // the first in the line
    spawn("c");
    poll();
    EXPECT_EQ(turns.figures().waiting, 2U);
    cancel.emit(net::cancellation_type::terminal);
    run();
    EXPECT_TRUE(cancelled);
    EXPECT_EQ(gone.back(), "c");
    kept.clear();
}

/// Is refused a few times, now and then, and then answered.
net::awaitable<void> generate(Turns& turns, std::atomic<int>& answered, int number) {
    const net::any_io_executor executor = co_await net::this_coro::executor;
    Turns::Turn turn{turns, executor};
    WaitNote note;
    for (int refusals = number % 4; refusals > 0; --refusals) {
        co_await turn.wait(note);
        turn.refused(0ms, 0);
    }
    co_await turn.wait(note);
    if (number % 5 == 0) {
        turn.leave();
        co_await turn.wait(note);
    }
    turn.answered();
    ++answered;
}

TEST_F(TurnsTest, OfMoreThanOneThreadNobodyIsForgotten) {
    constexpr int jobs = 2'000;
    std::atomic<int> answered{0};
    net::thread_pool threads{4};
    for (int i = 0; i < jobs; ++i) {
        net::co_spawn(net::make_strand(threads), generate(turns, answered, i), net::detached);
    }
    threads.join();  // hangs if one waits that nobody wakes
    EXPECT_EQ(answered, jobs);
    EXPECT_EQ(turns.figures().waiting, 0U);
}

}  // namespace turns_test
