// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/http/date.hpp>
#include <gateway/upstream/retry.hpp>

namespace retry_test {

using namespace std::chrono_literals;
using gateway::backoff;
using gateway::Clock;
using gateway::may_retry;
using gateway::parse_retry_after;
using gateway::RetryBudget;
using gateway::RetryOptions;
using gateway::TransportError;
using std::chrono::milliseconds;

constexpr std::time_t now = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr double almost_one = 0.999'999;

TEST(MayRetry, OnlyWhatSaysThatNothingWasDone) {
    for (unsigned status = 100; status < 600; ++status) {
        EXPECT_EQ(may_retry(static_cast<gateway::http::status>(status)), status == 503) << status;
    }
}

TEST(MayRetry, AFailureBeforeTheResponseThatDidNotTakeTheWholeTime) {
    using Stage = TransportError::Stage;
    EXPECT_TRUE(may_retry(TransportError{Stage::connecting, false, ""}));
    EXPECT_TRUE(may_retry(TransportError{Stage::connecting, true, ""}));
    EXPECT_TRUE(may_retry(TransportError{Stage::waiting, false, ""}));
    EXPECT_FALSE(may_retry(TransportError{Stage::waiting, true, ""}));
    EXPECT_FALSE(may_retry(TransportError{Stage::receiving, false, ""}));
    EXPECT_FALSE(may_retry(TransportError{Stage::receiving, true, ""}));
}

TEST(RetryAfter, Seconds) {
    EXPECT_EQ(parse_retry_after("0", now), 0ms);
    EXPECT_EQ(parse_retry_after("7", now), 7s);
    EXPECT_EQ(parse_retry_after("007", now), 7s);
    EXPECT_EQ(parse_retry_after("86400", now), 24h);
}

TEST(RetryAfter, ADate) {
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), 0ms);
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:38 GMT", now), 1s);
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 09:50:00 GMT", now), 1h + 23s);
    EXPECT_EQ(parse_retry_after("Sat, 31 Dec 2016 23:59:60 GMT", 1483228799), 1s) << "a leap second";
    EXPECT_EQ(parse_retry_after("Thu, 29 Feb 2024 00:00:05 GMT", 1709164800), 5s);
}

TEST(RetryAfter, ReadsTheDatesThatTheGatewayWrites) {
    for (std::time_t time = now; time < now + 400 * 86'400; time += 86'399) {
        EXPECT_EQ(parse_retry_after(gateway::http_date(time + 42), time), 42s);
    }
}

TEST(RetryAfter, APastDateIsNow) {
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:36 GMT", now), 0ms);
    EXPECT_EQ(parse_retry_after("Thu, 01 Jan 1970 00:00:00 GMT", now), 0ms);
    EXPECT_EQ(parse_retry_after("Sat, 01 Jan 0000 00:00:00 GMT", now), 0ms);
}

TEST(RetryAfter, IsADayAtTheMost) {
    for (const char* const value : {"86401", "9223372036854775807", "18446744073709551615", "18446744073709551616",
                                    "99999999999999999999999999999999999999999999", "Mon, 07 Nov 1994 08:49:38 GMT",
                                    "Fri, 31 Dec 9999 23:59:59 GMT"}) {
        EXPECT_EQ(parse_retry_after(value, now), 24h) << value;
    }
}

TEST(RetryAfter, IsNothingIfItIsNeither) {
    for (const char* const value : {"",
                                    " ",
                                    "-1",
                                    "+1",
                                    "1.5",
                                    "1e3",
                                    "0x10",
                                    " 1",
                                    "1 ",
                                    "1s",
                                    "soon",
                                    "1, 2",
                                    "Sunday, 06-Nov-94 08:49:37 GMT",  // obsolete
                                    "Sun Nov  6 08:49:37 1994",        // obsolete
                                    "Sun, 06 Nov 1994 08:49:37 UTC",
                                    "Sun, 06 Nov 1994 08:49:37",
                                    "Sun, 06 Nov 1994 08:49:37 GMT ",
                                    "Sun, 06 nov 1994 08:49:37 GMT",
                                    "Sun, 06 Foo 1994 08:49:37 GMT",
                                    "Sun,  6 Nov 1994 08:49:37 GMT",
                                    "Sun, -6 Nov 1994 08:49:37 GMT",
                                    "Sun, 00 Nov 1994 08:49:37 GMT",
                                    "Sun, 31 Nov 1994 08:49:37 GMT",
                                    "Sun, 29 Feb 1994 08:49:37 GMT",
                                    "Sun, 06 Nov -994 08:49:37 GMT",
                                    "Sun, 06 Nov 1994 24:49:37 GMT",
                                    "Sun, 06 Nov 1994 -8:49:37 GMT",
                                    "Sun, 06 Nov 1994 08:60:37 GMT",
                                    "Sun, 06 Nov 1994 08:49:61 GMT",
                                    "Sun, 06 Nov 1994 08:49:+7 GMT",
                                    "Sun, 06 Nov 1994 08-49-37 GMT",
                                    "Sun; 06 Nov 1994 08:49:37 GMT",
                                    "Sun, 06-Nov-1994 08:49:37 GMT",
                                    "Sun, 06 Nov 1994T08:49:37 GMT"}) {
        EXPECT_EQ(parse_retry_after(value, now), std::nullopt) << value;
    }
}

