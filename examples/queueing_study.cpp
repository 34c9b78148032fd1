// SPDX-License-Identifier: Apache-2.0
//
// How long jobs wait: three million jobs in virtual time, beside what queueing theory says. One worker that runs four
// jobs at a time, with random arrivals and random service times, is an M/M/4 queue, for which Erlang's C formula gives
// the mean wait. Prints both, and fails if they differ by more than 2 %.
//
// Change the handler, the policy or the number of workers to study what no formula covers.
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <random>

#include <dispatch/pool.hpp>
#include <dispatch/simulation.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/detached.hpp>
namespace asio = boost::asio;
#else
#include <asio/detached.hpp>
#endif

namespace simulation = dispatch::simulation;
using Nanoseconds = std::chrono::nanoseconds;
using Seconds = std::chrono::duration<double>;
using Pool = dispatch::WorkerPool<Nanoseconds, Nanoseconds, dispatch::LeastLoaded, simulation::Executor>;

constexpr int servers = 4;
constexpr int number_of_jobs = 1'000'000;
constexpr double service_rate = 1.0;  // jobs a second that a server can do

/// A time that is exponentially distributed, so many a second on average. (The standard library's distribution differs
/// from one implementation to the next.)
Nanoseconds exponential(std::mt19937_64& random, double rate) {
    const double evenly = (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53;  // in (0, 1)
    return std::chrono::duration_cast<Nanoseconds>(Seconds{-std::log(evenly) / rate});
}

/// The mean wait of M/M/c in seconds: Erlang's C formula (1917), the probability that a job has to wait, over the rate
/// at which a busy system gets rid of jobs.
double erlang_c_wait(int c, double arrivals, double services) {
    const double offered = arrivals / services;
    double term = 1;  // offered^k / k!
    double sum = 0;
    for (int k = 0; k != c; ++k) {
        sum += term;
        term *= offered / (k + 1);
    }
    const double all_busy = term / (1 - offered / c);
    return all_busy / (sum + all_busy) / (c * services - arrivals);
}

/// Serves for as long as the request says, and returns how long it was queued.
asio::awaitable<Nanoseconds> serve(Nanoseconds service, dispatch::JobContext& job) {
    const Nanoseconds queued = job.queued_for();
    simulation::Timer timer{co_await asio::this_coro::executor, service};
    co_await timer.async_wait(asio::use_awaitable);
    co_return queued;
}

asio::awaitable<void> arrive(Pool& pool, double rate, Seconds& waited) {
    std::mt19937_64 random{42};
    simulation::Timer timer{co_await asio::this_coro::executor};
    for (int i = 0; i != number_of_jobs; ++i) {
        timer.expires_after(exponential(random, rate));
        co_await timer.async_wait(asio::use_awaitable);
        pool.submit(std::nullopt, exponential(random, service_rate),
                    [&](const std::exception_ptr& /*error*/, Nanoseconds wait) { waited += wait; });
    }
}

double simulated_wait(double rate) {
    simulation::Context context;
    Pool pool{dispatch::spawn_workers<Nanoseconds, Nanoseconds, simulation::Executor>(context.get_executor(), 1, serve,
                                                                                      {.max_concurrency = servers})};
    Seconds waited{};
    asio::co_spawn(context, arrive(pool, rate, waited), asio::detached);
    context.run();
    return waited.count() / number_of_jobs;
}

int main() {
    bool agree = true;
    std::cout << std::fixed << std::setprecision(3) << "load   mean wait   Erlang C\n";
    for (const double load : {0.5, 0.7, 0.8}) {
        const double rate = load * servers * service_rate;
        const double simulated = simulated_wait(rate);
        const double expected = erlang_c_wait(servers, rate, service_rate);
        std::cout << load << "   " << simulated << " s     " << expected << " s\n";
        agree = agree && std::abs(simulated / expected - 1) < 0.02;
    }
    return agree ? EXIT_SUCCESS : EXIT_FAILURE;
}
