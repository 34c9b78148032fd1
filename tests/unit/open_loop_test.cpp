// SPDX-License-Identifier: Apache-2.0
//
// The generator of the latency benchmark in virtual time, beside formulas for queues.
#include <chrono>
#include <cmath>
#include <cstddef>
#include <deque>
#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "../../benchmarks/arrivals.hpp"
#include "../../benchmarks/ideal_queue.hpp"
#include "../../benchmarks/open_loop.hpp"
#include "../../benchmarks/percentile.hpp"
#include "../support/hand_clock.hpp"

namespace open_loop_test {

using bench::Arrival;
using bench::Seconds;
using test::HandClock;
using Loop = bench::OpenLoop<HandClock>;
using namespace std::chrono_literals;

constexpr std::size_t jobs = 150'000;
constexpr Seconds service{20e-6};

double mean(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void expect_within(double share, double actual, double expected) {
    EXPECT_NEAR(actual / expected, 1, share) << actual << ", not " << expected;
}

/// One server that takes the jobs in their order, and looks what is due where the benchmark's threads do: while it is
/// idle, and before each job ends.
std::vector<double> serve(const std::vector<Arrival>& arrivals) {
    Loop loop{arrivals};
    std::deque<std::size_t> queue;
    const auto submit_due = [&] { return loop.submit_due([&](std::size_t number) { queue.push_back(number); }); };
    loop.start();
    for (std::size_t done = 0; done != arrivals.size();) {
        if (queue.empty()) {
            if (!submit_due()) {
                HandClock::advance(1us);
            }
            continue;
        }
        HandClock::advance(std::chrono::duration_cast<std::chrono::nanoseconds>(arrivals[queue.front()].service));
        submit_due();
        loop.finished(queue.front());
        queue.pop_front();
        ++done;
    }
    return loop.latencies();
}

std::vector<Arrival> fixed(double load) {
    return bench::poisson_arrivals(jobs, load / service.count(), 1, 1, [](std::mt19937_64&) { return service; });
}

std::vector<Arrival> random(double load, std::size_t servers = 1) {
    return bench::poisson_arrivals(jobs, load * static_cast<double>(servers) / service.count(), 1, 1,
                                   [](std::mt19937_64& numbers) { return bench::exponential(numbers, service); });
}

TEST(OpenLoop, SubmitsEachJobOnceInTheirOrderAndNoneBeforeItIsDue) {
    const std::vector<Arrival> arrivals{{1ms, 0s, 0}, {2ms, 0s, 0}, {2ms, 0s, 0}, {9ms, 0s, 0}};
    Loop loop{arrivals};
    loop.start();
    std::vector<std::size_t> submitted;
    const auto submit = [&](std::size_t number) { submitted.push_back(number); };
    EXPECT_FALSE(loop.submit_due(submit));
    HandClock::advance(1ms);
    EXPECT_TRUE(loop.submit_due(submit));
    EXPECT_FALSE(loop.submit_due(submit));
    EXPECT_EQ(submitted, (std::vector<std::size_t>{0}));
    HandClock::advance(7ms);
    EXPECT_TRUE(loop.submit_due(submit));
    EXPECT_EQ(submitted, (std::vector<std::size_t>{0, 1, 2}));
    HandClock::advance(1h);
    EXPECT_TRUE(loop.submit_due(submit));
    EXPECT_FALSE(loop.submit_due(submit));
    EXPECT_EQ(submitted, (std::vector<std::size_t>{0, 1, 2, 3}));
}

TEST(OpenLoop, AJobThatIsSubmittedLateHasWaitedSinceItWasDue) {
    const std::vector<Arrival> arrivals{{1ms, 0s, 0}, {3ms, 0s, 0}};
    Loop loop{arrivals};
    loop.start();
    HandClock::advance(10ms);  // the generator was held up
    loop.submit_due([&](std::size_t number) { loop.finished(number); });
    const auto latencies = loop.latencies();
    EXPECT_NEAR(latencies[0], 9e-3, 1e-9);
    EXPECT_NEAR(latencies[1], 7e-3, 1e-9);
}

TEST(OpenLoop, FixedTimesWaitAsPollaczekAndKhinchineSay) {  // M/D/1
    for (const double load : {0.5, 0.8}) {
        const double wait = load * service.count() / (2 * (1 - load));
        // The server looks once in a microsecond while it is idle.
        expect_within(0.04, mean(serve(fixed(load))), service.count() + wait + (1 - load) * 0.5e-6);
    }
}

TEST(OpenLoop, RandomTimesHaveThePercentilesOfAnExponentialDistribution) {  // M/M/1
    constexpr double load = 0.5;
    const double mean_time = service.count() / (1 - load);
    std::vector<double> latencies = serve(random(load));
    expect_within(0.03, mean(latencies), mean_time);
    const auto expect = [&](double share, double within) {
        expect_within(within, bench::percentile(latencies, share), -mean_time * std::log(1 - share));
    };
    expect(0.5, 0.03);
    expect(0.99, 0.04);
    expect(0.999, 0.1);  // of 150 jobs, which came close to one another
}

TEST(IdealQueue, IsWhatOneServerDoesThatIsNeverLate) {
    const std::vector<Arrival> arrivals = fixed(0.8);
    const std::vector<double> ideal = bench::ideal_latencies(arrivals, 1);
    const std::vector<double> served = serve(arrivals);
    ASSERT_EQ(ideal.size(), served.size());
    expect_within(0.02, mean(served), mean(ideal));
}

TEST(IdealQueue, WaitsAsErlangSays) {  // M/M/2
    for (const double load : {0.5, 0.8}) {
        const double expected = service.count() / (1 - load * load);  // with the service itself
        expect_within(0.03, mean(bench::ideal_latencies(random(load, 2), 2)), expected);
    }
}

TEST(IdealQueue, TakesTheServerThatIsFreeFirst) {
    const std::vector<Arrival> arrivals{{0s, 5s, 0}, {0s, 1s, 0}, {0s, 1s, 0}, {10s, 1s, 0}};
    EXPECT_EQ(bench::ideal_latencies(arrivals, 2), (std::vector<double>{5, 1, 2, 1}));
}

}  // namespace open_loop_test
