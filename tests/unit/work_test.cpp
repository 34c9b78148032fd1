// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "../../benchmarks/bare.hpp"
#include "../../benchmarks/work.hpp"

namespace work_test {

TEST(Work, IsDoneRoundByRound) {
    std::uint64_t value = 42;
    for (std::uint64_t rounds = 0; rounds != 100; ++rounds) {
        ASSERT_EQ(bench::keep_busy(rounds, 42), value) << rounds;
        ASSERT_NE(value, 0U);
        value = bench::keep_busy(1, value);
    }
}

TEST(Work, ReturnsItsRequest) {
    for (const std::uint64_t rounds : {0U, 1U, 1000U}) {
        EXPECT_EQ(bench::work_on(7, rounds), 7U);
    }
}

TEST(Work, IsCalibratedByTheShortestTiming) {
    int timings = 0;
    const auto seconds_of = [&](std::uint64_t rounds) {
        // 500 rounds a microsecond, but most timings are held up.
        return static_cast<double>(rounds) / 500e6 * (++timings % 7 == 0 ? 1 : 1 + timings);
    };
    EXPECT_NEAR(bench::rounds_per_microsecond(seconds_of), 500, 1e-6);
}

TEST(Work, TakesSomeTimeOnThisProcessor) { EXPECT_GT(bench::rounds_per_microsecond(), 0); }

TEST(Bare, CallsTheHandlerOnceForEachRequest) {
    std::vector<std::atomic<int>> called(101);
    const auto rounds_of = [&](std::uint64_t request) {
        ++called.at(request);
        return request % 3;
    };
    EXPECT_GT(bench::call_directly(100, 2, rounds_of).count(), 0);
    EXPECT_EQ(called[0], 0);
    for (std::size_t request = 1; request != called.size(); ++request) {
        EXPECT_EQ(called[request], 1) << request;
    }
}

}  // namespace work_test
