// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/route/admission.hpp>
#include <dispatch/detail/route/router.hpp>
#include <dispatch/options.hpp>
#include <dispatch/selection.hpp>

#include "../support/hand_clock.hpp"

namespace router_test {

using namespace std::chrono_literals;
using dispatch::Choice;
using dispatch::LeastLoaded;
using dispatch::Overflow;
using dispatch::PoolOptions;
using dispatch::Purpose;
using dispatch::RoundRobin;
using dispatch::WorkerOptions;
using dispatch::detail::Admission;
using dispatch::detail::Route;
using dispatch::detail::WorkerLoad;
using test::HandClock;
using Verdict = Route::Verdict;

/// Points at one worker, whatever its load; or at one whose load has just changed.
struct Stubborn {
    std::size_t worker = 0;
    std::atomic<int>* stale = nullptr;

    template <dispatch::LoadView V>
    Choice pick(const V& view, Purpose /*purpose*/) noexcept {
        std::uint32_t load = view.load(worker);
        if (stale != nullptr && stale->fetch_sub(1) > 0) {
            ++load;  // as if it had been seen before a job ended
        }
        return {worker, load};
    }
};

/// Workers that run one job and queue one, so that two jobs fill one.
template <typename Policy>
struct Workers {
    explicit Workers(std::size_t n, PoolOptions options = {}, Policy policy = {})
        : set{loads(n)}, admission{set}, router{set, admission, options, std::move(policy)} {}

    static std::vector<std::shared_ptr<WorkerLoad>> loads(std::size_t n) {
        std::vector<std::shared_ptr<WorkerLoad>> loads;
        for (std::size_t i = 0; i != n; ++i) {
            loads.push_back(std::make_shared<WorkerLoad>(WorkerOptions{.max_concurrency = 1, .queue_capacity = 1}));
        }
        return loads;
    }

    Route route(std::optional<std::string_view> session = std::nullopt, Overflow overflow = Overflow::reject) {
        return router.route(session, overflow, HandClock::now);
    }
    std::vector<std::uint32_t> values() const {
        std::vector<std::uint32_t> values;
        for (std::size_t worker = 0; worker != set.size(); ++worker) {
            values.push_back(set[worker].value());
        }
        return values;
    }

