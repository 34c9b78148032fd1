// SPDX-License-Identifier: Apache-2.0
//
// The session map, with a time that is an argument: nothing here waits. Memory is counted, and made to
// fail, through operator new.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/affinity.hpp>
#include <dispatch/selection.hpp>

#include "../support/operator_new.hpp"

namespace {

std::atomic<std::size_t> live_bytes{0};
thread_local std::size_t allocations = 0;
/// Allocations of this thread that succeed before one fails; negative: all do.
thread_local int allocations_left = -1;

[[maybe_unused]] constexpr std::size_t header = alignof(std::max_align_t);

}  // namespace

#if !defined(SANITIZER_OWNS_OPERATOR_NEW)

// Not inline: GCC 12 takes the header for a write out of bounds, and malloc and free for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (allocations_left == 0) {
        throw std::bad_alloc{};
    }
    if (allocations_left > 0) {
        --allocations_left;
    }
    void* const block = std::malloc(size + header);
    if (block == nullptr) {
        throw std::bad_alloc{};
    }
    *static_cast<std::size_t*>(block) = size;
    live_bytes += size;
    return static_cast<char*>(block) + header;
}

[[gnu::noinline]] void operator delete(void* memory) noexcept {
    if (memory != nullptr) {
        void* const block = static_cast<char*>(memory) - header;
        live_bytes -= *static_cast<std::size_t*>(block);
        std::free(block);
    }
}

void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
    const auto align = static_cast<std::size_t>(alignment);
    // In front of the block is what was allocated for it.
    void* const start = operator new(size + align + sizeof(void*));
    const auto first = reinterpret_cast<std::uintptr_t>(start) + sizeof(void*);
    void* const block = reinterpret_cast<void*>((first + align - 1) / align * align);
    live_bytes -= align + sizeof(void*);
    static_cast<void**>(block)[-1] = start;
    return block;
}

[[gnu::noinline]] void operator delete(void* memory, std::align_val_t alignment) noexcept {
    if (memory != nullptr) {
        live_bytes += static_cast<std::size_t>(alignment) + sizeof(void*);
        operator delete(static_cast<void**>(memory)[-1]);
    }
}

void operator delete(void* memory, std::size_t, std::align_val_t alignment) noexcept {
    operator delete(memory, alignment);
}

#endif

