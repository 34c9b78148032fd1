// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/execute/run_queue.hpp>

#include "../support/hand_clock.hpp"

namespace run_queue_test {

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

/// A queue whose invokers run when the test says so, and for which time passes when the test says so: on a slow machine
/// a turn may be over after any task.
struct Fixture : testing::Test {
    using Queue = dispatch::detail::RunQueue<test::HandClock>;
    using Push = Queue::Push;

    Queue queue;
    int invokers = 0;

    void push(Counted& task) { invokers += queue.push(task) == Push::first ? 1 : 0; }
    void run_invoker() {
        --invokers;
        queue.run_tasks([this] { ++invokers; });
    }
    void run_all_invokers() {
        while (invokers != 0) {
            run_invoker();
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

/// A queue whose invokers are run by threads, each as often as it was posted.
struct Carried {
    using Queue = dispatch::detail::RunQueue<>;

    Queue queue;
    std::atomic<int> invokers{0};

    void push(dispatch::detail::Task& task) { invokers += queue.push(task) == Queue::Push::first ? 1 : 0; }

    /// What each thread does. With one invoker too few this never ends.
    template <typename Done>
    void run_until(Done&& done) {
        while (!done()) {
            int seen = invokers;
            if (seen > 0 && invokers.compare_exchange_strong(seen, seen - 1)) {
                queue.run_tasks([this] { ++invokers; });
            } else {
                std::this_thread::yield();
            }
        }
    }
};

TEST_F(RunQueue, OneInvokerDoesAllThatHasCome) {
    std::vector<Counted> tasks(10);
    for (Counted& task : tasks) {
        push(task);
        EXPECT_EQ(invokers, 1);
        EXPECT_EQ(task.runs, 0);
    }
    run_invoker();
    EXPECT_EQ(runs_of(tasks), 10);
    EXPECT_LE(invokers, 1) << "a relay may have been sent along";
    run_all_invokers();
    EXPECT_EQ(runs_of(tasks), 10);
}

TEST_F(RunQueue, KeepsTheOrder) {
    std::vector<Counted> tasks(10);
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i != tasks.size(); ++i) {
        tasks[i].on_run = [&order, i] { order.push_back(i); };
        push(tasks[i]);
    }
    run_all_invokers();
    EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(RunQueue, ATaskThatKeepsItsInvokerHoldsUpNobody) {
    Counted slow;
    Counted next;
    slow.on_run = [&] {
        EXPECT_EQ(invokers, 1) << "an invoker waits for what is left";
        run_invoker();
        EXPECT_EQ(next.runs, 1);
    };
    push(slow);
    push(next);
    run_invoker();
    EXPECT_EQ(slow.runs, 1);
}

TEST_F(RunQueue, WhatComesDuringATaskIsNotForgotten) {
    Counted first;
    Counted second;
    Counted third;
    first.on_run = [&] {
        push(second);
        push(third);
        EXPECT_EQ(invokers, 1);
    };
    push(first);
    run_all_invokers();
    EXPECT_EQ(second.runs, 1);
    EXPECT_EQ(third.runs, 1);
}

TEST_F(RunQueue, AInvokerYieldsItsThreadAndSendsTheNext) {
    std::vector<Counted> tasks(2000);
    for (Counted& task : tasks) {
        push(task);
    }
    int turns = 0;
    for (int runs = 0; invokers != 0; ++turns) {
        run_invoker();
        EXPECT_LE(runs_of(tasks) - runs, 512);
        runs = runs_of(tasks);
    }
    EXPECT_EQ(runs_of(tasks), 2000);
    EXPECT_GE(turns, 4);
}

TEST_F(RunQueue, ATaskCanEndTheTurnOfItsInvoker) {
    std::vector<Counted> tasks(3);
    tasks[1].on_run = [&] { queue.end_time_slice(); };
    for (Counted& task : tasks) {
        push(task);
    }
    run_invoker();
    EXPECT_EQ(runs_of(tasks), 2);
    EXPECT_EQ(invokers, 1);
    run_invoker();
    EXPECT_EQ(runs_of(tasks), 3) << "the next one has a turn of its own";
}

TEST_F(RunQueue, ATaskThatCountsForManyShortensTheTurn) {
    std::vector<Counted> tasks(6);
    for (Counted& task : tasks) {
        task.on_run = [&] { queue.spend(200); };
        push(task);
    }
    run_invoker();
    EXPECT_EQ(runs_of(tasks), 3) << "200 and 200 are fewer than 512, 600 are not";
    run_invoker();
    EXPECT_EQ(runs_of(tasks), 6);
}

TEST_F(RunQueue, AInvokerTakesHalfOfWhatAnotherHas) {
    // What a task pushes stays with its invoker; another one, here in the midst of that task, helps itself.
    std::vector<Counted> pushed(8);
    Counted pusher;
    int runs_at_turns_end = 0;
    pushed[1].on_run = [&] {
        queue.end_time_slice();
        runs_at_turns_end = runs_of(pushed);
    };
    pusher.on_run = [&] {
        for (Counted& task : pushed) {
            push(task);
        }
        run_invoker();
    };
    push(pusher);
    run_invoker();
    EXPECT_EQ(runs_at_turns_end, 2);
    run_all_invokers();
    EXPECT_EQ(runs_of(pushed), 8) << "neither those that were taken nor those that were left are lost";
}

TEST_F(RunQueue, WhoeverIsStuckIsHelpedOutOfHisLastTask) {
    // An invoker that finds another one with a single task leaves it alone: but not for ever.
    Counted stuck;
    Counted last;
    std::atomic<bool> last_ran{false};
    std::atomic<bool> pushed{false};
    last.on_run = [&] { last_ran = true; };
    stuck.on_run = [&] {
        push(last);
        pushed = true;
        while (!last_ran) {
            test::HandClock::advance(std::chrono::microseconds{1});
            std::this_thread::yield();
        }
    };
    push(stuck);
    std::thread helper{[&] {
        while (!pushed) {
            std::this_thread::yield();
        }
        queue.run_tasks([] {});
    }};
    queue.run_tasks([] {});
    helper.join();
    EXPECT_EQ(last.runs, 1);
}

TEST_F(RunQueue, WhatComesFromOutsideDoesNotWaitForTasksThatMakeTasks) {
    Counted outside;
    Counted again;
    int runs_before = -1;
    outside.on_run = [&] { runs_before = again.runs; };
    again.on_run = [&] {
        if (again.runs == 1) {
            std::thread{[&] { push(outside); }}.join();
        }
        if (again.runs != 400) {
            push(again);
        }
    };
    push(again);
    run_all_invokers();
    EXPECT_GE(runs_before, 1);
    EXPECT_LE(runs_before, 32) << "of 512 that a turn may have";
}

TEST_F(RunQueue, ATurnOfLongTasksIsShort) {
    Counted again;
    again.on_run = [&] {
        test::HandClock::advance(std::chrono::microseconds{300});
        if (again.runs != 400) {
            push(again);
        }
    };
    push(again);
    run_invoker();
    EXPECT_EQ(again.runs, 1) << "of 512 that a turn of short ones may have";
    again.on_run = [] {};
    run_all_invokers();
}

TEST_F(RunQueue, CloseReachesWhatAInvokerHas) {
    Counted task;
    Counted pushed;
    Counted late;
    task.on_run = [&] {
        push(pushed);
        queue.close();
        EXPECT_EQ(pushed.destroyed, 1);
        EXPECT_EQ(queue.push(late), Push::closed);
    };
    push(task);
    run_all_invokers();
    EXPECT_EQ(pushed.runs, 0);
    EXPECT_EQ(late.destroyed, 0) << "it is still the caller's";
}

TEST_F(RunQueue, QueuesDoNotMixTheirTasks) {
    Queue other;
    Counted task;
    Counted of_other;
    task.on_run = [&] {
        EXPECT_EQ(other.push(of_other), Push::first);
        other.end_time_slice();  // is in no turn
    };
    Counted next;
    push(task);
    push(next);
    run_all_invokers();
    EXPECT_EQ(next.runs, 1);
    EXPECT_EQ(of_other.runs, 0);
    other.run_tasks([] {});
    EXPECT_EQ(of_other.runs, 1);
}

TEST_F(RunQueue, AnExceptionLosesNothing) {
    Counted bad;
    Counted good;
    bad.on_run = [] { throw std::runtime_error{"of the task"}; };
    push(bad);
    push(good);
    EXPECT_THROW(run_invoker(), std::runtime_error);
    run_all_invokers();
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
    run_invoker();  // it was on its way
    EXPECT_EQ(invokers, 0);
    EXPECT_EQ(runs_of(tasks), 0);
    Counted late;
    EXPECT_EQ(queue.push(late), Push::closed);
    EXPECT_EQ(late.destroyed, 0) << "it is still the caller's";
}

TEST(RunQueueThreads, WhoIsStuckIsHelpedByThoseWhoAreBusy) {
    // One task blocks its invoker, which has others; and one goes on and on with another invoker, which so
    // never runs out of tasks.
    Carried carried;
    std::vector<Counted> held_up(3);
    Counted blocking;
    Counted again;
    std::atomic<bool> is_blocking{false};
    std::atomic<bool> done{false};
    blocking.on_run = [&] {
        for (Counted& task : held_up) {
            carried.push(task);
        }
        is_blocking = true;
        while (runs_of(held_up) != 3) {  // one who is never helped never ends
            std::this_thread::yield();
        }
        done = true;
    };
    again.on_run = [&] {
        if (!done) {
            carried.push(again);
        }
    };
    carried.push(blocking);
    const auto all_done = [&] { return done && carried.invokers == 0; };
    std::thread first{[&] { carried.run_until(all_done); }};
    std::thread second{[&] {
        while (!is_blocking) {
            std::this_thread::yield();
        }
        carried.push(again);
        carried.run_until(all_done);
    }};
    first.join();
    second.join();
    EXPECT_EQ(runs_of(held_up), 3);
}

TEST(RunQueueThreads, TasksThatMakeTasksAreAllRun) {
    // Four threads help one another with a tree of tasks, each of which has two children.
    for (int round = 0; round != 20; ++round) {
        Carried carried;
        std::vector<Counted> nodes(5000);
        std::atomic<std::size_t> done{0};
        for (std::size_t node = 0; node != nodes.size(); ++node) {
            nodes[node].on_run = [&, node] {
                for (const std::size_t child : {2 * node + 1, 2 * node + 2}) {
                    if (child < nodes.size()) {
                        carried.push(nodes[child]);
                    }
                }
                ++done;
            };
        }
        carried.push(nodes[0]);
        std::vector<std::thread> threads;
        for (int t = 0; t != 4; ++t) {
            threads.emplace_back([&] { carried.run_until([&] { return done == nodes.size(); }); });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        EXPECT_EQ(runs_of(nodes), static_cast<int>(nodes.size()));
    }
}

TEST(RunQueueThreads, EachTaskRunsOnce) {
    constexpr std::size_t producers = 2;
    constexpr std::size_t tasks_each = 20000;
    Carried carried;
    std::vector<Counted> tasks(producers * tasks_each);
    std::atomic<std::size_t> done{0};
    for (Counted& task : tasks) {
        task.on_run = [&] { ++done; };
    }
    std::vector<std::thread> threads;
    for (std::size_t p = 0; p != producers; ++p) {
        threads.emplace_back([&, p] {
            for (std::size_t i = 0; i != tasks_each; ++i) {
                carried.push(tasks[p * tasks_each + i]);
            }
        });
        threads.emplace_back([&] { carried.run_until([&] { return done == tasks.size(); }); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(runs_of(tasks), static_cast<int>(tasks.size()));
}

}  // namespace run_queue_test
