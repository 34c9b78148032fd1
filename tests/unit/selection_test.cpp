// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <set>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/selection.hpp>

namespace selection_test {

using dispatch::Choice;
using dispatch::LeastLoaded;
using dispatch::PowerOfTwoChoices;
using dispatch::Purpose;
using dispatch::RoundRobin;

/// Workers as a policy sees them, and how often it looked.
struct Workers {
    std::vector<std::uint32_t> loads;
    std::vector<std::size_t> pinned = std::vector<std::size_t>(loads.size());
    mutable std::vector<std::size_t> looked = {};

    std::size_t size() const noexcept { return loads.size(); }
    std::uint32_t load(std::size_t worker) const noexcept {
        looked.push_back(worker);
        return loads[worker];
    }
    std::size_t sessions(std::size_t worker) const noexcept { return pinned[worker]; }
};

/// How often each worker is picked.
template <typename Policy>
std::vector<int> count_picks(Policy& policy, const Workers& workers, int picks, Purpose purpose = Purpose::job) {
    std::vector<int> counts(workers.size());
    for (int i = 0; i != picks; ++i) {
        ++counts[policy.pick(workers, purpose).worker];
        workers.looked.clear();
    }
    return counts;
}

/// Runs body(0) to body(count - 1), each on a thread of its own.
template <typename Body>
void run_threads(std::size_t count, Body body) {
    std::vector<std::thread> running;
    for (std::size_t t = 0; t != count; ++t) {
        running.emplace_back(body, t);
    }
    for (std::thread& thread : running) {
        thread.join();
    }
}

template <typename Policy>
class EveryPolicy : public testing::Test {};
using Policies = testing::Types<LeastLoaded, RoundRobin, PowerOfTwoChoices>;
TYPED_TEST_SUITE(EveryPolicy, Policies);

TYPED_TEST(EveryPolicy, PicksTheOnlyWorker) {
    TypeParam policy;
    const Workers workers{{7}};
    for (const Purpose purpose : {Purpose::job, Purpose::new_session}) {
        for (int i = 0; i != 10; ++i) {
            const Choice choice = policy.pick(workers, purpose);
            EXPECT_EQ(choice.worker, 0U);
            EXPECT_EQ(choice.load, 7U);
        }
    }
}

TYPED_TEST(EveryPolicy, SaysWhichLoadItSaw) {
    TypeParam policy;
    const Workers workers{{5, 3, 9, 3}};
    for (const Purpose purpose : {Purpose::job, Purpose::new_session}) {
        for (int i = 0; i != 100; ++i) {
            const Choice choice = policy.pick(workers, purpose);
            ASSERT_LT(choice.worker, 4U);
            EXPECT_EQ(choice.load, workers.loads[choice.worker]);
        }
    }
}

TYPED_TEST(EveryPolicy, ReadsEachLoadOnceAtTheMost) {
    // The load that is returned must be the one that was compared.
    TypeParam policy;
    const Workers workers{{5, 3, 9, 3}};
    for (int i = 0; i != 100; ++i) {
        workers.looked.clear();
        policy.pick(workers, i % 2 == 0 ? Purpose::job : Purpose::new_session);
        EXPECT_EQ(std::set(workers.looked.begin(), workers.looked.end()).size(), workers.looked.size());
    }
}

TYPED_TEST(EveryPolicy, FollowsAPoolThatShrinks) {
    TypeParam policy;
    count_picks(policy, Workers{{1, 1, 1, 1, 1, 1, 1, 0}}, 1);
    for (int i = 0; i != 20; ++i) {
        EXPECT_LT(policy.pick(Workers{{0, 0, 0}}, Purpose::job).worker, 3U);
    }
}

TYPED_TEST(EveryPolicy, GoesOnWhereItWasWhenMoved) {
    const Workers workers{{0, 0, 0, 0, 0}};
    TypeParam still;
    TypeParam origin;
    for (int i = 0; i != 7; ++i) {
        still.pick(workers, Purpose::job);
        origin.pick(workers, Purpose::job);
    }
    TypeParam moved{std::move(origin)};
    TypeParam assigned;
    for (int i = 0; i != 7; ++i) {
        EXPECT_EQ(moved.pick(workers, Purpose::job).worker, still.pick(workers, Purpose::job).worker);
    }
    assigned = std::move(moved);
    EXPECT_EQ(assigned.pick(workers, Purpose::job).worker, still.pick(workers, Purpose::job).worker);
}

TYPED_TEST(EveryPolicy, IsSafeToUseFromSeveralThreads) {
    struct SharedView {
        const std::array<std::atomic<std::uint32_t>, 4>& loads;
        std::size_t size() const noexcept { return loads.size(); }
        std::uint32_t load(std::size_t worker) const noexcept { return loads[worker].load(); }
        std::size_t sessions(std::size_t) const noexcept { return 0; }
    };
    constexpr std::size_t threads = 4;
    constexpr std::size_t picks = 5000;
    TypeParam policy;
    std::array<std::atomic<std::uint32_t>, 4> loads{};
    std::atomic<int> out_of_range{0};
    std::barrier together{static_cast<std::ptrdiff_t>(threads)};
    run_threads(threads, [&](std::size_t) {
        together.arrive_and_wait();
        for (std::size_t i = 0; i != picks; ++i) {
            const Choice choice = policy.pick(SharedView{loads}, i % 2 == 0 ? Purpose::job : Purpose::new_session);
            if (choice.worker < loads.size()) {
                ++loads[choice.worker];
            } else {
                ++out_of_range;
            }
        }
    });
    EXPECT_EQ(out_of_range, 0);
    EXPECT_EQ(loads[0] + loads[1] + loads[2] + loads[3], threads * picks);
    for (const auto& load : loads) {
        EXPECT_GT(load, 0U);
    }
}

TEST(LeastLoaded, PicksTheMinimumWhereverItIs) {
    for (std::size_t least = 0; least != 9; ++least) {
        for (std::size_t start = 0; start != 9; ++start) {
            LeastLoaded policy;
            Workers workers{std::vector<std::uint32_t>(9, 1)};
            workers.loads[start] = 0;
            policy.pick(workers, Purpose::job);
            workers.loads.assign({14, 12, 17, 11, 19, 13, 18, 15, 16});
            workers.loads[least] = 10;
            for (const Purpose purpose : {Purpose::job, Purpose::new_session}) {
                EXPECT_EQ(policy.pick(workers, purpose).worker, least);
            }
        }
    }
}

TEST(LeastLoaded, LoadWinsOverSessions) {
    LeastLoaded policy;
    const Workers workers{.loads = {2, 1, 2}, .pinned = {0, 1000, 0}};
    EXPECT_EQ(policy.pick(workers, Purpose::new_session).worker, 1U);
}

TEST(LeastLoaded, RotatesAmongEquals) {
    for (const Purpose purpose : {Purpose::job, Purpose::new_session}) {
        for (const std::uint32_t load : {0U, 3U}) {
            LeastLoaded policy;
            const Workers workers{{load, load, load, load}};
            std::size_t last = policy.pick(workers, purpose).worker;
            for (int i = 0; i != 40; ++i) {
                const std::size_t worker = policy.pick(workers, purpose).worker;
                EXPECT_EQ(worker, (last + 1) % 4);
                last = worker;
            }
        }
    }
}

TEST(LeastLoaded, EachThreadsPicksRotateWhateverTheOthersPick) {
    LeastLoaded policy;
    const auto pick = [&policy] { return policy.pick(Workers{{0, 0, 0, 0}}, Purpose::job).worker; };
    const std::size_t here = dispatch::detail::ThreadShard::index();  // past so many, threads share one
    std::size_t last = pick();
    for (std::size_t others = 0; others != 8; ++others) {
        run_threads(others, [&](std::size_t) {
            if (dispatch::detail::ThreadShard::index() != here) {
                pick();
            }
        });
        const std::size_t worker = pick();
        EXPECT_EQ(worker, (last + 1) % 4) << others;
        last = worker;
    }
}

TEST(LeastLoaded, RotationIsEvenPastABusyWorker) {
    LeastLoaded policy;
    EXPECT_EQ(count_picks(policy, Workers{{0, 9, 0, 0}}, 300), (std::vector<int>{100, 0, 100, 100}));
    EXPECT_EQ(count_picks(policy, Workers{{2, 9, 2, 2}}, 300), (std::vector<int>{100, 0, 100, 100}));
}

TEST(LeastLoaded, ANewSessionGoesToTheFewestSessionsAmongEquals) {
    LeastLoaded policy;
    const Workers workers{.loads = {0, 0, 4, 0}, .pinned = {5, 2, 0, 3}};
    for (int i = 0; i != 10; ++i) {
        EXPECT_EQ(policy.pick(workers, Purpose::new_session).worker, 1U);
    }
}

TEST(LeastLoaded, AJobIgnoresSessions) {
    LeastLoaded policy;
    const Workers workers{.loads = {0, 0, 0}, .pinned = {5, 0, 9}};
    EXPECT_EQ(count_picks(policy, workers, 300), (std::vector<int>{100, 100, 100}));
}

TEST(LeastLoaded, AJobStopsAtTheFirstIdleWorker) {
    LeastLoaded policy;
    const Workers workers{std::vector<std::uint32_t>(64, 0)};
    policy.pick(workers, Purpose::job);
    EXPECT_EQ(workers.looked.size(), 1U);
}

TEST(RoundRobin, TakesTurnsWhateverTheLoad) {
    for (const Purpose purpose : {Purpose::job, Purpose::new_session}) {
        RoundRobin policy;
        const Workers workers{{1000, 0, 5}};
        std::size_t last = policy.pick(workers, purpose).worker;
        for (int i = 0; i != 30; ++i) {
            const std::size_t worker = policy.pick(workers, purpose).worker;
            EXPECT_EQ(worker, (last + 1) % 3);
            last = worker;
        }
    }
}

TEST(PowerOfTwoChoices, ComparesTwoDifferentWorkers) {
    for (const std::size_t size : {2U, 3U, 5U, 8U}) {
        PowerOfTwoChoices policy{42};
        const Workers workers{std::vector<std::uint32_t>(size, 1)};
        std::set<std::pair<std::size_t, std::size_t>> pairs;
        for (int i = 0; i != 5000; ++i) {
            workers.looked.clear();
            policy.pick(workers, Purpose::job);
            ASSERT_EQ(workers.looked.size(), 2U);
            ASSERT_NE(workers.looked[0], workers.looked[1]);
            pairs.emplace(workers.looked[0], workers.looked[1]);
        }
        EXPECT_EQ(pairs.size(), size * (size - 1));
    }
}

TEST(PowerOfTwoChoices, TakesTheLessLoadedOfTheTwo) {
    PowerOfTwoChoices policy{42};
    const Workers workers{{4, 2, 9, 6, 1}};
    for (int i = 0; i != 1000; ++i) {
        workers.looked.clear();
        const Choice choice = policy.pick(workers, Purpose::job);
        EXPECT_EQ(choice.load, std::min(workers.loads[workers.looked[0]], workers.loads[workers.looked[1]]));
    }
}

TEST(PowerOfTwoChoices, ANewSessionGoesToTheFewerSessionsOfTwoEquals) {
    PowerOfTwoChoices policy{42};
    const Workers workers{.loads = {1, 1, 1}, .pinned = {7, 0, 3}};
    for (int i = 0; i != 1000; ++i) {
        workers.looked.clear();
        const std::size_t worker = policy.pick(workers, Purpose::new_session).worker;
        EXPECT_EQ(workers.pinned[worker],
                  std::min(workers.pinned[workers.looked[0]], workers.pinned[workers.looked[1]]));
    }
}

TEST(PowerOfTwoChoices, SpreadsEvenlyOverEquals) {
    PowerOfTwoChoices policy{42};
    // Binomial(80,000, 1/8): the standard deviation is 94.
    for (const int count : count_picks(policy, Workers{std::vector<std::uint32_t>(8, 0)}, 80000)) {
        EXPECT_NEAR(count, 10000, 6 * 94);
    }
}

TEST(PowerOfTwoChoices, KeepsLoadsMuchCloserThanOneRandomChoice) {
    PowerOfTwoChoices policy{42};
    Workers workers{std::vector<std::uint32_t>(64, 0)};
    for (int job = 0; job != 64 * 100; ++job) {
        ++workers.loads[policy.pick(workers, Purpose::job).worker];
        workers.looked.clear();
    }
    // One random choice leaves the fullest of 64 some 25 above the mean of 100, two choices 2 or 3.
    EXPECT_LE(*std::max_element(workers.loads.begin(), workers.loads.end()), 105U);
}

TEST(PowerOfTwoChoices, TheSeedDecides) {
    const Workers workers{std::vector<std::uint32_t>(16, 0)};
    const auto picks = [&](std::uint64_t seed) {
        PowerOfTwoChoices policy{seed};
        std::vector<std::size_t> picked;
        for (int i = 0; i != 20; ++i) {
            picked.push_back(policy.pick(workers, Purpose::job).worker);
        }
        return picked;
    };
    EXPECT_EQ(picks(1), picks(1));
    EXPECT_NE(picks(1), picks(2));
}

struct Throwing {
    template <dispatch::LoadView V>
    Choice pick(const V&, Purpose) {
        return {};
    }
};
struct OnlyAWorker {
    template <dispatch::LoadView V>
    std::size_t pick(const V&, Purpose) noexcept {
        return 0;
    }
};
struct First {
    template <dispatch::LoadView V>
    Choice pick(const V& view, Purpose) noexcept {
        return {0, view.load(0)};
    }
};

static_assert(dispatch::LoadView<Workers>);
static_assert(!dispatch::LoadView<std::vector<int>>);
static_assert(dispatch::SelectionPolicy<First>);
static_assert(!dispatch::SelectionPolicy<Throwing>);
static_assert(!dispatch::SelectionPolicy<OnlyAWorker>);
static_assert(!dispatch::SelectionPolicy<int>);
static_assert(std::is_default_constructible_v<PowerOfTwoChoices>);

}  // namespace selection_test
