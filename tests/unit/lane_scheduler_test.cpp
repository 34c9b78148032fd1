// SPDX-License-Identifier: Apache-2.0
//
// detail/run/lane_scheduler.hpp, step by step: what it is told, and what it answers.
#include <cstddef>
#include <deque>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/run/lane_scheduler.hpp>

namespace lane_scheduler_test {

struct Lane : dispatch::detail::ScheduledLane {
    explicit Lane(char lane_name) : name{lane_name} {}
    char name;
};

using Scheduler = dispatch::detail::LaneScheduler<Lane>;

/// The lanes a to z. What a worker does with each is one letter of a script, followed by the lane.
class Table {
  public:
    explicit Table(std::size_t permits) : scheduler{permits} {
        for (char name = 'a'; name <= 'z'; ++name) {
            lanes.emplace_back(name);
        }
    }

    /// What the scheduler answers to "what?" or "what lane?".
    std::string tell(std::string_view step) {
        const std::string_view what = step.substr(0, step.find(' '));
        Lane* const lane = step.size() > what.size() ? &lanes[static_cast<std::size_t>(step.back() - 'a')] : nullptr;
        if (what == "next") {
            const Scheduler::Step answer = scheduler.next();
            switch (answer.next) {
                case Scheduler::Next::nothing:
                    return "nothing";
                case Scheduler::Next::resume:
                    return std::string{"resume "} + answer.lane->name + (answer.lane->has_permit ? "" : " (no permit)");
                case Scheduler::Next::add:
                    return "add";
            }
        } else if (what == "begin") {
            scheduler.begin(*lane);
            return "";
        } else if (what == "end") {
            return scheduler.end(*lane) ? "idle" : "";
        } else if (what == "rest") {
            const Scheduler::Rest answer = scheduler.rest(*lane);
            return std::string{answer.parks ? "park" : "exit"} + (answer.surplus != nullptr ? " with another" : "") +
                   (lane->has_permit ? " on standby" : "");
        } else if (what == "lost") {
            return scheduler.lost(*lane) ? "idle" : "";
        } else if (what == "permit_returned") {
            scheduler.permit_returned();
            return scheduler.add_is_due() ? "add is due" : "";
        } else if (what == "wind_down") {
            scheduler.wind_down();
            return "";
        } else if (what == "take_parked") {
            Lane* const taken = scheduler.take_parked();
            return taken != nullptr ? std::string{taken->name} : "none";
        } else if (what == "free") {
            return std::to_string(scheduler.free_permits());
        }
        return "no such step";
    }

    Scheduler scheduler;
    std::deque<Lane> lanes;
};

struct Step {
    std::string tell;
    std::string answer;
};

struct Case {
    const char* name;
    std::size_t permits;
    std::vector<Step> steps;

    friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

class LaneSchedulerSteps : public testing::TestWithParam<Case> {};

TEST_P(LaneSchedulerSteps, Answers) {
    Table table{GetParam().permits};
    std::size_t number = 0;
    for (const Step& step : GetParam().steps) {
        ++number;
        ASSERT_EQ(table.tell(step.tell), step.answer) << "step " << number << ", " << step.tell;
    }
}

INSTANTIATE_TEST_SUITE_P(
    , LaneSchedulerSteps,
    testing::Values(
        Case{"OneJobAtATimeNeedsOneLane",
             4,
             {{"rest a", "park"},  // as every lane begins
              {"next", "resume a"},
              {"begin a", ""},
              {"end a", "idle"},
              {"rest a", "park on standby"},
              {"free", "3"},
              {"next", "resume a"},
              {"begin a", ""},
              {"end a", "idle"},
              {"rest a", "park on standby"},
              {"free", "3"}}},
        Case{"ALaneIsAddedWhenAllAreBusy",
             2,
             {{"rest a", "park"},
              {"next", "resume a"},
              {"begin a", ""},
              {"next", "add"},
              {"free", "0"},
              {"next", "nothing"},
              {"permit_returned", "add is due"},
              {"rest b", "park"},
              {"next", "resume b"},
              {"begin b", ""},
              {"next", "nothing"},
              {"free", "0"}}},
        Case{"OnePermitIsLentAtATime",
             5,
             {{"rest a", "park"},
              {"next", "resume a"},
              {"begin a", ""},
              {"next", "add"},
              {"next", "nothing"},
              {"free", "3"},
              {"permit_returned", "add is due"},
              {"free", "4"},
              {"next", "add"}}},
        Case{"ALaneThatEndsMeanwhileIsUsedInstead",
             2,
             {{"rest a", "park"},
              {"next", "resume a"},
              {"begin a", ""},
              {"next", "add"},
              {"end a", "idle"},
              {"rest a", "park on standby"},
              {"permit_returned", ""},
              {"next", "resume a"}}},
        Case{"AllPermitsInUseLeaveNothingToDo",
             1,
             {{"rest a", "park"}, {"next", "resume a"}, {"begin a", ""}, {"next", "nothing"}, {"free", "0"}}},
        Case{"OneStandsByAndTheRestGiveTheirPermitsBack",
             3,
             {{"rest a", "park"},
              {"rest b", "park"},
              {"next", "resume b"},  // the latest first: it is the warmest
              {"begin b", ""},
              {"next", "resume a"},
              {"begin a", ""},
              {"end b", ""},
              {"rest b", "park on standby"},
              {"end a", "idle"},
              {"rest a", "park"},
              {"free", "2"},
              {"next", "resume b"},
              {"next", "resume a"}}},
        Case{"ALostLaneGivesItsPermitBack",
             1,
             {{"rest a", "park"},
              {"next", "resume a"},
              {"begin a", ""},
              {"lost a", "idle"},
              {"free", "1"},
              {"next", "add"},
              {"permit_returned", "add is due"},
              {"rest b", "park"},
              {"next", "resume b"}}},
        Case{"WindingDownEndsWhatIsParkedAndWhatRests",
             3,
             {{"rest a", "park"},
              {"rest b", "park"},
              {"next", "resume b"},
              {"begin b", ""},
              {"next", "resume a"},
              {"begin a", ""},
              {"end b", ""},
              {"rest b", "park on standby"},
              {"wind_down", ""},
              {"take_parked", "b"},
              {"rest b", "exit"},
              {"take_parked", "none"},
              {"end a", "idle"},
              {"rest a", "exit"},
              {"free", "3"},
              {"next", "nothing"}}},
        Case{"ALentPermitComesBackToAWorkerThatWindsDown",
             2,
             {{"rest a", "park"},
              {"next", "resume a"},
              {"begin a", ""},
              {"next", "add"},
              {"wind_down", ""},
              {"take_parked", "none"},
              {"permit_returned", "add is due"},
              {"next", "nothing"},
              {"end a", "idle"},
              {"rest a", "exit"},
              {"free", "2"}}}),
    [](const testing::TestParamInfo<Case>& tested) { return tested.param.name; });

TEST(LaneScheduler, GivesBackTheLanesThatABurstHasLeft) {
    constexpr std::size_t burst = 4 * Scheduler::spare_lanes;
    Scheduler scheduler{burst};
    std::deque<Lane> lanes;
    for (std::size_t i = 0; i != burst; ++i) {
        Lane& lane = lanes.emplace_back('x');
        ASSERT_TRUE(scheduler.rest(lane).parks || i >= Scheduler::spare_lanes);
        if (const auto step = scheduler.next(); step.next == Scheduler::Next::resume) {
            scheduler.begin(*step.lane);
        }
    }
    ASSERT_EQ(scheduler.running_lanes(), burst);

    std::size_t exited = 0;
    std::size_t surplus = 0;  // the first one stands by
    for (Lane& lane : lanes) {
        scheduler.end(lane);
        const auto rest = scheduler.rest(lane);
        exited += rest.parks ? 0 : 1;
        if (rest.surplus != nullptr) {
            EXPECT_TRUE(&lane == &lanes.back() || rest.surplus == &lanes[++surplus])
                << "those go that have waited longest";
            const auto other = scheduler.rest(*rest.surplus);
            EXPECT_FALSE(other.parks);
            EXPECT_EQ(other.surplus, nullptr) << "they end two at a time";
            ++exited;
        }
    }
    EXPECT_EQ(exited, burst - 1 - Scheduler::spare_lanes);
    EXPECT_EQ(scheduler.free_permits(), burst - 1) << "the one that stands by has one";
}

TEST(LaneScheduler, KeepsAsManyAsAreRunning) {
    constexpr std::size_t many = 4 * Scheduler::spare_lanes;
    Scheduler scheduler{many};
    std::deque<Lane> lanes;
    for (std::size_t i = 0; i != many; ++i) {
        scheduler.rest(lanes.emplace_back('x'));
        scheduler.begin(*scheduler.next().lane);
    }
    for (std::size_t i = 0; i != many / 2; ++i) {
        scheduler.end(lanes[i]);
        const auto rest = scheduler.rest(lanes[i]);
        EXPECT_TRUE(rest.parks);
        EXPECT_EQ(rest.surplus, nullptr);
    }
}

/// What a host is asked for, and the jobs that it has.
struct Host {
    Scheduler& scheduler;
    std::size_t jobs;
    bool handlers_suspend = false;
    std::size_t turn = 64;
    std::string log{};

