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

#include <dispatch/affinity.hpp>
#include <dispatch/detail/job/patience.hpp>
#include <dispatch/detail/route/admission.hpp>
#include <dispatch/detail/route/router.hpp>
#include <dispatch/detail/route/service_times.hpp>
#include <dispatch/observer.hpp>
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
using dispatch::SessionVerdict;
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
    explicit Workers(std::size_t n, PoolOptions options = {}, Policy policy = {}, std::size_t queue_capacity = 1)
        : set{loads(n, queue_capacity)},
          admission{set},
          router{set, admission, sessions, service_times, std::move(policy)} {
        if (options.affinity_ttl.count() > 0) {
            sessions.emplace(options.affinity_ttl, options.affinity_expiry, options.max_sessions, n);
        }
    }

    static std::vector<std::shared_ptr<WorkerLoad>> loads(std::size_t n, std::size_t queue_capacity) {
        std::vector<std::shared_ptr<WorkerLoad>> loads;
        for (std::size_t i = 0; i != n; ++i) {
            loads.push_back(
                std::make_shared<WorkerLoad>(WorkerOptions{.max_concurrency = 1, .queue_capacity = queue_capacity}));
        }
        return loads;
    }

    Route route(std::optional<std::string_view> session = std::nullopt, Overflow overflow = Overflow::reject) {
        return router.route(session, router.prefetch(session), overflow, HandClock::now);
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
    std::optional<dispatch::SessionMap<HandClock>> sessions;
    dispatch::detail::ServiceTimes service_times;
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

// Affinity::preferred

/// Points where the test says, with the load that is there; a job of that worker may have ended just then.
struct Pointed {
    std::size_t* worker;
    WorkerLoad* ends = nullptr;

    template <dispatch::LoadView V>
    Choice pick(const V& view, Purpose purpose) noexcept {
        EXPECT_EQ(purpose, Purpose::new_session);
        if (ends != nullptr) {
            std::exchange(ends, nullptr)->release();
        }
        return {*worker, view.load(*worker)};
    }
};

/// Workers with one permit and one place in the queue each; the policy points at worker 0 unless told otherwise.
struct RouterPreferred : testing::Test {
    Route prefer(std::chrono::nanoseconds miss_cost = 10s, Overflow overflow = Overflow::wait) {
        return workers.router.route_preferred("a", *workers.router.prefetch("a"), miss_cost, overflow,
                                              HandClock::now());
    }

    /// Brings the session first to one worker and then to another; nothing is counted there afterwards.
    void make_homes(std::size_t earlier, std::size_t latest) {
        pointed = earlier;
        ASSERT_EQ(prefer().session, SessionVerdict::fresh);
        pointed = latest;
        const Route moved = prefer(0ns);
        ASSERT_EQ(moved.session, SessionVerdict::moved);
        ASSERT_EQ(moved.worker, latest);
        workers.set[earlier].release();
        workers.set[latest].release();
        pointed = 0;
        ASSERT_EQ(homes(), (Homes{latest, earlier}));
    }

    using Homes = std::pair<std::size_t, std::optional<std::size_t>>;

    Homes homes() {
        Homes found;
        workers.sessions->lookup_or_assign(
            "a", HandClock::now(), []() -> std::optional<std::size_t> { return std::nullopt; },
            [&](const dispatch::SessionMap<HandClock>::Homes& known) {
                found = {known.latest, known.earlier};
                return known.latest;
            });
        return found;
    }

    /// Jobs of others.
    void load(std::size_t worker, int jobs) {
        for (int i = 0; i != jobs; ++i) {
            workers.set[worker].reserve();
        }
    }

    std::size_t pointed = 0;
    Workers<Pointed> workers{3, {.affinity_ttl = 1h}, Pointed{&pointed}};
};

void expect_route(const Route& route, std::size_t worker, SessionVerdict session,
                  std::uint32_t other_home = dispatch::detail::no_worker) {
    EXPECT_EQ(route.verdict, Verdict::accepted);
    EXPECT_EQ(route.worker, worker);
    EXPECT_EQ(route.session, session);
    EXPECT_EQ(route.other_home, other_home);
}

TEST_F(RouterPreferred, TheLatestHomeComesFirst) {
    make_homes(1, 2);
    expect_route(prefer(), 2, SessionVerdict::hit, 1);
    EXPECT_EQ(homes(), (Homes{2, 1}));
    EXPECT_EQ(workers.values(), (Values{0, 0, 1}));
}

TEST_F(RouterPreferred, ThenTheOtherHomeWhichIsTheLatestThen) {
    make_homes(1, 2);
    load(2, 1);
    expect_route(prefer(), 1, SessionVerdict::hit, 2);
    EXPECT_EQ(homes(), (Homes{1, 2}));
    EXPECT_EQ(workers.values(), (Values{0, 1, 1}));
}

TEST_F(RouterPreferred, TheOtherHomeOnlyWithAPermit) {
    make_homes(1, 2);
    workers.service_times.add(2s);
    load(1, 1);
    load(2, 1);
    expect_route(prefer(), 2, SessionVerdict::hit, 1);
    EXPECT_EQ(homes(), (Homes{2, 1}));
    EXPECT_EQ(workers.values(), (Values{0, 1, 2})) << "it waits at home, though another worker is free";
}

TEST_F(RouterPreferred, ASessionWithOneHomeHasNoOther) {
    pointed = 1;
    expect_route(prefer(), 1, SessionVerdict::fresh);
    expect_route(prefer(), 1, SessionVerdict::hit);
    EXPECT_EQ(homes(), (Homes{1, std::nullopt}));
    EXPECT_EQ(workers.values(), (Values{0, 2, 0}));
}

TEST_F(RouterPreferred, TheGateOpensWhenTheWaitExceedsTheMissCost) {
    make_homes(1, 2);
    workers.service_times.add(2s);  // what is left of it: 1 s
    load(1, 2);                     // one is queued: 3 s
    load(2, 1);
    expect_route(prefer(1001ms), 2, SessionVerdict::hit, 1);
    workers.set[2].release();
    expect_route(prefer(999ms), 0, SessionVerdict::moved);
    EXPECT_EQ(homes(), (Homes{0, 2}));
    EXPECT_EQ(workers.values(), (Values{1, 2, 1}));
}

TEST(Router, TheShorterWaitOfBothHomesCounts) {
    Workers<LeastLoaded> workers{3, {.affinity_ttl = 1h}, {}, 5};
    const auto prefer = [&](std::chrono::nanoseconds miss_cost) {
        return workers.router.route_preferred("a", *workers.router.prefetch("a"), miss_cost, Overflow::wait,
                                              HandClock::now());
    };
    const std::size_t earlier = prefer(0ns).worker;
    const std::size_t latest = prefer(0ns).worker;
    const std::size_t third = 3 - earlier - latest;
    ASSERT_NE(earlier, latest);
    workers.service_times.add(2s);
    workers.set[latest].reserve();
    workers.set[latest].reserve();  // 5 s
    const Route waits = prefer(2s);
    expect_route(waits, latest, SessionVerdict::hit, static_cast<std::uint32_t>(earlier));  // 1 s there, as a guest
    workers.set[earlier].reserve();                                                         // 3 s
    const Route goes = prefer(2s);
    expect_route(goes, third, SessionVerdict::moved);
}

TEST(Router, AHomeThatIsFreeAfterAllIsNotPastIt) {
    std::size_t pointed = 0;
    Workers<Pointed> workers{2, {.affinity_ttl = 1h}, Pointed{&pointed}};
    const auto prefer = [&](auto& router) {
        return router.route_preferred("a", *router.prefetch("a"), 0ns, Overflow::wait, HandClock::now());
    };
    expect_route(prefer(workers.router), 0, SessionVerdict::fresh);
    dispatch::detail::Router<Pointed, HandClock> router{workers.set, workers.admission, workers.sessions,
                                                        workers.service_times, Pointed{&pointed, &workers.set[0]}};
    expect_route(prefer(router), 0, SessionVerdict::hit);
    EXPECT_EQ(workers.values(), (Values{1, 0}));
}

TEST_F(RouterPreferred, WithoutACostItGoesWhereverAPermitIs) {
    make_homes(1, 2);
    load(1, 1);
    load(2, 1);
    expect_route(prefer(0ns), 0, SessionVerdict::moved);   // though no time is known
    expect_route(prefer(0ns), 0, SessionVerdict::hit, 2);  // nobody has one: it waits at the latest
}

TEST_F(RouterPreferred, PastItsHomesThePolicyOrElseTheLeastLoadedWithAPermitHasIt) {
    make_homes(1, 2);
    load(1, 1);
    load(2, 1);
    pointed = 1;  // it has no permit
    expect_route(prefer(0ns), 0, SessionVerdict::moved);
}

TEST_F(RouterPreferred, AHomeWithoutPermitIsNoPlaceToBeSentTo) {
    make_homes(1, 2);
    load(0, 1);
    load(1, 1);
    load(2, 1);
    workers.service_times.add(1h);
    expect_route(prefer(1ns), 2, SessionVerdict::hit, 1);
    EXPECT_EQ(homes(), (Homes{2, 1}));
}

TEST_F(RouterPreferred, WhereItsHomesAreFullAnotherWorkerWithRoomHasIt) {
    make_homes(1, 2);
    load(0, 1);
    load(1, 2);
    load(2, 2);
    expect_route(prefer(), 0, SessionVerdict::moved);
    EXPECT_EQ(homes(), (Homes{0, 2}));
    EXPECT_EQ(workers.values(), (Values{2, 2, 2}));
}

TEST_F(RouterPreferred, WhereTheLatestHomeIsFullTheOtherOneIsAHomeToWaitAt) {
    make_homes(1, 2);
    load(0, 1);
    load(1, 1);
    load(2, 2);
    expect_route(prefer(), 1, SessionVerdict::hit, 2);
    EXPECT_EQ(homes(), (Homes{1, 2}));
    EXPECT_EQ(workers.values(), (Values{1, 2, 2}));
}

TEST_F(RouterPreferred, WhereAllAreFullItWaitsAtItsLatestHomeOrIsRefused) {
    make_homes(1, 2);
    for (std::size_t worker = 0; worker != 3; ++worker) {
        load(worker, 2);
    }
    for (const auto miss_cost : {0ns, std::chrono::nanoseconds{10s}}) {
        const Route refused = prefer(miss_cost, Overflow::reject);
        EXPECT_EQ(refused.verdict, Verdict::queue_full);
        EXPECT_EQ(refused.worker, 2U);
        EXPECT_EQ(refused.session, SessionVerdict::hit);
        EXPECT_EQ(homes(), (Homes{2, 1})) << "a refused job leaves them as they are";
        EXPECT_EQ(workers.values(), (Values{2, 2, 2}));
    }
    expect_route(prefer(), 2, SessionVerdict::hit, 1);
    EXPECT_EQ(workers.values(), (Values{2, 2, 3}));
}

TEST_F(RouterPreferred, ANewSessionThatIsRefusedHasNoHome) {
    for (std::size_t worker = 0; worker != 3; ++worker) {
        load(worker, 2);
    }
    const Route refused = prefer(0ns, Overflow::reject);
    EXPECT_EQ(refused.verdict, Verdict::queue_full);
    EXPECT_EQ(refused.session, SessionVerdict::fresh);
    EXPECT_EQ(workers.sessions->size(), 0U);
}

TEST_F(RouterPreferred, APinThatHasExpiredForgetsBothHomes) {
    make_homes(1, 2);
    HandClock::advance(1h);
    expect_route(prefer(), 0, SessionVerdict::expired);
    EXPECT_EQ(homes(), (Homes{0, std::nullopt}));
    EXPECT_EQ(workers.router.sessions(0), 1U);
    EXPECT_EQ(workers.router.sessions(1) + workers.router.sessions(2), 0U);
}

TEST_F(RouterPreferred, AClosedGateCountsNothing) {
    make_homes(1, 2);
    load(1, 1);
    load(2, 1);
    workers.admission.close(Admission::Phase::draining);
    EXPECT_EQ(prefer(0ns).verdict, Verdict::closed);
    EXPECT_EQ(
        workers.router.route_preferred("new", *workers.router.prefetch("new"), 0ns, Overflow::wait, HandClock::now())
            .verdict,
        Verdict::closed);
    EXPECT_EQ(workers.values(), (Values{0, 1, 1}));
}

TEST_F(RouterPreferred, HomesAreNotOverfilledUnderContention) {
    // Each thread brings jobs of a few sessions until one is refused; together they fill all workers exactly.
    for (int round = 0; round != 500; ++round) {
        std::atomic<int> accepted{0};
        const auto fill = [&](std::size_t first) {
            for (std::size_t i = first;; ++i) {
                const std::string session = std::to_string(i % 5);
                const Route route =
                    workers.router.route_preferred(session, *workers.router.prefetch(session), i % 2 == 0 ? 0ns : 10s,
                                                   Overflow::reject, HandClock::now());
                if (route.verdict != Verdict::accepted) {
                    return;
                }
                ++accepted;
            }
        };
        std::thread other{fill, 3U};
        fill(0);
        other.join();
        ASSERT_EQ(accepted, 6);
        ASSERT_EQ(workers.values(), (Values{2, 2, 2}));
        for (std::size_t worker = 0; worker != 3; ++worker) {
            workers.set[worker].release(2);
        }
        std::size_t pinned = 0;
        for (std::size_t worker = 0; worker != 3; ++worker) {
            pinned += workers.router.sessions(worker);
        }
        ASSERT_EQ(pinned, workers.sessions->size());
    }
}

}  // namespace router_test
