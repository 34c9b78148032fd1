// SPDX-License-Identifier: Apache-2.0
//
// How long jobs take from their arrival to their response, by load and routing: one pass over all cases, which prints a
// line of JSON for each. Run by ./dev bench --jobs with a seed for each pass, which decides when what arrives.
//
// The load is the rate of arrivals to the capacity, which the pass measures first: jobs a second that a pool with the
// default routing answers to clients in a closed loop, on the same threads and with the same work. The threads never
// sleep (polling_threads.hpp), and submit the jobs themselves (open_loop.hpp).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <dispatch/pool.hpp>

#include "arrivals.hpp"
#include "asio.hpp"
#include "bare.hpp"
#include "closed_loop.hpp"
#include "ideal_queue.hpp"
#include "open_loop.hpp"
#include "percentile.hpp"
#include "plain_queue.hpp"
#include "polling_threads.hpp"
#include "pooled.hpp"
#include "work.hpp"

namespace {

using namespace bench;
using Pool = dispatch::WorkerPool<std::uint64_t, std::uint64_t>;

constexpr std::uint64_t sessions = 1000;
constexpr Seconds mean_service{20e-6};
constexpr double seconds_a_case = 0.4;
constexpr double loads[] = {0.5, 0.8, 0.95};

/// How a pool chooses the worker that runs a job.
struct Routing {
    const char* name;
    bool by_session;
    bool late_binding;
};
constexpr Routing pinned{"pinned", true, true};
constexpr Routing bound_early{"early", false, false};
constexpr Routing bound_late{"late", false, true};

/// What arrives when, and how many rounds of work each job is.
struct Schedule {
    template <typename Service>
    Schedule(double rate, std::uint64_t seed, const Service& service, double rounds_per_second)
        : arrivals{poisson_arrivals(static_cast<std::size_t>(rate * seconds_a_case), rate, sessions, seed, service)} {
        rounds.reserve(arrivals.size());
        for (const Arrival& arrival : arrivals) {
            rounds.push_back(static_cast<std::uint64_t>(arrival.service.count() * rounds_per_second));
        }
    }

    std::vector<Arrival> arrivals;
    std::vector<std::uint64_t> rounds;
};

/// A pool with a worker for each of its threads. Requests are the numbers of jobs, from 1 on. The handler is a plain
/// function, of which a worker runs one at a time.
class Server {
  public:
    /// submit_due(), which says whether it did something, is called before each job ends and wherever a thread is idle.
    Server(const std::vector<std::uint64_t>& rounds, std::size_t threads, const Routing& routing,
           const std::function<bool()>& submit_due)
        : pool_{dispatch::spawn_workers<std::uint64_t, std::uint64_t>(context_.get_executor(), threads,
                                                                      [&rounds, submit_due](std::uint64_t request) {
                                                                          const std::uint64_t response =
                                                                              work_on(request, rounds[request - 1]);
                                                                          submit_due();
                                                                          return response;
                                                                      },
                                                                      {.queue_capacity = std::size_t{1} << 20}),
                {.late_binding = routing.late_binding}},
          work_{net::make_work_guard(context_)},
          threads_{threads, [this, submit_due] {
                       if (!submit_due() && context_.poll_one() == 0) {
                           keep_busy(100, 1);  // leaves the context's lock to who has something to do
                       }
                   }} {}

    Pool& pool() noexcept { return pool_; }