    void resume(Lane& lane) {
        log += lane.name;
        scheduler.begin(lane);
        while (jobs != 0) {
            --jobs;
            if (handlers_suspend) {
                return;
            }
            if (--turn == 0) {
                break;
            }
        }
        scheduler.end(lane);
        scheduler.rest(lane);
    }
    void add_lane() { log += '+'; }
    bool try_sleep() const { return jobs == 0; }
    bool try_yield() { return --turn == 0; }
};

TEST(LaneScheduler, RunsLanesUntilThereAreNoJobs) {
    Table table{8};
    table.tell("rest b");
    table.tell("rest a");
    Host host{table.scheduler, 5};
    table.scheduler.run(host);
    EXPECT_EQ(host.log, "a") << "one lane does them all";
    EXPECT_EQ(host.jobs, 0U);
}

TEST(LaneScheduler, RunsMoreLanesWhereHandlersSuspend) {
    Table table{8};
    table.tell("rest c");
    table.tell("rest b");
    table.tell("rest a");
    Host host{table.scheduler, 5, true};
    table.scheduler.run(host);
    EXPECT_EQ(host.log, "abc+");
    EXPECT_EQ(host.jobs, 2U);
    EXPECT_EQ(table.scheduler.free_permits(), 4U) << "8, less 3 that are in use, and one that is lent";
}

TEST(LaneScheduler, AsksForNoLaneThatHasNoPermit) {
    Table table{2};
    table.tell("rest b");
    table.tell("rest a");
    Host host{table.scheduler, 5, true};
    table.scheduler.run(host);
    EXPECT_EQ(host.log, "ab");
}

TEST(LaneScheduler, LeavesOffWhenTheTurnIsOver) {
    Table table{8};
    for (const char* step : {"rest d", "rest c", "rest b", "rest a"}) {
        table.tell(step);
    }
    Host host{table.scheduler, 5, true, 2};
    table.scheduler.run(host);
    EXPECT_EQ(host.log, "ab");

    Host without_suspension{table.scheduler, 5, false, 3};
    table.scheduler.run(without_suspension);
    EXPECT_EQ(without_suspension.log, "c");
    EXPECT_EQ(without_suspension.jobs, 2U);
}

}  // namespace lane_scheduler_test
