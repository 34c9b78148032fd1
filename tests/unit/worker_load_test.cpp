// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/route/worker_load.hpp>

namespace worker_load_test {

using dispatch::Ledger;
using dispatch::WorkerMetrics;
using dispatch::detail::Tally;
using dispatch::detail::WorkerLoad;

TEST(WorkerLoad, SplitsItsOneNumber) {
    struct Row {
        std::uint32_t jobs;
        std::size_t inflight, queued, waiting;
        bool full;
    };
    for (const Row& row :
         {Row{0, 0, 0, 0, false}, Row{1, 1, 0, 0, false}, Row{2, 2, 0, 0, false}, Row{3, 2, 1, 0, false},
          Row{5, 2, 3, 0, true}, Row{6, 2, 3, 1, true}, Row{9, 2, 3, 4, true}}) {
        WorkerLoad load{{.max_concurrency = 2, .queue_capacity = 3}};
        for (std::uint32_t job = 0; job != row.jobs; ++job) {
            load.reserve();
        }
        EXPECT_EQ(load.value(), row.jobs);
        EXPECT_EQ(load.inflight(), row.inflight) << row.jobs;
        EXPECT_EQ(load.queued(), row.queued) << row.jobs;
        EXPECT_EQ(load.waiting(), row.waiting) << row.jobs;
        EXPECT_EQ(load.full(load.value()), row.full) << row.jobs;
        EXPECT_EQ(load.capacity(), 3U);
        EXPECT_EQ(load.idle(), row.jobs == 0);

        const WorkerMetrics metrics = load.metrics(7);
        EXPECT_EQ(metrics.worker_id, 7U);
        EXPECT_EQ(metrics.inflight, row.inflight);
        EXPECT_EQ(metrics.queue_len, row.queued);
        EXPECT_EQ(metrics.waiting, row.waiting);
        EXPECT_EQ(metrics.capacity, 3U);
        EXPECT_EQ(metrics.sessions, 0U);
    }
}

TEST(WorkerLoad, OptionsAtTheirLimitsDoNotOverflow) {
    constexpr std::size_t most = std::size_t{1} << 30;
    WorkerLoad load{{.max_concurrency = most, .queue_capacity = most}};
    load.reserve();
    EXPECT_FALSE(load.full(load.value()));
    EXPECT_FALSE(load.full((std::uint32_t{1} << 31) - 1));
    EXPECT_TRUE(load.full(std::uint32_t{1} << 31));
    EXPECT_EQ(load.waiting(), 0U);
}

TEST(WorkerLoad, AReservationFailsWhenTheLoadHasMoved) {
    WorkerLoad load{{.max_concurrency = 1, .queue_capacity = 1}};
    std::uint32_t seen = load.value();
    load.reserve();
    EXPECT_FALSE(load.try_reserve(seen));
    EXPECT_EQ(load.value(), 1U);
    EXPECT_EQ(seen, 1U) << "it says what the load is now";
    EXPECT_TRUE(load.try_reserve(seen));
    EXPECT_EQ(load.value(), 2U);
}

TEST(WorkerLoad, ReservesPermitsOnly) {
    WorkerLoad load{{.max_concurrency = 2, .queue_capacity = 3}};
    EXPECT_TRUE(load.has_free_permit());
    EXPECT_TRUE(load.try_reserve_permit());
    EXPECT_TRUE(load.has_free_permit());
    EXPECT_TRUE(load.try_reserve_permit());
    EXPECT_FALSE(load.has_free_permit());
    EXPECT_FALSE(load.try_reserve_permit());
    load.reserve();
    EXPECT_FALSE(load.try_reserve_permit()) << "one is queued";
    EXPECT_EQ(load.value(), 3U);
    load.release(2);
    EXPECT_TRUE(load.has_free_permit());
    EXPECT_TRUE(load.try_reserve_permit());
    EXPECT_EQ(load.value(), 2U);
}

TEST(WorkerLoad, LendsJobsThatWaitForAPermit) {
    WorkerLoad load{{.max_concurrency = 2, .queue_capacity = 1}};
    load.reserve();
    load.reserve();
    load.reserve();
    EXPECT_FALSE(load.lends()) << "unless it was told to, it lends none";
    load.lend(true);
    EXPECT_TRUE(load.lends());
    load.reserve();
    EXPECT_TRUE(load.lends()) << "nor does it matter whether there is a place for it in the queue";
    load.release(2);
    EXPECT_FALSE(load.lends()) << "there is a permit for the latest";
    load.reserve();
    EXPECT_TRUE(load.lends());
    load.lend(false);
    EXPECT_FALSE(load.lends());
}

TEST(WorkerLoad, NoMorePermitsAreReservedThanThereAre) {
    WorkerLoad load{{.max_concurrency = 2, .queue_capacity = 1}};
    std::atomic<int> too_many{0};
    std::vector<std::thread> threads;
    for (int t = 0; t != 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i != 20000; ++i) {
                if (load.try_reserve_permit()) {
                    if (load.value() > 2) {
                        ++too_many;
                    }
                    load.release();
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_TRUE(load.idle());
    EXPECT_EQ(too_many, 0);
}

TEST(WorkerLoad, ReleaseTellsWhoMadeItIdle) {
    WorkerLoad load{{}};
    load.reserve();
    load.reserve();
    EXPECT_FALSE(load.release());
    EXPECT_FALSE(load.idle());
    EXPECT_TRUE(load.release());
    EXPECT_TRUE(load.idle());
}

TEST(WorkerLoad, ThreadsLoseNothing) {
    WorkerLoad load{{.max_concurrency = 1, .queue_capacity = 1}};
    std::vector<std::thread> threads;
    for (int t = 0; t != 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i != 20000; ++i) {
                std::uint32_t seen = load.value();
                while (!load.try_reserve(seen)) {
                }
                load.release();
                Tally::count(load.tally.cancelled);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_TRUE(load.idle());
    EXPECT_EQ(load.tally.cancelled, 80000U);
}

TEST(WorkerLoad, MetricsTellTheFailures) {
    WorkerLoad load{{}};
    Tally::count(load.tally.failed);
    Tally::count_exclusively(load.tally.failed);
    EXPECT_EQ(load.metrics(0).errors, 2U);
    Tally::count(load.submitted);
    EXPECT_EQ(load.metrics(0).submitted, 1U);
}

TEST(WorkerLoad, AddsEachCounterToItsPlace) {
    WorkerLoad load{{}};
    Tally& tally = load.tally;
    load.submitted = 1;
    tally.completed = 2;
    tally.failed = 3;
    tally.rejected = 4;
    tally.expired = 5;
    tally.cancelled = 6;
    tally.stopped = 7;
    tally.moved = 8;
    Ledger ledger{10, 10, 10, 10, 10, 10, 10, 10};
    load.add_to(ledger);
    EXPECT_EQ(ledger, (Ledger{11, 12, 13, 14, 15, 16, 17, 18}));
    EXPECT_EQ(load.metrics(0).moved, 8U);
}

}  // namespace worker_load_test
