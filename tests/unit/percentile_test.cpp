// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "../../benchmarks/percentile.hpp"

namespace percentile_test {

/// 1 to count, not in their order.
std::vector<double> numbers(int count) {
    std::vector<double> values;
    for (int i = count; i != 0; --i) {
        values.push_back(i);
    }
    return values;
}

TEST(Percentile, IsTheNearestRank) {
    auto thousand = numbers(1000);
    EXPECT_EQ(bench::percentile(thousand, 0.5), 500);
    EXPECT_EQ(bench::percentile(thousand, 0.99), 990);
    EXPECT_EQ(bench::percentile(thousand, 0.999), 999);
    EXPECT_EQ(bench::percentile(thousand, 0.9991), 1000);
    EXPECT_EQ(bench::percentile(thousand, 1), 1000);
    EXPECT_EQ(bench::percentile(thousand, 1e-9), 1);
}

TEST(Percentile, OfFewValuesIsOneOfThem) {
    auto three = numbers(3);
    EXPECT_EQ(bench::percentile(three, 0.33), 1);
    EXPECT_EQ(bench::percentile(three, 0.34), 2);
    EXPECT_EQ(bench::percentile(three, 0.999), 3);
    std::vector<double> one{7};
    EXPECT_EQ(bench::percentile(one, 0.5), 7);
}

TEST(Percentile, RefusesWhatIsNone) {
    std::vector<double> none;
    EXPECT_THROW(bench::percentile(none, 0.5), std::invalid_argument);
    std::vector<double> one{7};
    EXPECT_THROW(bench::percentile(one, 0), std::invalid_argument);
    EXPECT_THROW(bench::percentile(one, 1.01), std::invalid_argument);
    EXPECT_THROW(bench::percentile(one, 50), std::invalid_argument);
}

}  // namespace percentile_test
