// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/upstream/pacer.hpp>

namespace pacer_test {

using namespace std::chrono_literals;
using gateway::Clock;
using gateway::Pacer;
using gateway::RetryOptions;

const Clock::time_point start{100h};

/// A pacer, and what its tickets do at a time that is moved by hand.
struct Steps {
    explicit Steps(std::size_t max, RetryOptions backoff = {}) : pacer{max, backoff} {}

    /// So many join the line.
    void join(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            (void)pacer.join();
        }
    }
    /// How many may go now.
    std::size_t admit() {
        const std::vector<Pacer::Ticket> tickets = pacer.admit(now);
        under_way.insert(under_way.end(), tickets.begin(), tickets.end());
        return tickets.size();
    }
    void answer(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            under_way.pop_front();
            pacer.answered();
        }
    }
    void refuse(std::size_t count, std::optional<std::chrono::milliseconds> retry_after = 1s, double chance = 0) {
        for (std::size_t i = 0; i < count; ++i) {
            pacer.refused(under_way.front(), now, retry_after, chance);
            under_way.pop_front();
        }
    }

    Pacer pacer;
    Clock::time_point now = start;
    std::deque<Pacer::Ticket> under_way;
};

TEST(Pacer, LetsAllGoUntilThereIsARefusal) {
    Steps steps{10};
    steps.join(12);
    EXPECT_EQ(steps.admit(), 10U);
    EXPECT_EQ(steps.admit(), 0U);
    EXPECT_EQ(steps.pacer.next(), std::nullopt) << "it takes one who comes back";
    steps.answer(1);
    EXPECT_EQ(steps.admit(), 1U);
    EXPECT_EQ(steps.pacer.limit(), 10U);
    EXPECT_EQ(steps.pacer.waiting(), 1U);
}

TEST(Pacer, ARefusalHoldsForAll) {
    Steps steps{10};
    steps.join(5);
    ASSERT_EQ(steps.admit(), 5U);
    steps.refuse(1, 3s);
    steps.join(1);
    EXPECT_EQ(steps.admit(), 0U);
    EXPECT_EQ(steps.pacer.try_admit(steps.now), std::nullopt);
    EXPECT_EQ(steps.pacer.next(), std::nullopt) << "four are under way, and no more than two may be";
    steps.answer(4);
    EXPECT_EQ(steps.pacer.next(), start + 3s);
    steps.now += 2999ms;
    EXPECT_EQ(steps.admit(), 0U);
    steps.now += 1ms;
    EXPECT_EQ(steps.admit(), 2U);
}

TEST(Pacer, HalvesOnceForAllThatWasSentBefore) {
    Steps steps{100};
    steps.join(64);
    ASSERT_EQ(steps.admit(), 64U);
    steps.refuse(64);
    EXPECT_EQ(steps.pacer.limit(), 32U) << "half of what was under way";
    steps.now += 1s;
    EXPECT_EQ(steps.admit(), 32U);
    steps.refuse(1);
    EXPECT_EQ(steps.pacer.limit(), 16U);
    steps.refuse(31);
    EXPECT_EQ(steps.pacer.limit(), 16U);
    for (int i = 0; i < 20; ++i) {
        steps.now += 1s;
        const std::size_t gone = steps.admit();
        EXPECT_GE(gone, 1U) << "one may always go";
        steps.refuse(gone);
    }
    EXPECT_EQ(steps.pacer.limit(), 1U);
}