namespace {

using namespace std::chrono_literals;
using dispatch::AffinityExpiry;
using Map = dispatch::SessionMap<>;
using Time = Map::time_point;

constexpr Time start{1h};
constexpr auto tick = 1ns;
constexpr auto ttl = 30s;

/// What the map promises about the work of one call: two sessions from the session's own part of the
/// map and two from another.
constexpr std::size_t most_dropped_per_call = 4;

std::string name(std::size_t number) { return "session-" + std::to_string(number); }

/// Pins session to worker unless it is pinned already; where it is pinned then.
std::size_t pin(Map& map, std::string_view session, Time now, std::size_t worker) {
    return map.lookup_or_assign(session, now, [&] { return worker; }).value();
}

/// Where session is pinned; no choice is expected.
std::size_t expect_pinned(Map& map, std::string_view session, Time now) {
    const auto nobody = [&]() -> std::optional<std::size_t> {
        ADD_FAILURE() << session << " is not pinned";
        return std::nullopt;
    };
    return map.lookup_or_assign(session, now, nobody).value();
}

/// How a choice ends without a worker.
enum class NoWorker { thrown, returned };

/// Comes with session, which is not pinned, and finds no worker for it.
void find_no_worker(Map& map, std::string_view session, Time now, NoWorker how) {
    if (how == NoWorker::thrown) {
        const auto choose = []() -> std::size_t { throw std::runtime_error{"no worker"}; };
        EXPECT_THROW(map.lookup_or_assign(session, now, choose), std::runtime_error);
    } else {
        const auto choose = []() -> std::optional<std::size_t> { return std::nullopt; };
        EXPECT_EQ(map.lookup_or_assign(session, now, choose), std::nullopt);
    }
}

std::size_t all_sessions(const Map& map, std::size_t workers) {
    std::size_t sum = 0;
    for (std::size_t worker = 0; worker != workers; ++worker) {
        sum += map.sessions(worker);
    }
    return sum;
}

class SessionMapMemory : public testing::Test {
  protected:
    void SetUp() override {
#if defined(SANITIZER_OWNS_OPERATOR_NEW)
        GTEST_SKIP() << "memory is not counted under this sanitizer";
#endif
    }
};

TEST(SessionMap, FixedPinEndsExactlyAtTheTtl) {
    Map map{ttl, AffinityExpiry::fixed, 100, 4};
    EXPECT_EQ(pin(map, "a", start, 1), 1U);
    EXPECT_EQ(expect_pinned(map, "a", start), 1U);
    EXPECT_EQ(expect_pinned(map, "a", start + ttl - tick), 1U);
    EXPECT_EQ(map.lookup("a", start + ttl - tick), 1U);
    EXPECT_EQ(map.lookup("a", start + ttl), std::nullopt);
    EXPECT_EQ(pin(map, "a", start + ttl, 2), 2U);
    EXPECT_EQ(expect_pinned(map, "a", start + ttl + ttl - tick), 2U);
    EXPECT_EQ(pin(map, "a", start + ttl + ttl, 3), 3U);
}

TEST(SessionMap, SlidingPinEndsExactlyAtTheTtlAfterItsLatestUse) {
    Map map{ttl, AffinityExpiry::sliding, 100, 4};
    pin(map, "a", start, 1);
    Time now = start;
    for (int use = 0; use != 5; ++use) {
        now += ttl - tick;
        EXPECT_EQ(expect_pinned(map, "a", now), 1U);
    }
    EXPECT_EQ(pin(map, "a", now + ttl, 2), 2U);
}

TEST(SessionMap, ChoosesOnceForANewSessionAndNeverForAKnownOne) {
    Map map{ttl, AffinityExpiry::fixed, 100, 4};
    int choices = 0;
    const auto choose = [&] {
        ++choices;
        return std::size_t{3};
    };
    map.lookup_or_assign("a", start, choose);
    EXPECT_EQ(choices, 1);
    map.lookup_or_assign("a", start + 1s, choose);
    EXPECT_EQ(choices, 1);
    map.lookup_or_assign("a", start + ttl, choose);
    EXPECT_EQ(choices, 2);
}

TEST(SessionMap, LookupChangesNothing) {
    Map map{ttl, AffinityExpiry::sliding, 100, 4};
    EXPECT_EQ(map.lookup("a", start), std::nullopt);
    EXPECT_EQ(map.size(), 0U);
    pin(map, "a", start, 1);
    EXPECT_EQ(map.lookup("a", start + 20s), 1U);
    EXPECT_EQ(map.lookup("a", start + ttl), std::nullopt);
    EXPECT_EQ(map.size(), 1U);
    EXPECT_EQ(map.sessions(1), 1U);
}

TEST(SessionMap, CountsSessionsByWorker) {
    Map map{ttl, AffinityExpiry::fixed, 100, 3};
    EXPECT_EQ(map.max_sessions(), 100U);
    for (std::size_t i = 0; i != 60; ++i) {
        pin(map, name(i), start, i % 2);
    }
    EXPECT_EQ(map.size(), 60U);
    EXPECT_EQ(map.sessions(0), 30U);
    EXPECT_EQ(map.sessions(1), 30U);
    EXPECT_EQ(map.sessions(2), 0U);
    pin(map, name(0), start + ttl, 2);
    EXPECT_EQ(map.sessions(2), 1U);
}

TEST(SessionMap, APinThatHasEndedDoesNotCountInTheNextChoice) {
    // Several, so that some are not dropped before they are chosen for again.
    Map map{ttl, AffinityExpiry::fixed, 1000, 2};
    for (std::size_t i = 0; i != 1000; ++i) {
        pin(map, name(i), start, 0);
    }
    for (std::size_t i = 1000; i-- != 0;) {
        const bool again = map.lookup(name(i), start).has_value();
        const std::size_t before = map.sessions(0);
        map.lookup_or_assign(name(i), start + ttl, [&] {
            EXPECT_LE(map.sessions(0), again ? before - 1 : before);
            return std::size_t{1};
        });
    }
    EXPECT_EQ(map.sessions(0), 0U);
    EXPECT_EQ(map.sessions(1), 1000U);
}

TEST(SessionMap, TheOneNearestItsExpiryMakesRoom) {
    constexpr std::size_t bound = 200;
    Map map{ttl, AffinityExpiry::fixed, bound, 4};
    for (std::size_t i = 0; i != 3 * bound; ++i) {
        const Time now = start + i * 1us;
        pin(map, name(i), now, i % 4);
        EXPECT_EQ(map.size(), std::min(i + 1, bound));
        if (i >= bound) {
            // Exactly the oldest has gone, in whichever part of the map it was.
            ASSERT_EQ(map.lookup(name(i - bound), now), std::nullopt) << i;
            ASSERT_TRUE(map.lookup(name(i - bound + 1), now).has_value()) << i;
        }
    }
    for (std::size_t i = 2 * bound; i != 3 * bound; ++i) {
        EXPECT_EQ(expect_pinned(map, name(i), start + 1s), i % 4);
    }
    EXPECT_EQ(all_sessions(map, 4), bound);
}

TEST(SessionMap, AUsedSessionIsNotTheNearestWhenPinsSlide) {
    constexpr std::size_t bound = 100;
    Map map{ttl, AffinityExpiry::sliding, bound, 1};
    for (std::size_t i = 0; i != bound; ++i) {
        pin(map, name(i), start + i * 1us, 0);
    }
    for (std::size_t i = 0; i != bound; i += 2) {
        expect_pinned(map, name(i), start + 1ms + i * 1us);
    }
    for (std::size_t i = 0; i != bound / 2; ++i) {
        pin(map, name(bound + i), start + 2ms + i * 1us, 0);
        EXPECT_EQ(map.lookup(name(2 * i + 1), start + 3ms), std::nullopt);
    }
    for (std::size_t i = 0; i != bound; i += 2) {
        EXPECT_TRUE(map.lookup(name(i), start + 3ms).has_value());
    }
}

TEST(SessionMap, ABoundOfOne) {
    Map map{ttl, AffinityExpiry::fixed, 1, 2};
    for (std::size_t i = 0; i != 200; ++i) {
        EXPECT_EQ(pin(map, name(i), start, i % 2), i % 2);
        EXPECT_EQ(map.size(), 1U);
        EXPECT_EQ(expect_pinned(map, name(i), start), i % 2);
        EXPECT_EQ(map.sessions(i % 2), 1U);
        EXPECT_EQ(map.sessions((i + 1) % 2), 0U);
    }
}

TEST(SessionMap, TheLongestTtlNeverEndsAndStillMakesRoom) {
    for (const Time now : {Time{}, start, Time::max() - 1h, Time{-1h}}) {
        Map map{std::chrono::nanoseconds::max(), AffinityExpiry::sliding, 3, 1};
        pin(map, "a", now, 0);
        EXPECT_EQ(expect_pinned(map, "a", std::max(now, start + 24h * 365 * 200)), 0U);
        for (std::size_t i = 0; i != 300; ++i) {
            pin(map, name(i), now, 0);
            EXPECT_LE(map.size(), 3U);
            expect_pinned(map, name(i), now);
        }
    }
}

/// A clock that ticks so seldom that its end of time is far behind that of nanoseconds.
struct Seconds {
    using duration = std::chrono::seconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<Seconds>;
    [[maybe_unused]] static constexpr bool is_steady = true;
    static time_point now() { return {}; }
};

template <typename Clock>
void pin_at_the_ends_of_time() {
    using Point = typename Clock::time_point;
    for (const AffinityExpiry expiry : {AffinityExpiry::fixed, AffinityExpiry::sliding}) {
        for (const std::chrono::nanoseconds length : {std::chrono::nanoseconds{1}, std::chrono::nanoseconds::max()}) {
            dispatch::SessionMap<Clock> map{length, expiry, 3, 2};
            for (const Point now : {Point::min(), Point{}, Point::max(), Point::max()}) {
                for (const char* const session : {"a", "b", "c", "d"}) {
                    EXPECT_EQ(map.lookup_or_assign(session, now, [] { return std::optional<std::size_t>{1}; }), 1U);
                }
                EXPECT_LE(map.size(), 3U);
                EXPECT_EQ(map.sessions(1), map.size());
            }
            EXPECT_EQ(map.lookup("d", Point::max()), std::nullopt) << "all pins have ended";
        }
    }
}

TEST(SessionMap, AClockMayBeAtTheEndOfTime) {
    pin_at_the_ends_of_time<std::chrono::steady_clock>();
    pin_at_the_ends_of_time<Seconds>();
}

TEST(SessionMap, AnyTextIsASession) {
    Map map{ttl, AffinityExpiry::fixed, 100, 8};
    const std::string huge(10 << 20, 'x');
    const std::string other_huge = huge.substr(1) + 'y';
    const std::vector<std::string_view> texts{
        "", std::string_view{"\0", 1}, std::string_view{"\0\0", 2}, "a", "A", "a ", huge, other_huge};
    for (std::size_t i = 0; i != texts.size(); ++i) {
        EXPECT_EQ(pin(map, texts[i], start, i), i);
    }
    for (std::size_t i = 0; i != texts.size(); ++i) {
        EXPECT_EQ(expect_pinned(map, texts[i], start), i);
    }
}

TEST(SessionMap, TimeMayGoBack) {
    for (const AffinityExpiry expiry : {AffinityExpiry::fixed, AffinityExpiry::sliding}) {
        Map map{ttl, expiry, 100000, 2};
        pin(map, "a", start, 1);
        EXPECT_EQ(expect_pinned(map, "a", start - 10s), 1U);
        // Each later one is pinned at an earlier time, so no expiry is in order.
        for (std::size_t i = 0; i != 1000; ++i) {
            pin(map, name(i), start - i * 1us, 0);
        }
        for (std::size_t i = 0; i != 1000; ++i) {
            const Time end = start - i * 1us + ttl;
            EXPECT_TRUE(map.lookup(name(i), end - tick).has_value());
            EXPECT_FALSE(map.lookup(name(i), end).has_value());
        }
        // All end, although not in order.
        for (int call = 0; call != 5000; ++call) {
            pin(map, "b", start + 2 * ttl, 1);
        }
        EXPECT_EQ(map.size(), 1U);
    }
}

TEST(SessionMap, ATimeThatGoesBackDoesNotShortenASlidingPin) {
    Map map{ttl, AffinityExpiry::sliding, 100, 2};
    pin(map, "a", start, 1);
    expect_pinned(map, "a", start - 10s);
    EXPECT_EQ(expect_pinned(map, "a", start + ttl - tick), 1U);
}

TEST(SessionMap, EachCallDropsAFewExpiredSessionsAndTrafficDropsAll) {
    constexpr std::size_t dead = 5000;
    Map map{ttl, AffinityExpiry::fixed, dead, 4};
    for (std::size_t i = 0; i != dead; ++i) {
        pin(map, name(i), start, i % 4);
    }
    // One session's traffic, which comes to one part of the map only.
    const Time later = start + ttl;
    std::size_t calls = 0;
    while (map.size() != 1) {
        const std::size_t before = map.size();
        pin(map, "the only one", later, 3);
        ASSERT_LE(before, map.size() + most_dropped_per_call);
        ASSERT_LT(++calls, 2 * dead) << map.size() << " sessions stay";
    }
    EXPECT_EQ(all_sessions(map, 3), 0U);
    EXPECT_EQ(map.sessions(3), 1U);
    EXPECT_EQ(map.lookup("the only one", later), 3U);
}

TEST(SessionMap, EverySessionStaysFindableWhileTheMapGrows) {
    constexpr std::size_t count = 300000;
    Map map{ttl, AffinityExpiry::sliding, count, 7};
    for (std::size_t i = 0; i != count; ++i) {
        ASSERT_EQ(pin(map, name(i), start, i % 7), i % 7);
        ASSERT_EQ(map.lookup(name(i / 2), start), (i / 2) % 7);
    }
    EXPECT_EQ(map.size(), count);
    for (std::size_t i = 0; i != count; ++i) {
        ASSERT_EQ(expect_pinned(map, name(i), start + 1s), i % 7);
    }
}

TEST_F(SessionMapMemory, AMillionLiveSessionsTakeLittleMemoryEach) {
    constexpr std::size_t count = 1000000;
    const std::size_t before = live_bytes;
    Map map{ttl, AffinityExpiry::fixed, count, 4};
    const std::size_t empty = live_bytes - before;
    for (std::size_t i = 0; i != count; ++i) {
        pin(map, name(i), start, i % 4);
    }
    const std::size_t each = (live_bytes - before) / count;
    EXPECT_EQ(map.size(), count);
    EXPECT_LE(each, 64U);
    EXPECT_LE(empty, 1024U) << "nothing is set aside for sessions that have not come";
    RecordProperty("bytes_per_session", static_cast<int>(each));
}

TEST_F(SessionMapMemory, MemoryIsBoundedWhateverComes) {
    constexpr std::size_t bound = 50000;
    const std::size_t before = live_bytes;
    Map map{ttl, AffinityExpiry::fixed, bound, 4};
    const std::string text(1000, 'x');
    for (std::size_t i = 0; i != 1000000; ++i) {
        pin(map, i % 100 == 0 ? text + name(i) : name(i), start + i * 1us, i % 4);
        ASSERT_LE(map.size(), bound);
    }
    EXPECT_EQ(map.size(), bound);
    EXPECT_EQ(all_sessions(map, 4), bound);
    EXPECT_LE((live_bytes - before) / bound, 96U);
}

TEST_F(SessionMapMemory, AKnownSessionAllocatesNothing) {
    for (const AffinityExpiry expiry : {AffinityExpiry::fixed, AffinityExpiry::sliding}) {
        Map map{ttl, expiry, 100, 2};
        const std::string session(1000, 'x');
        pin(map, session, start, 1);
        const std::size_t before = allocations;
        expect_pinned(map, session, start + 1s);
        map.lookup(session, start + 1s);
        EXPECT_EQ(allocations, before);
    }
}

class NoChoice : public testing::TestWithParam<NoWorker> {};

INSTANTIATE_TEST_SUITE_P(SessionMap, NoChoice, testing::Values(NoWorker::thrown, NoWorker::returned),
                         [](const auto& how) { return how.param == NoWorker::thrown ? "Thrown" : "Returned"; });

TEST_P(NoChoice, LeavesANewSessionUnpinned) {
    Map map{ttl, AffinityExpiry::fixed, 100, 2};
    find_no_worker(map, "a", start, GetParam());
    EXPECT_EQ(map.size(), 0U);
    EXPECT_EQ(all_sessions(map, 2), 0U);
    EXPECT_EQ(map.lookup("a", start), std::nullopt);
    EXPECT_EQ(pin(map, "a", start, 1), 1U);
}

TEST_P(NoChoice, LeavesCountersOfAnExpiredSessionAlone) {
    // So many that each part of the map has more expired sessions than a call drops.
    constexpr std::size_t count = 2000;
    Map map{ttl, AffinityExpiry::fixed, count, 1};
    for (std::size_t i = 0; i != count; ++i) {
        pin(map, name(i), start, 0);
    }
    for (std::size_t i = count - 100; i != count; ++i) {
        find_no_worker(map, name(i), start + ttl, GetParam());
        EXPECT_EQ(map.sessions(0), map.size());
        EXPECT_EQ(map.lookup(name(i), start + ttl), std::nullopt);
    }
}

TEST_P(NoChoice, EvictsNobody) {
    constexpr std::size_t bound = 50;
    Map map{ttl, AffinityExpiry::fixed, bound, 4};
    for (std::size_t i = 0; i != bound; ++i) {
        pin(map, name(i), start + i * 1us, i % 4);
    }
    for (std::size_t i = 0; i != 100; ++i) {
        find_no_worker(map, "new" + name(i), start + 1s, GetParam());
        EXPECT_EQ(map.size(), bound);
    }
    for (std::size_t i = 0; i != bound; ++i) {
        EXPECT_EQ(map.lookup(name(i), start + 1s), i % 4);
    }
    // The order is what it was.
    pin(map, "a", start + 1s, 0);
    EXPECT_EQ(map.lookup(name(0), start + 1s), std::nullopt);
    EXPECT_EQ(map.lookup(name(1), start + 1s), 1U);
    EXPECT_EQ(all_sessions(map, 4), bound);
}

TEST_F(SessionMapMemory, AFailedAllocationChangesNothing) {
    // Of a growing map, and of a full one.
    for (const std::size_t bound : {std::size_t{20000}, std::size_t{20}}) {
        Map map{ttl, AffinityExpiry::fixed, bound, 2};
        int failures = 0;
        for (std::size_t i = 0; i != 5000; ++i) {
            const std::string session = name(i);
            const Time now = start + i * 1us;
            const std::size_t size = map.size();
            const std::array<std::size_t, 2> pinned{map.sessions(0), map.sessions(1)};
            for (int allowed = 0;; ++allowed) {
                int choices = 0;
                bool failed = false;
                allocations_left = allowed;
                try {
                    map.lookup_or_assign(session, now, [&] {
                        ++choices;
                        return i % 2;
                    });
                } catch (const std::bad_alloc&) {
                    failed = true;
                }
                allocations_left = -1;
                if (!failed) {
                    ASSERT_EQ(choices, 1);
                    break;
                }
                ++failures;
                ASSERT_EQ(choices, 0) << "memory comes before the choice";
                ASSERT_EQ(map.size(), size);
                ASSERT_EQ((std::array<std::size_t, 2>{map.sessions(0), map.sessions(1)}), pinned);
                ASSERT_EQ(map.lookup(session, now), std::nullopt);
                if (i >= bound) {
                    ASSERT_TRUE(map.lookup(name(i - bound), now).has_value()) << "nobody makes room for a failure";
                }
            }
        }
        EXPECT_GT(failures, 5) << "memory comes in few pieces, but not in one";
        for (std::size_t i = 5000 - std::min<std::size_t>(bound, 5000); i != 5000; ++i) {
            EXPECT_EQ(map.lookup(name(i), start + 5ms), i % 2);
        }
    }
}

TEST(SessionMap, SpreadsSessionsEvenlyOverIdleWorkers) {
    struct Idle {
        const Map& map;
        std::size_t size() const noexcept { return 8; }
        std::uint32_t load(std::size_t) const noexcept { return 0; }
        std::size_t sessions(std::size_t worker) const noexcept { return map.sessions(worker); }
    };
    Map map{ttl, AffinityExpiry::fixed, 100000, 8};
    dispatch::LeastLoaded policy;
    for (std::size_t i = 0; i != 1000; ++i) {
        map.lookup_or_assign(name(i), start,
                             [&] { return policy.pick(Idle{map}, dispatch::Purpose::new_session).worker; });
        // Jobs without a session in between do not unbalance it.
        policy.pick(Idle{map}, dispatch::Purpose::job);
    }
    for (std::size_t worker = 0; worker != 8; ++worker) {
        EXPECT_EQ(map.sessions(worker), 125U);
    }
}

// Two homes

using Homes = std::pair<std::size_t, std::optional<std::size_t>>;

/// The homes of a session that is pinned.
Homes homes_of(Map& map, std::string_view session, Time now) {
    Homes homes{~std::size_t{0}, std::nullopt};
    map.lookup_or_assign(
        session, now, []() -> std::optional<std::size_t> { return std::nullopt; },
        [&](const Map::Homes& known) {
            homes = {known.latest, known.earlier};
            return known.latest;
        });
    return homes;
}

/// Brings session to worker, wherever it was.
std::size_t send(Map& map, std::string_view session, Time now, std::size_t worker) {
    return map
        .lookup_or_assign(
            session, now, [&] { return worker; }, [&](const Map::Homes& /*homes*/) { return worker; })
        .value();
}

TEST(SessionMapHomes, ANewSessionHasOneAndPreferIsNotAsked) {
    Map map{ttl, AffinityExpiry::fixed, 10, 3};
    int asked = 0;
    const auto prefer = [&](const Map::Homes& homes) {
        ++asked;
        return homes.latest;
    };
    EXPECT_EQ(map.lookup_or_assign("a", start, [] { return std::size_t{1}; }, prefer), 1U);
    EXPECT_EQ(asked, 0);
    EXPECT_EQ(map.lookup_or_assign("a", start, [] { return std::size_t{2}; }, prefer), 1U);
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(homes_of(map, "a", start), (Homes{1, std::nullopt}));
}

TEST(SessionMapHomes, TheWorkerBeforeIsTheEarlierOne) {
    Map map{ttl, AffinityExpiry::fixed, 10, 4};
    EXPECT_EQ(send(map, "a", start, 1), 1U);
    EXPECT_EQ(send(map, "a", start, 2), 2U);
    EXPECT_EQ(homes_of(map, "a", start), (Homes{2, 1}));
    EXPECT_EQ(send(map, "a", start, 2), 2U);
    EXPECT_EQ(homes_of(map, "a", start), (Homes{2, 1})) << "where it was";
    EXPECT_EQ(send(map, "a", start, 1), 1U);
    EXPECT_EQ(homes_of(map, "a", start), (Homes{1, 2})) << "back and forth";
    EXPECT_EQ(send(map, "a", start, 3), 3U);
    EXPECT_EQ(homes_of(map, "a", start), (Homes{3, 1})) << "two at most";
    EXPECT_EQ(map.lookup("a", start), 3U);
    EXPECT_EQ(map.size(), 1U);
}

TEST(SessionMapHomes, OnlyTheLatestCounts) {
    Map map{ttl, AffinityExpiry::fixed, 10, 3};
    send(map, "a", start, 0);
    send(map, "b", start, 0);
    send(map, "a", start, 1);
    EXPECT_EQ(map.sessions(0), 1U);
    EXPECT_EQ(map.sessions(1), 1U);
    map.move("b", 2);
    EXPECT_EQ(map.sessions(0), 0U);
    EXPECT_EQ(map.sessions(2), 1U);
    EXPECT_EQ(all_sessions(map, 3), 2U);
}

TEST(SessionMapHomes, ASessionIsMoved) {
    Map map{ttl, AffinityExpiry::fixed, 10, 3};
    map.move("unknown", 1);
    EXPECT_EQ(map.size(), 0U);
    EXPECT_EQ(all_sessions(map, 3), 0U);
    send(map, "a", start, 0);
    map.move("a", 2);
    EXPECT_EQ(homes_of(map, "a", start), (Homes{2, 0}));
    map.move("a", 2);
    EXPECT_EQ(homes_of(map, "a", start), (Homes{2, 0})) << "it is there";
    map.move("a", 0);
    EXPECT_EQ(homes_of(map, "a", start), (Homes{0, 2}));
}

TEST(SessionMapHomes, AMoveDoesNotExtendThePin) {
    for (const AffinityExpiry expiry : {AffinityExpiry::fixed, AffinityExpiry::sliding}) {
        Map map{ttl, expiry, 10, 3};
        send(map, "a", start, 0);
        map.move("a", 1);
        EXPECT_EQ(map.lookup("a", start + ttl - tick), 1U);
        EXPECT_EQ(map.lookup("a", start + ttl), std::nullopt);
    }
}

TEST(SessionMapHomes, APreferenceExtendsAPinThatSlides) {
    for (const AffinityExpiry expiry : {AffinityExpiry::fixed, AffinityExpiry::sliding}) {
        Map map{ttl, expiry, 10, 3};
        send(map, "a", start, 0);
        send(map, "a", start + ttl / 2, 1);
        EXPECT_EQ(map.lookup("a", start + ttl).has_value(), expiry == AffinityExpiry::sliding);
    }
}

TEST(SessionMapHomes, ExpiryForgetsTheEarlierOne) {
    Map map{ttl, AffinityExpiry::fixed, 10, 3};
    send(map, "a", start, 0);
    send(map, "a", start, 1);
    const auto none = []() -> std::optional<std::size_t> { return std::nullopt; };
    const auto never = [](const Map::Homes& homes) {
        ADD_FAILURE() << "the pin has ended";
        return homes.latest;
    };
    EXPECT_EQ(map.lookup_or_assign("a", start + ttl, none, never), std::nullopt);
    EXPECT_EQ(map.lookup_or_assign("a", start + ttl, [] { return std::size_t{2}; }, never), 2U);
    EXPECT_EQ(homes_of(map, "a", start + ttl), (Homes{2, std::nullopt}));
    EXPECT_EQ(map.sessions(2), 1U);
    EXPECT_EQ(all_sessions(map, 3), 1U);
}

TEST(SessionMapHomes, AnExpiredSessionMayBeMovedAndIsCountedWhereItGoes) {
    Map map{ttl, AffinityExpiry::fixed, 10, 3};
    send(map, "a", start, 0);
    map.move("a", 1);  // late: its job has ended after the pin
    EXPECT_EQ(map.lookup("a", start + ttl), std::nullopt);
    EXPECT_EQ(send(map, "a", start + ttl, 2), 2U);
    EXPECT_EQ(all_sessions(map, 3), 1U);
    EXPECT_EQ(map.sessions(2), 1U);
}

TEST(SessionMapHomes, ASessionThatMakesRoomInVainKeepsBoth) {
    Map map{ttl, AffinityExpiry::fixed, 1, 3};
    send(map, "a", start, 0);
    send(map, "a", start, 1);
    find_no_worker(map, "b", start, NoWorker::returned);
    EXPECT_EQ(homes_of(map, "a", start), (Homes{1, 0}));
    EXPECT_EQ(all_sessions(map, 3), 1U);
}

TEST(SessionMapHomes, ASessionThatTakesAnothersPlaceHasOne) {
    Map map{ttl, AffinityExpiry::fixed, 1, 3};
    send(map, "a", start, 0);
    send(map, "a", start, 1);
    send(map, "b", start, 2);
    EXPECT_EQ(homes_of(map, "b", start), (Homes{2, std::nullopt}));
    EXPECT_EQ(all_sessions(map, 3), 1U);
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

TEST(SessionMapThreads, RacingFirstJobsGoToOneWorker) {
    constexpr std::size_t threads = 4;
    struct Case {
        std::size_t bound;
        std::size_t rounds;
    };
    // A full map has eviction take part in the race; with a bound of 1 a thread may find, as the one that
    // is to make room, the very session that another thread has just pinned: rarely, so more rounds.
    for (const auto [bound, rounds] : {Case{1, 4000}, Case{64, 600}, Case{1200, 600}}) {
        Map map{ttl, AffinityExpiry::sliding, bound, threads};
        std::vector<std::array<std::size_t, threads>> seen(rounds);
        std::vector<std::atomic<int>> choices(rounds);
        std::barrier together{static_cast<std::ptrdiff_t>(threads)};
        run_threads(threads, [&](std::size_t t) {
            for (std::size_t round = 0; round != rounds; ++round) {
                const std::string session = name(round);
                together.arrive_and_wait();
                const auto choose = [&] {
                    ++choices[round];
                    return t;
                };
                seen[round][t] = map.lookup_or_assign(session, start + round * 1us, choose).value();
            }
        });
        std::set<std::size_t> winners;
        for (std::size_t round = 0; round != rounds; ++round) {
            ASSERT_EQ(choices[round], 1) << "round " << round;
            ASSERT_EQ(std::set(seen[round].begin(), seen[round].end()).size(), 1U) << "round " << round;
            winners.insert(seen[round][0]);
        }
        EXPECT_GT(winners.size(), 1U) << "no race took place";
        EXPECT_EQ(map.size(), std::min(bound, rounds));
        EXPECT_EQ(all_sessions(map, threads), map.size());
    }
}

TEST(SessionMapThreads, RacingMovesLeaveTwoHomes) {
    constexpr std::size_t threads = 4;
    Map map{ttl, AffinityExpiry::sliding, 50, threads};
    std::barrier together{static_cast<std::ptrdiff_t>(threads)};
    run_threads(threads, [&](std::size_t t) {
        together.arrive_and_wait();
        std::uint64_t random = t;
        for (std::size_t i = 0; i != 20'000; ++i) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            const std::string session = name((random >> 33) % 8);
            if ((random >> 40) % 2 == 0) {
                map.move(session, t);
                continue;
            }
            const auto worker = map.lookup_or_assign(
                session, start, [&] { return t; },
                [&](const Map::Homes& homes) {
                    EXPECT_LT(homes.latest, threads);
                    EXPECT_NE(homes.earlier, homes.latest);
                    return (random >> 41) % 2 == 0 ? homes.earlier.value_or(t) : t;
                });
            EXPECT_LT(worker.value(), threads);
        }
    });
    EXPECT_EQ(map.size(), 8U);
    EXPECT_EQ(all_sessions(map, threads), 8U);
    for (std::size_t i = 0; i != 8; ++i) {
        const auto [latest, earlier] = homes_of(map, name(i), start);
        EXPECT_EQ(map.lookup(name(i), start), latest);
        EXPECT_NE(earlier, latest);
    }
}

TEST(SessionMapThreads, TheBoundHoldsAtEveryMoment) {
    constexpr std::size_t threads = 4;
    for (const std::size_t bound : {std::size_t{1}, std::size_t{2}, std::size_t{100}}) {
        Map map{ttl, AffinityExpiry::fixed, bound, threads};
        std::atomic<std::size_t> most{0};
        std::barrier together{static_cast<std::ptrdiff_t>(threads)};
        run_threads(threads, [&](std::size_t t) {
            together.arrive_and_wait();
            for (std::size_t i = 0; i != 3000; ++i) {
                pin(map, name(threads * i + t), start + i * 1us, t);
                std::size_t known = most.load();
                const std::size_t size = map.size();
                while (known < size && !most.compare_exchange_weak(known, size)) {
                }
            }
        });
        EXPECT_LE(most, bound);
        EXPECT_EQ(map.size(), bound);
        EXPECT_EQ(all_sessions(map, threads), bound);
    }
}

TEST(SessionMapThreads, CountersAgreeAfterEverythingAtOnce) {
    constexpr std::size_t threads = 4;
    for (const AffinityExpiry expiry : {AffinityExpiry::fixed, AffinityExpiry::sliding}) {
        Map map{1ms, expiry, 300, threads};
        std::atomic<int> thrown{0};
        std::barrier together{static_cast<std::ptrdiff_t>(threads)};
        run_threads(threads, [&](std::size_t t) {
            together.arrive_and_wait();
            std::uint64_t random = t;
            for (std::size_t i = 0; i != 10000; ++i) {
                random = random * 6364136223846793005U + 1442695040888963407U;
                // Each thread's time is a little different from the others', and goes back.
                const Time now = start + i * 1us - (random >> 60) * 1us;
                const std::string session = name((random >> 40) % 500);
                try {
                    map.lookup_or_assign(session, now, [&]() -> std::size_t {
                        if (random >> 58 == 0) {
                            throw std::runtime_error{"no worker"};
                        }
                        return t;
                    });
                } catch (const std::runtime_error&) {
                    ++thrown;
                }
                map.lookup(session, now);
                map.sessions(t);
            }
        });
        EXPECT_GT(thrown, 0);
        EXPECT_LE(map.size(), 300U);
        EXPECT_EQ(all_sessions(map, threads), map.size());
        for (int call = 0; call != 1000; ++call) {
            pin(map, "the only one", start + 1h, 0);
        }
        EXPECT_EQ(map.size(), 1U);
        EXPECT_EQ(all_sessions(map, threads), 1U);
    }
}

}  // namespace
