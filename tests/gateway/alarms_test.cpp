// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/base/alarms.hpp>

namespace alarms_test {

using namespace std::chrono_literals;
using gateway::Alarms;
using gateway::Clock;
using Alarm = gateway::Alarms::Alarm;
namespace net = gateway::net;

class AlarmsTest : public testing::Test {
  protected:
    /// Notes its name when it rings.
    std::unique_ptr<Alarm> set(Clock::time_point time, const std::string& name) {
        return std::make_unique<Alarm>(alarms, context.get_executor(), time, [this, name] { rang += name; });
    }

    net::io_context context;
    std::string rang;
    Alarms alarms{context.get_executor()};
};

TEST_F(AlarmsTest, RingAtTheirTimesWhateverTheOrderInWhichTheyWereSet) {
    const Clock::time_point now = Clock::now();
    const auto c = set(now + 20ms, "c");
    const auto a = set(now - 1s, "a");
    const auto d = set(now + 30ms, "d");
    const auto b = set(now + 10ms, "b");
    EXPECT_EQ(rang, "") << "never within the call";
    context.run();
    EXPECT_EQ(rang, "abcd");
    EXPECT_GE(Clock::now(), now + 30ms);
    EXPECT_TRUE(a->rang());
    EXPECT_TRUE(d->rang());
}

TEST_F(AlarmsTest, RingNoMoreOnceTheyAreGone) {
    auto later = set(Clock::now() + 1h, "b");
    auto now = set(Clock::now(), "a");
    now.reset();
    later.reset();
    context.run();  // returns: nothing keeps it
    EXPECT_EQ(rang, "");
}

TEST_F(AlarmsTest, OneThatIsCalledOffLeavesTheOthersAsTheyAre) {
    auto first = set(Clock::now() + 5ms, "a");
    const auto second = set(Clock::now() + 10ms, "b");
    first.reset();
    context.run();
    EXPECT_EQ(rang, "b");
}

TEST_F(AlarmsTest, OneThatIsOnItsWayRingsNoMore) {
    std::unique_ptr<Alarm> second;
    const Alarm first{alarms, context.get_executor(), Clock::now() - 2s, [&] { second.reset(); }};
    second = set(Clock::now() - 1s, "b");  // both are posted before either runs
    context.run();
    EXPECT_TRUE(first.rang());
    EXPECT_EQ(rang, "");
}

TEST_F(AlarmsTest, ANewOneMaySetWhileAnotherRings) {
    std::unique_ptr<Alarm> second;
    const Alarm first{alarms, context.get_executor(), Clock::now(), [&] { second = set(Clock::now() + 1ms, "b"); }};
    context.run();
    EXPECT_EQ(rang, "b");
}

TEST(Alarms, MayGoBeforeThem) {
    net::io_context context;
    auto alarms = std::make_unique<Alarms>(context.get_executor());
    int rang = 0;
    const Alarm alarm{*alarms, context.get_executor(), Clock::now() + 1h, [&] { ++rang; }};
    alarms.reset();
    context.run();
    EXPECT_EQ(rang, 0);
    EXPECT_FALSE(alarm.rang());
}

net::awaitable<void> set_many(Alarms& alarms, int& rang) {
    const net::any_io_executor strand = co_await net::this_coro::executor;
    for (int i = 0; i < 200; ++i) {
        const Clock::time_point now = Clock::now();
        std::optional<Alarm> called_off;
        called_off.emplace(alarms, strand, now + (i % 3) * 100us, [] {});
        bool over = false;
        const Alarm alarm{alarms, strand, now + (i % 5) * 50us, [&] { over = true; }};
        co_await net::post(net::use_awaitable);
        called_off.reset();
        while (!over) {
            co_await net::post(net::use_awaitable);
        }
        rang += alarm.rang() ? 1 : 0;
    }
}

TEST(Alarms, OfManyStrandsRingEachOnItsOwn) {
    net::thread_pool threads{3};
    Alarms alarms{threads.get_executor()};
    std::vector<int> rang(8);
    for (int& count : rang) {
        net::co_spawn(net::make_strand(threads), set_many(alarms, count), net::use_future);
    }
    threads.join();
    EXPECT_EQ(rang, std::vector<int>(8, 200));
}

}  // namespace alarms_test