  private:
    net::io_context context_;
    Pool pool_;
    net::executor_work_guard<net::io_context::executor_type> work_;
    PollingThreads threads_;
};

struct Submit {
    using Response = std::uint64_t;
    Pool* pool;
    auto operator()(std::uint64_t request) const { return pool->submit(std::nullopt, request); }
};

/// Jobs a second.
double capacity(const std::vector<std::uint64_t>& rounds, std::size_t threads) {
    Server server{rounds, threads, bound_late, [] { return false; }};
    const auto jobs = static_cast<std::int64_t>(rounds.size());
    const Seconds took = ClosedLoop{jobs, 64}.run(server.pool().get_executor(), Submit{&server.pool()});
    return static_cast<double>(jobs) / took.count();
}

/// In seconds, by the jobs' numbers.
std::vector<double> latencies_of(const Schedule& schedule, std::size_t threads, const Routing& routing) {
    OpenLoop<> loop{schedule.arrivals};
    std::atomic<Pool*> pool{nullptr};  // until the loop has started
    const auto submit = [&](std::size_t number) {
        const SessionName name{schedule.arrivals[number].session};
        const std::optional<std::string_view> session = routing.by_session ? std::optional{name.text()} : std::nullopt;
        pool.load(std::memory_order_relaxed)
            ->submit(session, number + 1, [&loop, number](const std::exception_ptr& error, std::uint64_t response) {
                if (error || response != number + 1) {
                    std::fprintf(stderr, "latency_bench: job %zu has failed\n", number);
                    std::abort();
                }
                loop.finished(number);
            });
    };
    Server server{schedule.rounds, threads, routing,
                  [&] { return pool.load(std::memory_order_acquire) != nullptr && loop.submit_due(submit); }};
    loop.start();
    pool.store(&server.pool(), std::memory_order_release);
    return loop.latencies();
}

void print(const char* service, double load, const char* routing, std::vector<double> latencies) {
    // The first tenth finds the queues shorter than they become.
    latencies.erase(latencies.begin(), latencies.begin() + static_cast<std::ptrdiff_t>(latencies.size() / 10));
    std::printf(
        "{\"service\": \"%s\", \"load\": %.2f, \"routing\": \"%s\", \"p50\": %.9f, \"p99\": %.9f, "
        "\"p999\": %.9f}\n",
        service, load, routing, percentile(latencies, 0.5), percentile(latencies, 0.99), percentile(latencies, 0.999));
    std::fflush(stdout);
}

template <typename Service>
void measure(const char* name, const Service& service, std::size_t threads, std::uint64_t seed,
             double rounds_per_second) {
    // As much work as the threads can do. What else the machine does can only make it take longer: the shortest counts.
    const Schedule all{static_cast<double>(threads) / mean_service.count(), seed, service, rounds_per_second};
    Seconds work{0};
    for (const Arrival& arrival : all.arrivals) {
        work += arrival.service;
    }
    Seconds bare = Seconds::max();
    double rate = 0;
    for (int i = 0; i != 3; ++i) {
        bare = std::min<Seconds>(
            bare, call_directly(static_cast<std::int64_t>(all.rounds.size()), static_cast<std::int64_t>(threads),
                                [&](std::uint64_t request) { return all.rounds[request - 1]; }));
        rate = std::max(rate, capacity(all.rounds, threads));
    }
    const double slower_than_calibrated = bare.count() * static_cast<double>(threads) / work.count();

    for (const double load : loads) {
        Schedule schedule{load * rate, seed, service, rounds_per_second};
        print(name, load, "queue", latencies_without_a_pool(schedule.arrivals, schedule.rounds, threads));
        for (const Routing& routing : {bound_late, bound_early, pinned}) {
            print(name, load, routing.name, latencies_of(schedule, threads, routing));
        }
        for (Arrival& arrival : schedule.arrivals) {
            arrival.service *= slower_than_calibrated;
        }
        print(name, load, "ideal", ideal_latencies(schedule.arrivals, threads));
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 3) {
            throw std::invalid_argument{"the arguments are the number of threads and a seed"};
        }
        const std::size_t threads = std::stoul(argv[1]);
        const std::uint64_t seed = std::stoull(argv[2]);
        const double rounds_per_second = 1e6 * rounds_per_microsecond();
        const auto fixed = [](std::mt19937_64&) { return mean_service; };
        measure("fixed", fixed, threads, seed, rounds_per_second);
        measure("pareto", BoundedPareto{mean_service}, threads, seed, rounds_per_second);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "latency_bench: %s\n", error.what());
        return 1;
    }
}
