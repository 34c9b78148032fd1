// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/upstream/idle_list.hpp>

namespace idle_list_test {

using gateway::Clock;
using gateway::IdleList;
using std::chrono::seconds;

Clock::time_point at(int second) { return Clock::time_point{seconds{second}}; }

TEST(IdleList, GivesTheLatestFirst) {
    IdleList<int> list{3, seconds{10}};
    for (const int item : {1, 2, 3}) {
        EXPECT_EQ(list.put(item, at(0)), std::nullopt);
    }
    EXPECT_EQ(list.take(), 3);
    EXPECT_EQ(list.take(), 2);
    EXPECT_EQ(list.take(), 1);
    EXPECT_EQ(list.take(), std::nullopt);
}

TEST(IdleList, WithoutRoomTheOldestGoes) {
    IdleList<int> list{2, seconds{10}};
    EXPECT_EQ(list.put(1, at(0)), std::nullopt);
    EXPECT_EQ(list.put(2, at(0)), std::nullopt);
    EXPECT_EQ(list.put(3, at(0)), 1);
    EXPECT_EQ(list.size(), 2U);
}

TEST(IdleList, OfNoCapacityKeepsNothing) {
    IdleList<int> list{0, seconds{10}};
    EXPECT_EQ(list.put(1, at(0)), 1);
    EXPECT_EQ(list.take(), std::nullopt);
}

TEST(IdleList, ExpiresThoseKeptForTheTimeout) {
    IdleList<int> list{9, seconds{10}};
    EXPECT_EQ(list.put(1, at(0)), std::nullopt);
    EXPECT_EQ(list.put(2, at(1)), std::nullopt);
    EXPECT_EQ(list.put(3, at(2)), std::nullopt);
    EXPECT_TRUE(list.take_expired(at(9)).empty());
    EXPECT_EQ(list.take_expired(at(11)), (std::vector{1, 2}));
    EXPECT_EQ(list.take(), 3);
}

TEST(IdleList, UseEndsTheTime) {
    IdleList<int> list{9, seconds{10}};
    EXPECT_EQ(list.put(1, at(0)), std::nullopt);
    const std::optional<int> taken = list.take();
    EXPECT_EQ(list.put(*taken, at(9)), std::nullopt);
    EXPECT_TRUE(list.take_expired(at(18)).empty());
}

TEST(IdleList, GivesAllAwayOldestFirst) {
    IdleList<std::unique_ptr<int>> list{9, seconds{10}};
    EXPECT_EQ(list.put(std::make_unique<int>(1), at(0)), std::nullopt);
    EXPECT_EQ(list.put(std::make_unique<int>(2), at(0)), std::nullopt);
    const std::vector<std::unique_ptr<int>> all = list.take_all();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(*all[0], 1);
    EXPECT_EQ(list.size(), 0U);
}

}  // namespace idle_list_test
