// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <numeric>

#include <gtest/gtest.h>

#include <gateway/base/histogram.hpp>

namespace histogram_test {

using namespace std::chrono_literals;
using gateway::Histogram;

TEST(Histogram, CountsByUpperBounds) {
    Histogram histogram;
    histogram.add(0ns);
    histogram.add(1ms);  // belongs to the bucket that ends with it
    histogram.add(1ms + 1ns);
    histogram.add(1s);
    histogram.add(10h);
    const Histogram::Snapshot snapshot = histogram.snapshot();
    EXPECT_EQ(snapshot.counts.front(), 2U);
    EXPECT_EQ(snapshot.counts[1], 1U);
    EXPECT_EQ(snapshot.counts[9], 1U);
    EXPECT_EQ(Histogram::bounds[9], 1.0);
    EXPECT_EQ(snapshot.counts.back(), 1U);
    EXPECT_EQ(std::accumulate(snapshot.counts.begin(), snapshot.counts.end(), 0U), 5U);
    EXPECT_DOUBLE_EQ(snapshot.sum, 36'001.002000001);
}

}  // namespace histogram_test
