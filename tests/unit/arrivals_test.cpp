// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "../../benchmarks/arrivals.hpp"

namespace arrivals_test {

using bench::Arrival;
using bench::Seconds;

constexpr std::size_t jobs = 200'000;

std::vector<Arrival> schedule(double rate, std::uint64_t seed) {
    return bench::poisson_arrivals(jobs, rate, 10, seed, bench::BoundedPareto{Seconds{1}});
}

TEST(PoissonArrivals, ComeAtTheirRateWithExponentialTimesBetween) {
    constexpr double rate = 4;
    const auto arrivals = schedule(rate, 1);
    EXPECT_NEAR(static_cast<double>(jobs) / arrivals.back().due.count(), rate, 0.01 * rate);
    std::size_t longer_than_the_mean = 0;
    Seconds before{0};
    for (const Arrival& arrival : arrivals) {
        ASSERT_GT(arrival.due, before);
        longer_than_the_mean += arrival.due - before > Seconds{1 / rate};
        before = arrival.due;
    }
    EXPECT_NEAR(static_cast<double>(longer_than_the_mean) / jobs, std::exp(-1.0), 0.01);
}

TEST(PoissonArrivals, OfASeedAreTheSameJobsAtEachRate) {
    const auto slow = schedule(1, 7);
    const auto fast = schedule(2, 7);
    const auto other = schedule(1, 8);
    std::size_t differ = 0;
    for (std::size_t i = 0; i != jobs; ++i) {
        ASSERT_EQ(slow[i].service, fast[i].service);
        ASSERT_EQ(slow[i].session, fast[i].session);
        ASSERT_NEAR(slow[i].due / fast[i].due, 2, 1e-9);
        differ += slow[i].service != other[i].service;
    }
    EXPECT_GT(differ, jobs / 2);
}

TEST(PoissonArrivals, SpreadOverTheSessions) {
    std::vector<std::size_t> count(10);
    for (const Arrival& arrival : schedule(1, 1)) {
        ++count.at(arrival.session);
    }
    for (const std::size_t each : count) {
        EXPECT_NEAR(static_cast<double>(each), jobs / 10.0, jobs / 10.0 * 0.05);
    }
}

TEST(BoundedPareto, HasItsMeanAndItsBoundsAndALongTail) {
    const bench::BoundedPareto pareto{Seconds{1}};
    std::mt19937_64 random{1};
    std::vector<double> times(1'000'000);
    double sum = 0;
    for (double& time : times) {
        time = pareto(random).count();
        sum += time;
    }
    EXPECT_NEAR(sum / static_cast<double>(times.size()), 1, 0.02);
    std::sort(times.begin(), times.end());
    EXPECT_GE(times.front(), pareto.least().count());
    EXPECT_LE(times.back(), pareto.greatest().count());
    EXPECT_NEAR(pareto.greatest() / pareto.least(), 1000, 1e-6);
    // Unbounded, a share of x^-1.5 exceeds x times the least.
    const double above =
        static_cast<double>(times.end() - std::lower_bound(times.begin(), times.end(), 10 * pareto.least().count()));
    EXPECT_NEAR(above / static_cast<double>(times.size()), std::pow(10, -1.5), 0.001);
    double longest = 0;
    for (auto time = times.end() - static_cast<std::ptrdiff_t>(times.size() / 100); time != times.end(); ++time) {
        longest += *time;
    }
    EXPECT_NEAR(longest / sum, 0.19, 0.03);
}

}  // namespace arrivals_test
