// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <gateway/upstream/alarm.hpp>

namespace alarm_test {

using namespace std::chrono_literals;
using gateway::Alarm;
using gateway::Clock;

struct Door {
    void close() { ++closed; }
    int closed = 0;
};

TEST(Alarm, ClosesAtItsTime) {
    gateway::net::io_context context;
    Door door;
    const Alarm alarm{context.get_executor(), Clock::now(), door};
    EXPECT_FALSE(alarm.rang()) << "never within the call";
    context.run();
    EXPECT_TRUE(alarm.rang());
    EXPECT_EQ(door.closed, 1);
}

TEST(Alarm, ClosesNothingOnceItIsGone) {
    gateway::net::io_context context;
    Door door;
    {
        const Alarm alarm{context.get_executor(), Clock::now() + 1h, door};
    }
    context.run();
    EXPECT_EQ(door.closed, 0);
}

TEST(Alarm, ClosesNothingThoughItsTimeHadComeWhenItWent) {
    gateway::net::io_context context;
    Door door;
    std::optional<Alarm> alarm;
    // The wait ends before what is posted runs, and its handler comes after that.
    alarm.emplace(context.get_executor(), Clock::now() - 1s, door);
    std::optional<Alarm> first;
    struct Ender {
        void close() const { alarm.reset(); }
        std::optional<Alarm>& alarm;
    };
    Ender ender{alarm};
    first.emplace(context.get_executor(), Clock::now() - 2s, ender);
    context.run();
    EXPECT_EQ(door.closed, 0);
    EXPECT_TRUE(first->rang());
}

}  // namespace alarm_test
