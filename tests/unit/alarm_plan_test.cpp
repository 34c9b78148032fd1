// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include <dispatch/detail/queue/alarm_plan.hpp>

namespace alarm_plan_test {

using Plan = dispatch::detail::AlarmPlan<int>;
using Step = Plan::Step;

TEST(AlarmPlan, LooksOnceForWhatComes) {
    Plan plan;
    EXPECT_FALSE(plan.needs_look()) << "there is nothing to be called off";
    EXPECT_TRUE(plan.needs_look(10));
    plan.look_is_called();
    EXPECT_FALSE(plan.needs_look(5)) << "one look is enough";
    EXPECT_EQ(plan.look(5), Step::set);
    EXPECT_FALSE(plan.needs_look(5));
    EXPECT_FALSE(plan.needs_look(6)) << "the alarm comes first";
    EXPECT_TRUE(plan.needs_look(4));
}

TEST(AlarmPlan, ALookThatFindsNothingDueSetsNoAlarm) {
    Plan plan;
    plan.look_is_called();
    EXPECT_EQ(plan.look(std::nullopt), Step::nothing);
    EXPECT_TRUE(plan.needs_look(10));
}

TEST(AlarmPlan, TheSecondLookInARowThatFindsNothingCallsTheAlarmOff) {
    Plan plan;
    plan.look_is_called();
    EXPECT_EQ(plan.look(10), Step::set);
    EXPECT_TRUE(plan.needs_look());
    plan.look_is_called();
    EXPECT_FALSE(plan.needs_look());
    EXPECT_EQ(plan.look(std::nullopt), Step::look_again);
    EXPECT_FALSE(plan.needs_look()) << "it is on its way";
    EXPECT_FALSE(plan.needs_look(20));
    EXPECT_EQ(plan.look(20), Step::nothing) << "the alarm is early enough";
    plan.look_is_called();
    EXPECT_EQ(plan.look(std::nullopt), Step::look_again) << "the one before the last does not count";
    EXPECT_EQ(plan.look(std::nullopt), Step::clear);
    EXPECT_FALSE(plan.needs_look());
    EXPECT_TRUE(plan.needs_look(30));
}

TEST(AlarmPlan, IsSetForWhatIsLeftWhenItHasRung) {
    Plan plan;
    plan.look_is_called();
    EXPECT_EQ(plan.look(10), Step::set);
    EXPECT_EQ(plan.settle(15), Step::set);
    EXPECT_TRUE(plan.needs_look(14));
    EXPECT_FALSE(plan.needs_look(15));
    EXPECT_EQ(plan.settle(std::nullopt), Step::clear);
    EXPECT_EQ(plan.settle(std::nullopt), Step::nothing);
}

/// Things come and go at random, moments and times pass, and the three rules hold after each step.
TEST(AlarmPlan, KeepsItsRules) {
    for (unsigned seed = 1; seed != 200; ++seed) {
        std::minstd_rand random{seed};
        Plan plan;
        std::multiset<int> due;
        std::optional<int> alarm;
        bool look_is_due = false;
        int now = 0;
        const auto earliest = [&] { return due.empty() ? std::optional<int>{} : *due.begin(); };
        const auto follow = [&](Step step) {
            switch (step) {
                case Step::nothing:
                    return;
                case Step::set:
                    alarm = *earliest();
                    return;
                case Step::clear:
                    alarm.reset();
                    return;
                case Step::look_again:
                    ASSERT_FALSE(look_is_due);
                    look_is_due = true;
                    return;
            }
        };
        const auto call = [&](bool needed) {
            if (needed) {
                ASSERT_FALSE(look_is_due) << "rule 3";
                plan.look_is_called();
                look_is_due = true;
            }
        };
        for (int step = 0; step != 500; ++step) {
            switch (random() % 5) {
                case 0: {
                    const int time = now + static_cast<int>(random() % 20);
                    due.insert(time);
                    call(plan.needs_look(time));
                    break;
                }
                case 1:
                case 2:
                    if (!due.empty()) {
                        due.erase(random() % 2 == 0 ? due.begin() : std::prev(due.end()));
                        call(due.empty() && plan.needs_look());
                    }
                    break;
                case 3:
                    if (look_is_due) {
                        look_is_due = false;
                        follow(plan.look(earliest()));
                    }
                    break;
                default:
                    if (look_is_due) {
                        break;  // time passes when there is nothing else to do
                    }
                    ++now;
                    if (alarm && *alarm <= now) {
                        due.erase(due.begin(), due.upper_bound(now));
                        follow(plan.settle(earliest()));
                    }
                    ASSERT_TRUE(due.empty() || *due.begin() > now) << "late; seed " << seed << ", step " << step;
            }
            ASSERT_TRUE(due.empty() || look_is_due || (alarm && *alarm <= *due.begin())) << "rule 1; seed " << seed;
            ASSERT_TRUE(!due.empty() || look_is_due || !alarm) << "rule 2; seed " << seed;
        }
    }
}

}  // namespace alarm_plan_test
