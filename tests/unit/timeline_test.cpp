// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/simulation/timeline.hpp>

namespace timeline_test {

using namespace std::chrono_literals;
using dispatch::detail::Timeline;

/// Calls a function when it is run, or another when it is destroyed undone.
class Call final : public Timeline::Function {
  public:
    explicit Call(std::function<void()> run, std::function<void()> undone = {})
        : run_{std::move(run)}, undone_{std::move(undone)} {}
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() override {
        if (undone_) {
            undone_();
        }
    }
    void run() override {
        undone_ = {};
        run_();
    }

  private:
    std::function<void()> run_;
    std::function<void()> undone_;
};

/// Calls a function with whether it was cancelled, once it has ended and is run.
class Note final : public Timeline::Wait {
  public:
    explicit Note(std::function<void(bool)> heard) : heard_{std::move(heard)} {}
    void end(bool cancelled) noexcept override { cancelled_ = cancelled; }
    void run() override { heard_(cancelled_); }

  private:
    std::function<void(bool)> heard_;
    bool cancelled_ = false;
};

class TimelineTest : public testing::Test {
  protected:
    void add(Timeline& timeline, int number) {
        timeline.add(this, std::make_unique<Call>([this, number] { ran.push_back(number); }));
    }
    Timeline::WaitId wait(Timeline& timeline, Timeline::time_point time, int number) {
        const Timeline::WaitId id = timeline.new_wait(time);
        timeline.add_wait(this, id, std::make_unique<Note>([this, number](bool cancelled) {
                              ran.push_back(cancelled ? -number : number);
                          }));
        return id;
    }
    static bool run_one(Timeline& timeline) {
        const auto [owner, function] = timeline.take();
        if (function) {
            function->run();
        }
        return function != nullptr;
    }
    static void run_all(Timeline& timeline) {
        while (run_one(timeline)) {
        }
    }
    std::vector<int> order_of(std::uint64_t seed, int functions) {
        ran.clear();
        Timeline timeline{seed};
        for (int i = 0; i != functions; ++i) {
            add(timeline, i);
        }
        run_all(timeline);
        return ran;
    }

    std::vector<int> ran;
};

TEST_F(TimelineTest, WithoutASeedFirstComeFirstServed) {
    std::vector<int> in_order(20);
    std::iota(in_order.begin(), in_order.end(), 0);
    EXPECT_EQ(order_of(0, 20), in_order);
}

TEST_F(TimelineTest, ASeedRepeatsAndSeedsDiffer) {
    std::set<std::vector<int>> orders;
    for (std::uint64_t seed = 0; seed != 50; ++seed) {
        const std::vector<int> order = order_of(seed, 8);
        EXPECT_EQ(order_of(seed, 8), order);
        std::vector<int> sorted = order;
        std::sort(sorted.begin(), sorted.end());
        EXPECT_EQ(sorted, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7})) << "each runs once";
        orders.insert(order);
    }
    EXPECT_GT(orders.size(), 25U);
}

TEST_F(TimelineTest, SomeSeedsDisturbTheOrderALittleAndSomeALot) {
    int nearly_in_order = 0;
    int mixed_up = 0;
    for (std::uint64_t seed = 1; seed != 100; ++seed) {
        const std::vector<int> order = order_of(seed, 100);
        int in_place = 0;
        for (int i = 0; i != 100; ++i) {
            in_place += order[static_cast<std::size_t>(i)] == i ? 1 : 0;
        }
        nearly_in_order += in_place > 75 ? 1 : 0;
        mixed_up += in_place < 20 ? 1 : 0;
    }
    EXPECT_GT(nearly_in_order, 5);
    EXPECT_GT(mixed_up, 5);
}

TEST_F(TimelineTest, WaitsEndInTheOrderOfTheirTimesWhenTheirTimeHasCome) {
    Timeline timeline{0};
    const auto start = timeline.now();
    wait(timeline, start + 3s, 3);
    wait(timeline, start + 1s, 1);
    wait(timeline, start + 3s, 4);
    EXPECT_EQ(timeline.waits(), 3U);
    EXPECT_EQ(timeline.next_wait(), start + 1s);
    EXPECT_EQ(timeline.ready(), 0U);
    EXPECT_TRUE(ran.empty());
    timeline.advance_to(start + 3s - 1ns);
    EXPECT_EQ(timeline.ready(), 1U);
    EXPECT_TRUE(ran.empty()) << "to look does not end it";
    run_all(timeline);
    EXPECT_EQ(ran, (std::vector<int>{1}));
    timeline.advance_to(start + 3s);
    EXPECT_EQ(timeline.ready(), 2U);
    run_all(timeline);
    EXPECT_EQ(ran, (std::vector<int>{1, 3, 4}));
    EXPECT_EQ(timeline.next_wait(), std::nullopt);
}

