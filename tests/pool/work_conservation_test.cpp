// SPDX-License-Identifier: Apache-2.0
//
// What late binding is worth, in virtual time: a pool of workers with one permit each, beside one worker that has all
// the permits, which is a central queue. The same jobs come to both at the same times.
#include <chrono>
#include <cmath>
#include <cstddef>
#include <exception>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>
#include <dispatch/simulation.hpp>

#include "asio.hpp"

namespace work_conservation_test {

namespace net = dispatch::net;
namespace simulation = dispatch::simulation;
using Seconds = std::chrono::duration<double>;

struct Job {
    std::chrono::nanoseconds arrival;
    std::chrono::nanoseconds service;
};

std::chrono::nanoseconds rounded(double seconds) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds{seconds});
}

/// Poisson arrivals; service times of a bounded Pareto distribution with a heavy tail, 1 s on average.
std::vector<Job> heavy_tailed_jobs(std::size_t count, double load, double permits) {
    constexpr double shape = 1.2;
    constexpr double ratio = 1e4;  // of the longest to the shortest
    const double bound = 1 - std::pow(ratio, -shape);
    const double mean_of_least_1 = shape / (shape - 1) * (1 - std::pow(ratio, 1 - shape)) / bound;
    std::mt19937_64 random{7};
    std::uniform_real_distribution<double> uniform;
    std::exponential_distribution<double> gap{load * permits};
    std::vector<Job> jobs;
    double now = 0;
    for (std::size_t i = 0; i != count; ++i) {
        now += gap(random);
        const double service = std::pow(1 - uniform(random) * bound, -1 / shape) / mean_of_least_1;
        jobs.push_back({rounded(now), rounded(service)});
    }
    return jobs;
}

template <typename Policy>
double mean_wait(const std::vector<Job>& jobs, std::size_t workers, std::size_t permits, bool late_binding) {
    using Pool = dispatch::WorkerPool<std::size_t, void, Policy, simulation::Executor>;
    simulation::Context context;
    Seconds waited{};
    const auto handler = [&](std::size_t job, dispatch::JobContext& about) -> net::awaitable<void> {
        waited += about.queued_for();
        simulation::Timer timer{co_await net::this_coro::executor, jobs[job].service};
        co_await timer.async_wait(net::use_awaitable);
    };
    Pool pool{dispatch::spawn_workers<std::size_t, void, simulation::Executor>(
                  context.get_executor(), workers, handler,
                  {.max_concurrency = permits, .queue_capacity = std::size_t{1} << 20}),
              {.late_binding = late_binding}};
    const auto arrive = [&]() -> net::awaitable<void> {
        simulation::Timer timer{co_await net::this_coro::executor};
        const auto start = simulation::Clock::now();
        for (std::size_t job = 0; job != jobs.size(); ++job) {
            timer.expires_at(start + jobs[job].arrival);
            co_await timer.async_wait(net::use_awaitable);
            pool.submit(std::nullopt, job, [](const std::exception_ptr& /*error*/) {});
        }
    };
    net::co_spawn(context, arrive, net::detached);
    context.run();
    EXPECT_EQ(pool.ledger().completed, jobs.size());
    return waited.count() / static_cast<double>(jobs.size());
}

class WorkConservation : public testing::Test {
  protected:
    const std::vector<Job> jobs = heavy_tailed_jobs(30'000, 0.8, 16);
    const double central = mean_wait<dispatch::LeastLoaded>(jobs, 1, 16, true);
};

TEST_F(WorkConservation, APoolWaitsAsACentralQueueDoes) {
    EXPECT_GT(central, 0.05);
    EXPECT_NEAR(mean_wait<dispatch::LeastLoaded>(jobs, 16, 1, true) / central, 1, 0.05);
}

TEST_F(WorkConservation, WhateverThePolicy) {
    EXPECT_NEAR(mean_wait<dispatch::RoundRobin>(jobs, 16, 1, true) / central, 1, 0.05);
    EXPECT_NEAR(mean_wait<dispatch::PowerOfTwoChoices>(jobs, 16, 1, true) / central, 1, 0.05);
}

TEST_F(WorkConservation, WhichEarlyBindingDoesNot) {
    EXPECT_GT(mean_wait<dispatch::LeastLoaded>(jobs, 16, 1, false) / central, 1.2);
}

}  // namespace work_conservation_test
