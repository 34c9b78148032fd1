// SPDX-License-Identifier: Apache-2.0
//
// Wall time, with Google Benchmark: what a pool needs for a job, and what the same takes without one. Run
// by ./dev bench, which repeats all cases in turn, so that whatever else the machine does hits all alike.
// Compare the rows of one run with one another, and never two runs.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "closed_loop.hpp"
#include "contenders.hpp"

namespace {

using namespace bench;

/// Times rounds of a closed loop. clients, threads: of the loop and of the pool's thread_pool.
template <typename Contender, typename Operation>
void time_rounds(benchmark::State& state, Contender& contender, const Operation& operation, std::int64_t clients,
                 std::int64_t jobs) {
    try {
        ClosedLoop{jobs / 10 + clients, clients}.run(contender.executor(), operation);
        for (auto _ : state) {
            state.SetIterationTime(ClosedLoop{jobs, clients}.run(contender.executor(), operation).count());
        }
    } catch (const std::exception& error) {
        state.SkipWithError(error.what());
        return;
    }
    // Shown in seconds, with a prefix: 250n is 250 ns per job.
    state.counters["per_job"] = benchmark::Counter(
        static_cast<double>(jobs), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

struct Load {
    std::int64_t clients = 64;
    std::int64_t threads = 1;
    std::int64_t workers = 4;
    std::int64_t sessions = 0;
    std::int64_t jobs = 50'000;

    std::string name() const {
        return "/clients:" + std::to_string(clients) + "/threads:" + std::to_string(threads) +
               "/workers:" + std::to_string(workers) + "/sessions:" + std::to_string(sessions);
    }
};

template <typename Executor, typename Handler>
void add_dispatch(const std::string& handler_name, const Load& load, Handler handler) {
    benchmark::RegisterBenchmark(
        ("dispatch" + load.name() + "/handler:" + handler_name).c_str(),
        [=](benchmark::State& state) {
            net::thread_pool threads{static_cast<std::size_t>(load.threads)};
            {
                Dispatch<Executor> contender{threads.get_executor(), static_cast<std::size_t>(load.workers), handler};
                const Sessions sessions{static_cast<std::size_t>(load.sessions)};
                if (load.sessions == 0) {
                    time_rounds(state, contender, contender.operation(), load.clients, load.jobs);
                } else {
                    ClosedLoop{load.sessions, 64}.run(contender.executor(), contender.introduction(sessions));
                    time_rounds(state, contender, contender.operation(sessions), load.clients, load.jobs);
                }
            }
            threads.join();
        })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
}

template <typename Contender, typename... Args>
void add_baseline(const std::string& name, const Load& load, Args... args) {
    benchmark::RegisterBenchmark((name + load.name() + "/handler:echo").c_str(),
                                 [=](benchmark::State& state) {
                                     net::thread_pool threads{static_cast<std::size_t>(load.threads)};
                                     {
                                         Contender contender{threads.get_executor(), args...};
                                         time_rounds(state, contender, contender.operation(), load.clients, load.jobs);
                                     }
                                     threads.join();
                                 })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
}

/// A round trip from a thread that is not the pool's, and runs a context of its own: p50 and p99.
template <typename Operation>
void time_round_trips(benchmark::State& state, const Operation& operation) {
    using Clock = std::chrono::steady_clock;
    constexpr int trips = 2'000;
    std::vector<double> seconds;
    for (auto _ : state) {
        net::io_context here;
        const auto start = Clock::now();
        const auto travel = [&]() -> net::awaitable<void> {
            for (int trip = 0; trip != trips; ++trip) {
                const auto departure = Clock::now();
                co_await operation(1);
                seconds.push_back(std::chrono::duration<double>(Clock::now() - departure).count());
            }
        };
        net::co_spawn(here, travel(), net::detached);
        here.run();
        state.SetIterationTime(std::chrono::duration<double>(Clock::now() - start).count());
    }
    std::sort(seconds.begin(), seconds.end());
    state.counters["p50"] = seconds[seconds.size() / 2];
    state.counters["p99"] = seconds[seconds.size() / 100 * 99];
    state.counters["per_job"] =
        benchmark::Counter(trips, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void foreign_dispatch(benchmark::State& state) {
    net::thread_pool threads{1};
    {
        Dispatch<> contender{threads.get_executor(), 4, Echo<>{}};
        time_round_trips(state, contender.operation());
    }
    threads.join();
}

/// Awaits a post to the pool; the completion is posted back, as the coroutine's executor is elsewhere.
void foreign_post(benchmark::State& state) {
    net::thread_pool threads{1};
    time_round_trips(state, Post{threads.get_executor()}.operation());
    threads.join();
}

void add_all() {
    for (const std::int64_t threads : {1, 2}) {
        for (const std::int64_t clients : {1, 64, 1024}) {
            const Load load{.clients = clients, .threads = threads};
            add_dispatch<AnyExecutor>("echo", load, Echo<>{});
            add_baseline<CoSpawn<Echo<>>>("co_spawn", load, Echo<>{});
            add_baseline<Post>("post", load);
            add_baseline<DirectPort<Echo<>>>("direct_port", load, std::size_t{4}, Echo<>{});
        }
        const Load load{.threads = threads};
        add_dispatch<TypedExecutor>("echo_typed", load, Echo<dispatch::WorkerExecutor<TypedExecutor>>{});
        add_dispatch<AnyExecutor>("function", load, plain_function);
        add_dispatch<AnyExecutor>("yield", load, Yield<>{});
        add_dispatch<AnyExecutor>("wait_1ms", Load{.threads = threads, .jobs = 2'000}, Wait1ms<>{});
        for (const std::int64_t workers : {256, 1024}) {
            add_dispatch<AnyExecutor>("echo", Load{.threads = threads, .workers = workers}, Echo<>{});
        }
        for (const std::int64_t sessions : {1'000, 100'000, 1'000'000}) {
            add_dispatch<AnyExecutor>("echo", Load{.threads = threads, .sessions = sessions}, Echo<>{});
        }
    }
    benchmark::RegisterBenchmark("foreign_dispatch", foreign_dispatch)->UseManualTime()->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark("foreign_post", foreign_post)->UseManualTime()->Unit(benchmark::kMillisecond);
}

[[maybe_unused]] const bool added = (add_all(), true);

}  // namespace