TEST_F(TimelineTest, SomeWaitForEver) {
    Timeline timeline{0};
    EXPECT_EQ(timeline.after(Timeline::duration::max()), Timeline::never);
    EXPECT_EQ(timeline.after(1s), timeline.now() + 1s);
    wait(timeline, Timeline::never, 1);
    EXPECT_EQ(timeline.next_wait(), std::nullopt);
    EXPECT_EQ(timeline.waits_for_ever(), 1U);
    wait(timeline, timeline.now(), 2);
    EXPECT_EQ(timeline.waits_for_ever(), 1U);
    EXPECT_EQ(timeline.waits(), 2U);
    run_all(timeline);
    EXPECT_EQ(ran, (std::vector<int>{2}));
}

TEST_F(TimelineTest, AWaitIsCancelledOnceAndOnlyBeforeItEnds) {
    Timeline timeline{0};
    const auto start = timeline.now();
    const auto first = wait(timeline, start + 1s, 1);
    const auto second = wait(timeline, start + 1s, 2);
    EXPECT_TRUE(timeline.cancel(second));
    EXPECT_FALSE(timeline.cancel(second));
    EXPECT_TRUE(ran.empty()) << "not from within";
    timeline.advance_to(start + 1s);
    run_all(timeline);
    EXPECT_EQ(ran, (std::vector<int>{-2, 1}));
    EXPECT_FALSE(timeline.cancel(first));
}

TEST_F(TimelineTest, TimeDoesNotGoBack) {
    Timeline timeline{0};
    const auto start = timeline.now();
    timeline.advance_to(start + 1s);
    timeline.advance_to(start);
    EXPECT_EQ(timeline.now(), start + 1s);
}

TEST_F(TimelineTest, DroppingAnOwnerTakesWhatItsDestructorsAddAsWell) {
    Timeline timeline{0};
    int undone = 0;
    const int other = 0;
    timeline.add(this, std::make_unique<Call>([] {},
                                              [&] {
                                                  ++undone;
                                                  timeline.add(this, std::make_unique<Call>([] {}, [&] { ++undone; }));
                                              }));
    timeline.add(&other, std::make_unique<Call>([&] { ran.push_back(1); }));
    wait(timeline, timeline.now() + 1s, 2);
    timeline.add_wait(&other, timeline.new_wait(timeline.now() + 1s),
                      std::make_unique<Note>([&](bool) { ran.push_back(3); }));
    timeline.drop(this);
    EXPECT_EQ(undone, 2);
    EXPECT_EQ(timeline.ready(), 1U);
    EXPECT_EQ(timeline.waits(), 1U);
    timeline.advance_to(timeline.now() + 1s);
    run_all(timeline);
    EXPECT_EQ(ran, (std::vector<int>{1, 3})) << "what others have is left";
}

TEST_F(TimelineTest, WhatADestructorCancelsIsDroppedAsWell) {
    Timeline timeline{0};
    const auto second = timeline.new_wait(timeline.now() + 2s);
    struct Canceller final : Timeline::Wait {
        Canceller(Timeline& of, Timeline::WaitId other) : timeline_of{of}, id{other} {}
        Canceller(const Canceller&) = delete;
        Canceller& operator=(const Canceller&) = delete;
        ~Canceller() override { timeline_of.cancel(id); }
        void end(bool /*cancelled*/) noexcept override {}
        void run() override {}
        Timeline& timeline_of;
        const Timeline::WaitId id;
    };
    timeline.add_wait(this, timeline.new_wait(timeline.now() + 1s), std::make_unique<Canceller>(timeline, second));
    timeline.add_wait(this, second, std::make_unique<Note>([&](bool) { ran.push_back(2); }));
    timeline.drop(this);
    EXPECT_EQ(timeline.ready(), 0U);
    EXPECT_EQ(timeline.waits(), 0U);
    run_all(timeline);
    EXPECT_TRUE(ran.empty());
}

TEST_F(TimelineTest, ThousandsComeAndGoInOrder) {
    Timeline timeline{0};
    int next = 0;
    std::vector<int> expected;
    for (int round = 0; round != 200; ++round) {
        for (int i = 0; i != round % 37; ++i) {
            expected.push_back(next);
            add(timeline, next++);
        }
        for (int i = 0; i != round % 31; ++i) {
            run_one(timeline);
        }
    }
    run_all(timeline);
    EXPECT_EQ(ran, expected);
}

}  // namespace timeline_test
