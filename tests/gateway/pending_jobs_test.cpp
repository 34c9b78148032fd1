// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <future>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/service/pending_jobs.hpp>

namespace pending_jobs_test {

namespace net = gateway::net;
using gateway::Clock;
using gateway::PendingJobs;
using Slot = PendingJobs::Slot;

net::awaitable<std::uint64_t> enter_and_leave(PendingJobs& pending, std::uint64_t bytes) {
    const Slot slot = co_await pending.enter(bytes);
    co_return pending.bytes();
}

class PendingJobsTest : public testing::Test {
  protected:
    template <typename T>
    std::future<T> start(net::awaitable<T> awaitable) {
        return net::co_spawn(threads, std::move(awaitable), net::use_future);
    }

    net::thread_pool threads{2};
    PendingJobs pending{threads.get_executor(), 3, 100};
};

TEST_F(PendingJobsTest, AreLimitedInNumber) {
    std::vector<Slot> slots;
    for (int i = 0; i < 3; ++i) {
        std::optional<Slot> slot = pending.try_enter(0);
        ASSERT_TRUE(slot);
        slots.push_back(std::move(*slot));
    }
    EXPECT_FALSE(pending.try_enter(0));
    EXPECT_EQ(pending.jobs(), 3U);
    slots.pop_back();
    EXPECT_TRUE(pending.try_enter(0));
    EXPECT_EQ(pending.jobs(), 2U);
}

TEST_F(PendingJobsTest, AreLimitedInBytes) {
    EXPECT_FALSE(pending.try_enter(101));
    {
        const std::optional<Slot> slot = pending.try_enter(60);
        ASSERT_TRUE(slot);
        EXPECT_FALSE(pending.try_enter(41));
        EXPECT_TRUE(pending.try_enter(40));
        EXPECT_EQ(pending.bytes(), 60U);
    }
    EXPECT_EQ(pending.bytes(), 0U);
    EXPECT_TRUE(pending.try_enter(100));
    EXPECT_FALSE(pending.try_enter(~std::uint64_t{0}));
}

TEST_F(PendingJobsTest, FormerJobsWaitForRoom) {
    std::vector<Slot> slots;
    for (int i = 0; i < 3; ++i) {
        slots.push_back(std::move(*pending.try_enter(10)));
    }
    std::future<std::uint64_t> entered = start(enter_and_leave(pending, 1'000));
    EXPECT_EQ(entered.wait_for(std::chrono::milliseconds{20}), std::future_status::timeout);
    slots.pop_back();
    EXPECT_EQ(entered.get(), 1'020U);  // they were accepted: their bytes count, and are not refused
}

TEST_F(PendingJobsTest, WhoWaitsForRoomCanBeCalledOff) {
    std::vector<Slot> slots;
    for (int i = 0; i < 3; ++i) {
        slots.push_back(std::move(*pending.try_enter(10)));
    }
    std::future<std::uint64_t> entered = start(enter_and_leave(pending, 1));
    while (entered.wait_for(std::chrono::milliseconds{1}) == std::future_status::timeout) {
        pending.cancel_waiting();  // it may not wait yet
    }
    EXPECT_THROW(entered.get(), boost::system::system_error);
}

TEST_F(PendingJobsTest, TheEndOfTheLastIsNoticed) {
    for (int round = 0; round < 1'000; ++round) {
        std::optional<Slot> slot = pending.try_enter(1);
        ASSERT_TRUE(slot);
        std::future<bool> none = start(pending.wait_until_none(Clock::time_point::max()));
        if (round % 2 == 0) {
            std::this_thread::yield();
        }
        slot.reset();
        ASSERT_TRUE(none.get());
    }
}

TEST_F(PendingJobsTest, WaitingForTheEndHasALimit) {
    const std::optional<Slot> slot = pending.try_enter(1);
    EXPECT_FALSE(start(pending.wait_until_none(Clock::now() + std::chrono::milliseconds{5})).get());
}

}  // namespace pending_jobs_test