    dispatch::detail::WorkerSet set;
    Admission admission;
    dispatch::detail::Router<Policy, HandClock> router;
};

using Values = std::vector<std::uint32_t>;

TEST(Router, CountsWhatItAccepts) {
    Workers<LeastLoaded> workers{3};
    std::set<std::size_t> chosen;
    for (int i = 0; i != 3; ++i) {
        const Route route = workers.route();
        EXPECT_EQ(route.verdict, Verdict::accepted);
        chosen.insert(route.worker);
    }
    EXPECT_EQ(chosen.size(), 3U);
    EXPECT_EQ(workers.values(), (Values{1, 1, 1}));
}

TEST(Router, RefusesOnlyWhenEveryWorkerIsFull) {
    Workers<Stubborn> workers{3, {}, Stubborn{1}};
    for (int i = 0; i != 6; ++i) {
        EXPECT_EQ(workers.route().verdict, Verdict::accepted) << i;
    }
    EXPECT_EQ(workers.values(), (Values{2, 2, 2}));
    EXPECT_EQ(workers.route().verdict, Verdict::queue_full);
    EXPECT_EQ(workers.values(), (Values{2, 2, 2})) << "a refused job is not counted";
}

TEST(Router, DoesNotPinASessionThatItRefuses) {
    Workers<LeastLoaded> workers{1, {.affinity_ttl = std::chrono::hours{1}}};
    EXPECT_EQ(workers.route("first").verdict, Verdict::accepted);
    EXPECT_EQ(workers.route("second").verdict, Verdict::accepted);
    EXPECT_EQ(workers.route("third").verdict, Verdict::queue_full);
    EXPECT_EQ(workers.router.sessions(0), 2U);
}

TEST(Router, LetsSubmittersWaitWhereThePolicyPoints) {
    Workers<Stubborn> workers{2, {}, Stubborn{1}};
    for (int i = 0; i != 4; ++i) {
        workers.route(std::nullopt, Overflow::wait);
    }
    EXPECT_EQ(workers.values(), (Values{2, 2}));
    const Route route = workers.route(std::nullopt, Overflow::wait);
    EXPECT_EQ(route.verdict, Verdict::accepted);
    EXPECT_EQ(route.worker, 1U);
    EXPECT_EQ(workers.values(), (Values{2, 3}));
}

TEST(Router, ChoosesAnewWhenTheLoadHasMoved) {
    std::atomic<int> stale{3};
    Workers<Stubborn> workers{1, {}, Stubborn{0, &stale}};
    EXPECT_EQ(workers.route().verdict, Verdict::accepted);
    EXPECT_LT(stale, 0) << "it asked again";
    EXPECT_EQ(workers.values(), (Values{1}));
}

TEST(Router, TurnsAwayWhenTheGateIsClosed) {
    Workers<LeastLoaded> workers{2};
    workers.admission.close(Admission::Phase::draining);
    EXPECT_EQ(workers.route().verdict, Verdict::closed);
    EXPECT_EQ(workers.route("session").verdict, Verdict::closed);
    EXPECT_EQ(workers.values(), (Values{0, 0}));
}

/// queue_full would tell the submitter to try again.
TEST(Router, AClosedGateComesBeforeAFullQueue) {
    Workers<LeastLoaded> workers{1};
    EXPECT_EQ(workers.route("pinned").verdict, Verdict::accepted);
    EXPECT_EQ(workers.route().verdict, Verdict::accepted);
    EXPECT_EQ(workers.route().verdict, Verdict::queue_full);
    workers.admission.close(Admission::Phase::draining);
    EXPECT_EQ(workers.route().verdict, Verdict::closed);
    EXPECT_EQ(workers.route("pinned").verdict, Verdict::closed);
    EXPECT_EQ(workers.route("new").verdict, Verdict::closed);
    EXPECT_EQ(workers.values(), (Values{2}));
}

TEST(Router, ASessionStaysOnItsWorker) {
    Workers<RoundRobin> workers{4};
    const std::size_t home = workers.route("a", Overflow::wait).worker;
    EXPECT_EQ(workers.router.sessions(home), 1U);
    for (int i = 0; i != 5; ++i) {
        EXPECT_EQ(workers.route("a", Overflow::wait).worker, home);
    }
    EXPECT_EQ(workers.set[home].value(), 6U);
    HandClock::advance(31s);
    EXPECT_NE(workers.route("a", Overflow::wait).worker, home) << "RoundRobin goes on, and the pin has ended";
}

TEST(Router, APinnedSessionWaitsOrIsRefusedThoughOthersHaveRoom) {
    Workers<RoundRobin> workers{2};
    const std::size_t home = workers.route("a").worker;
    EXPECT_EQ(workers.route("a").verdict, Verdict::accepted);
    const Route refused = workers.route("a");
    EXPECT_EQ(refused.verdict, Verdict::queue_full);
    EXPECT_EQ(refused.worker, home);
    EXPECT_EQ(workers.set[home].value(), 2U);
    EXPECT_EQ(workers.route("a", Overflow::wait).verdict, Verdict::accepted);
    EXPECT_EQ(workers.set[home].value(), 3U);
    EXPECT_EQ(workers.set[1 - home].value(), 0U);
}

TEST(Router, ARefusedNewSessionIsNotPinned) {
    Workers<LeastLoaded> workers{1, {.max_sessions = 2}};
    workers.route("a");
    workers.route("b");
    // Full, the worker as well as the map.
    for (int i = 0; i != 100; ++i) {
        EXPECT_EQ(workers.route("new " + std::to_string(i)).verdict, Verdict::queue_full);
    }
    EXPECT_EQ(workers.router.sessions(0), 2U);
    EXPECT_EQ(workers.values(), (Values{2}));
}

TEST(Router, WithoutATtlSessionsAreIgnored) {
    Workers<RoundRobin> workers{2, {.affinity_ttl = 0ns}};
    EXPECT_NE(workers.route("a").worker, workers.route("a").worker);
    EXPECT_EQ(workers.router.sessions(0) + workers.router.sessions(1), 0U);
}

TEST(Router, NeverOverfillsUnderContention) {
    // Each thread takes places until it is refused; together they fill all workers exactly.
    Workers<LeastLoaded> workers{4};
    for (int round = 0; round != 2000; ++round) {
        std::atomic<int> accepted{0};
        const auto fill = [&] {
            while (workers.route().verdict == Verdict::accepted) {
                ++accepted;
            }
        };
        std::thread other{fill};
        fill();
        other.join();
        ASSERT_EQ(accepted, 8);
        ASSERT_EQ(workers.values(), (Values{2, 2, 2, 2}));
        for (std::size_t worker = 0; worker != 4; ++worker) {
            workers.set[worker].release(2);
        }
    }
}

}  // namespace router_test