TEST(Backoff, DoublesUpToTheMaximum) {
    RetryOptions options;
    options.backoff_min = 100ms;
    options.backoff_max = 1'000ms;
    const std::vector<milliseconds> full{100ms, 200ms, 400ms, 800ms, 1'000ms, 1'000ms};
    for (std::size_t i = 0; i < full.size(); ++i) {
        EXPECT_EQ(backoff(options, i + 2, {}, 0), full[i] / 2) << i;
        EXPECT_EQ(backoff(options, i + 2, {}, 0.5), full[i] * 3 / 4) << i;
        EXPECT_EQ(backoff(options, i + 2, {}, almost_one), full[i] - 1ms) << i;
    }
    for (const std::size_t attempt : {std::size_t{40}, std::size_t{5'000}, std::numeric_limits<std::size_t>::max()}) {
        EXPECT_EQ(backoff(options, attempt, {}, 0), 500ms) << attempt;
    }
}

TEST(Backoff, OfNothingIsNothing) {
    RetryOptions options;
    options.backoff_min = 0ms;
    options.backoff_max = 0ms;
    EXPECT_EQ(backoff(options, 2, {}, almost_one), 0ms);
    EXPECT_EQ(backoff(options, 100, {}, almost_one), 0ms);
    EXPECT_EQ(backoff(options, 2, 0ms, almost_one), 0ms);
    EXPECT_EQ(backoff(options, 2, 1ms, 0), 1ms);
}

TEST(Backoff, RetryAfterIsALowerBound) {
    RetryOptions options;
    options.backoff_min = 100ms;
    options.backoff_max = 1'000ms;
    EXPECT_EQ(backoff(options, 2, 700ms, 0), 700ms);
    EXPECT_EQ(backoff(options, 2, 700ms, almost_one), 749ms) << "the jitter is added";
    EXPECT_EQ(backoff(options, 2, 10ms, 0), 50ms) << "it does not shorten the wait";
    EXPECT_EQ(backoff(options, 2, 0ms, 0), 50ms);
    EXPECT_EQ(backoff(options, 2, 1'000ms, 0), 1'000ms);
}

TEST(Backoff, RetryAfterMayBeOfAnyLength) {
    RetryOptions options;
    options.backoff_max = 1'000ms;
    EXPECT_EQ(backoff(options, 2, 1'001ms, 0), 1'001ms);
    EXPECT_EQ(backoff(options, 2, 24h, 0), 24h);
}

/// How many retries there are now.
int drain(RetryBudget& budget, Clock::time_point at) {
    int count = 0;
    while (budget.withdraw(at)) {
        ++count;
    }
    return count;
}

const Clock::time_point start{100h};

TEST(RetryBudget, BeginsWithAFewAndEnds) {
    RetryBudget budget{start};
    EXPECT_EQ(drain(budget, start), 10);
    EXPECT_FALSE(budget.withdraw(start));
}

TEST(RetryBudget, AllowsOneRetryInFiveRequests) {
    RetryBudget budget{start};
    drain(budget, start);
    int retries = 0;
    for (int i = 0; i < 5'000; ++i) {
        budget.deposit(start);
        retries += budget.withdraw(start) ? 1 : 0;
    }
    EXPECT_NEAR(retries, 1'000, 1);
}

TEST(RetryBudget, RefillsOverTime) {
    RetryBudget budget{start};
    drain(budget, start);
    EXPECT_FALSE(budget.withdraw(start + 999ms));
    EXPECT_TRUE(budget.withdraw(start + 1'001ms));
    EXPECT_FALSE(budget.withdraw(start + 1'001ms));
    EXPECT_EQ(drain(budget, start + 31'500ms), 30);
}

TEST(RetryBudget, SavesUpToItsCapacity) {
    RetryBudget budget{start};
    EXPECT_EQ(drain(budget, start + 24h), 100);
    for (int i = 0; i < 10'000; ++i) {
        budget.deposit(start + 24h);
    }
    EXPECT_EQ(drain(budget, start + 24h), 100);
}

TEST(RetryBudget, DoesNotMindATimeThatWasOvertaken) {
    // Threads read the clock before they have the lock.
    RetryBudget budget{start};
    drain(budget, start + 10s);
    EXPECT_FALSE(budget.withdraw(start));
    EXPECT_FALSE(budget.withdraw(start + 10s)) << "the same ten seconds do not count twice";
}

TEST(RetryBudget, HandsOutNothingTwice) {
    RetryBudget budget{start};
    std::atomic<int> got{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                for (int j = 0; j < 1'000; ++j) {
                    budget.deposit(start);
                    got += budget.withdraw(start) ? 1 : 0;
                }
            });
        }
    }
    got += drain(budget, start);
    EXPECT_NEAR(got, 10 + 4'000 / 5, 1);
}

}  // namespace retry_test
