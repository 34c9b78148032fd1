// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/run_queue.hpp>

namespace {

struct Counted final : dispatch::detail::Task {
    std::atomic<int> runs{0};
    std::atomic<int> destroyed{0};
    std::function<void()> on_run = [] {};

    void run() override {
        ++runs;
        on_run();
    }
    void destroy() noexcept override { ++destroyed; }
};

using Push = dispatch::detail::RunQueue::Push;

/// A queue whose carriers run when the test says so.
struct Fixture : testing::Test {
    dispatch::detail::RunQueue queue;
    int carriers = 0;

    void push(Counted& task) { carriers += queue.push(task) == Push::first ? 1 : 0; }
    void run_carrier() {
        --carriers;
        queue.carry([this] { ++carriers; });
    }
    void run_all_carriers() {
        while (carriers != 0) {
            run_carrier();
        }
    }
};
using RunQueue = Fixture;

int runs_of(const std::vector<Counted>& tasks) {
    int runs = 0;
    for (const Counted& task : tasks) {
        EXPECT_LE(task.runs, 1);
        runs += task.runs;
    }
    return runs;
}

TEST_F(RunQueue, OneCarrierDoesAllThatHasCome) {
    std::vector<Counted> tasks(10);
    for (Counted& task : tasks) {
        push(task);
        EXPECT_EQ(carriers, 1);
        EXPECT_EQ(task.runs, 0);
    }
    run_carrier();
    EXPECT_EQ(runs_of(tasks), 10);
    EXPECT_LE(carriers, 1) << "a relay may have been sent along";
    run_all_carriers();
    EXPECT_EQ(runs_of(tasks), 10);
}

TEST_F(RunQueue, KeepsTheOrder) {
    std::vector<Counted> tasks(10);
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i != tasks.size(); ++i) {
        tasks[i].on_run = [&order, i] { order.push_back(i); };
        push(tasks[i]);
    }
    run_all_carriers();
    EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(RunQueue, ATaskThatKeepsItsCarrierHoldsUpNobody) {
    Counted slow;
    Counted next;
    slow.on_run = [&] {
        EXPECT_EQ(carriers, 1) << "a carrier waits for what is left";
        run_carrier();
        EXPECT_EQ(next.runs, 1);
    };
    push(slow);
    push(next);
    run_carrier();
    EXPECT_EQ(slow.runs, 1);
}

TEST_F(RunQueue, WhatComesDuringATaskIsNotForgotten) {
    Counted first;
    Counted second;
    Counted third;
    first.on_run = [&] {
        push(second);
        push(third);
        EXPECT_EQ(carriers, 1);
    };
    push(first);
    run_all_carriers();
    EXPECT_EQ(second.runs, 1);
    EXPECT_EQ(third.runs, 1);
}

TEST_F(RunQueue, ACarrierYieldsItsThreadAndSendsTheNext) {
    std::vector<Counted> tasks(1000);
    for (Counted& task : tasks) {
        push(task);
    }
    int turns = 0;
    for (int runs = 0; carriers != 0; ++turns) {
        run_carrier();
        EXPECT_LE(runs_of(tasks) - runs, 64);
        runs = runs_of(tasks);
    }
    EXPECT_EQ(runs_of(tasks), 1000);
    EXPECT_GE(turns, 10);
}

TEST_F(RunQueue, ATaskCanEndTheTurnOfItsCarrier) {
    std::vector<Counted> tasks(3);
    tasks[1].on_run = [&] { queue.end_turn(); };
    for (Counted& task : tasks) {
        push(task);
    }
    run_carrier();
    EXPECT_EQ(runs_of(tasks), 2);
    EXPECT_EQ(carriers, 1);
    run_carrier();
    EXPECT_EQ(runs_of(tasks), 3) << "the next one has a turn of its own";
}

TEST_F(RunQueue, AnExceptionLosesNothing) {
    Counted bad;
    Counted good;
    bad.on_run = [] { throw std::runtime_error{"of the task"}; };
    push(bad);
    push(good);
    EXPECT_THROW(run_carrier(), std::runtime_error);
    run_all_carriers();
    EXPECT_EQ(good.runs, 1);
}

TEST_F(RunQueue, CloseLetsGoOfWhatIsThereAndRefusesWhatComes) {
    std::vector<Counted> tasks(3);
    for (Counted& task : tasks) {
        push(task);
    }
    queue.close();
    for (const Counted& task : tasks) {
        EXPECT_EQ(task.destroyed, 1);
    }
    run_carrier();  // it was on its way
    EXPECT_EQ(carriers, 0);
    EXPECT_EQ(runs_of(tasks), 0);
    Counted late;
    EXPECT_EQ(queue.push(late), Push::closed);
    EXPECT_EQ(late.destroyed, 0) << "it is still the caller's";
}

TEST(RunQueueThreads, EachTaskRunsOnce) {
    constexpr std::size_t producers = 2;
    constexpr std::size_t tasks_each = 20000;
    dispatch::detail::RunQueue queue;
    std::vector<Counted> tasks(producers * tasks_each);
    std::atomic<int> carriers{0};
    std::atomic<std::size_t> done{0};
    for (Counted& task : tasks) {
        task.on_run = [&] { ++done; };
    }
    std::vector<std::thread> threads;
    for (std::size_t p = 0; p != producers; ++p) {
        threads.emplace_back([&, p] {
            for (std::size_t i = 0; i != tasks_each; ++i) {
                carriers += queue.push(tasks[p * tasks_each + i]) == Push::first ? 1 : 0;
            }
        });
        threads.emplace_back([&] {
            // Runs a carrier only when one was posted: one too few, and this never ends.
            while (done != tasks.size()) {
                int seen = carriers;
                if (seen > 0 && carriers.compare_exchange_strong(seen, seen - 1)) {
                    queue.carry([&] { ++carriers; });
                } else {
                    std::this_thread::yield();
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(runs_of(tasks), static_cast<int>(tasks.size()));
}

}  // namespace