TEST(Pacer, GrowsByOneForEachRoundOfAnswers) {
    Steps steps{8};
    steps.join(1'000);
    ASSERT_EQ(steps.admit(), 8U);
    steps.refuse(8);
    steps.now += 1s;
    EXPECT_EQ(steps.admit(), 4U);
    int answers = 0;
    for (; steps.pacer.limit() < 8; ++answers) {
        ASSERT_LT(answers, 100);
        steps.answer(1);
        steps.admit();
    }
    EXPECT_NEAR(answers, 4 + 5 + 6 + 7, 4);
    for (int i = 0; i < 100; ++i) {
        steps.answer(1);
        steps.admit();
    }
    EXPECT_EQ(steps.pacer.limit(), 8U) << "that is all that is allowed";
}

TEST(Pacer, ALimitThatIsNotUsedDoesNotGrow) {
    Steps steps{100};
    steps.join(40);
    ASSERT_EQ(steps.admit(), 40U);
    steps.refuse(40);
    steps.now += 1s;
    ASSERT_EQ(steps.admit(), 20U);
    while (steps.pacer.waiting() > 0 || !steps.under_way.empty()) {
        while (!steps.under_way.empty()) {
            steps.pacer.leave(steps.under_way.front());
            steps.under_way.pop_front();
        }
        steps.admit();
    }
    for (int i = 0; i < 1'000; ++i) {
        steps.join(1);
        ASSERT_EQ(steps.admit(), 1U);
        steps.answer(1);
    }
    EXPECT_EQ(steps.pacer.limit(), 20U);
}

TEST(Pacer, WhoIsRefusedKeepsItsPlace) {
    Steps steps{4};
    steps.join(6);
    ASSERT_EQ(steps.admit(), 4U);
    steps.refuse(4);
    steps.now += 1s;
    ASSERT_EQ(steps.admit(), 2U);
    EXPECT_EQ(steps.under_way[0].number, 1U);
    EXPECT_EQ(steps.under_way[1].number, 2U);
    const std::optional<Pacer::Ticket> late = steps.pacer.try_admit(steps.now);
    EXPECT_FALSE(late) << "there is a line";
}

TEST(Pacer, WhoLeavesMakesRoom) {
    Steps steps{1};
    const Pacer::Ticket first = steps.pacer.join();
    const Pacer::Ticket second = steps.pacer.join();
    ASSERT_EQ(steps.admit(), 1U);
    steps.pacer.leave(second);
    EXPECT_EQ(steps.pacer.waiting(), 0U);
    EXPECT_EQ(steps.pacer.under_way(), 1U);
    steps.pacer.leave(first);
    EXPECT_EQ(steps.pacer.under_way(), 0U);
    EXPECT_TRUE(steps.pacer.try_admit(steps.now));
}

TEST(Pacer, WaitsLongerEachTimeIfItIsNotTold) {
    RetryOptions backoff;
    backoff.backoff_min = 2s;
    backoff.backoff_max = 60s;  // of which it takes longest_untold
    Steps steps{1, backoff};
    steps.join(1);
    for (const auto wait : {1000ms, 2000ms, 4000ms, 5000ms, 5000ms}) {
        ASSERT_EQ(steps.admit(), 1U);
        steps.refuse(1, std::nullopt);
        EXPECT_EQ(steps.pacer.not_before() - steps.now, wait);
        steps.now += wait;
    }
    steps.join(1);
    ASSERT_EQ(steps.admit(), 1U);
    steps.answer(1);
    ASSERT_EQ(steps.admit(), 1U);
    steps.refuse(1, std::nullopt);
    EXPECT_EQ(steps.pacer.not_before() - steps.now, 1s) << "an answer ends it";
}

TEST(Pacer, AddsALittleToWhatItIsTold) {
    Steps steps{1};
    steps.join(1);
    ASSERT_EQ(steps.admit(), 1U);
    steps.refuse(1, 5s, 0.5);
    EXPECT_EQ(steps.pacer.not_before() - steps.now, 5250ms);
    steps.now += 1h;
    ASSERT_EQ(steps.admit(), 1U);
    steps.refuse(1, 24h, 0.5);
    EXPECT_EQ(steps.pacer.not_before() - steps.now, 24h + 500ms);
}

/// An upstream in virtual time that takes so many a second, and answers after a while.
struct LimitedUpstream {
    std::size_t per_second;
    std::chrono::milliseconds takes;
};

struct Finished {
    std::chrono::milliseconds after;
    std::size_t refusals;
};

/// Runs so many jobs to their end, all there at once.
Finished run(const LimitedUpstream& upstream, std::size_t jobs, std::optional<std::chrono::milliseconds> retry_after) {
    Pacer pacer{256, RetryOptions{}};
    Clock::time_point now = start;
    std::multimap<Clock::time_point, std::pair<Pacer::Ticket, bool>> ends;
    std::size_t done = 0;
    std::size_t refusals = 0;
    std::int64_t second = 0;
    std::size_t taken = 0;
    for (std::size_t i = 0; i < jobs; ++i) {
        (void)pacer.join();
    }
    while (done < jobs) {
        for (const Pacer::Ticket& ticket : pacer.admit(now)) {
            if (const std::int64_t current = (now - start) / 1s; current != second) {
                second = current;
                taken = 0;
            }
            const bool takes = taken < upstream.per_second;
            taken += takes ? 1 : 0;
            ends.emplace(now + (takes ? upstream.takes : 1ms), std::pair{ticket, takes});
        }
        const std::optional<Clock::time_point> next = pacer.next();
        if (ends.empty() || (next && *next > now && *next < ends.begin()->first)) {
            now = next.value();
            continue;
        }
        now = std::max(now, ends.begin()->first);
        const auto [ticket, taken_by_upstream] = ends.begin()->second;
        ends.erase(ends.begin());
        if (taken_by_upstream) {
            pacer.answered();
            ++done;
        } else {
            pacer.refused(ticket, now, retry_after, 0.5);
            ++refusals;
        }
    }
    return {std::chrono::duration_cast<std::chrono::milliseconds>(now - start), refusals};
}

TEST(Pacer, ManyJobsGetThroughALimitedUpstreamAtItsRate) {
    for (const auto takes : {1ms, 50ms, 400ms}) {
        const Finished finished = run({20, takes}, 300, 1s);
        EXPECT_LT(finished.after, 25s) << takes.count();      // 15 s is what 20/s takes
        EXPECT_LT(finished.refusals, 700U) << takes.count();  // 400 of them until the limit is found
    }
}

TEST(Pacer, ManyJobsGetThroughAlsoIfTheUpstreamDoesNotSayWhen) {
    const Finished finished = run({20, 50ms}, 300, std::nullopt);
    EXPECT_LT(finished.after, 60s);
    EXPECT_LT(finished.refusals, 500U);
}

}  // namespace pacer_test
