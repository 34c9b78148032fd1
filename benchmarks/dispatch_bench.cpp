// SPDX-License-Identifier: Apache-2.0
//
// Wall time, with Google Benchmark: what a pool needs for a job, and what the same takes without one. Run
// by ./dev bench, which goes through all cases several times over. What is to be compared stands side by
// side, so that whatever else the machine does hits all alike. Compare the rows of one run with one
// another, and never two runs.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>

#include <benchmark/benchmark.h>

#include "baselines.hpp"
#include "closed_loop.hpp"
#include "handlers.hpp"
#include "pooled.hpp"
#include "round_trips.hpp"

namespace {

using namespace bench;

/// Where the clients run: on the pool's threads, or on a thread of their own.
enum class From { pool, foreign };

const char* name_of(From from) { return from == From::pool ? "pool" : "foreign"; }

struct Load {
    std::int64_t clients = 64;
    std::int64_t threads = 1;
    From from = From::pool;
    std::int64_t workers = 4;
    std::int64_t sessions = 0;
    std::int64_t jobs = 50'000;
};

std::string throughput_name(const std::string& contender, const Load& load, const std::string& handler) {
    return contender + "/measure:throughput/from:" + name_of(load.from) + "/handler:" + handler +
           "/clients:" + std::to_string(load.clients) + "/threads:" + std::to_string(load.threads) +
           "/workers:" + std::to_string(load.workers) + "/sessions:" + std::to_string(load.sessions);
}

/// Calls run() with a Contender on a thread_pool of so many threads, and with the executor of its clients.
template <typename Contender, typename Run, typename... Args>
void with(benchmark::State& state, std::int64_t threads, From from, const Run& run, const Args&... args) {
    net::thread_pool here{static_cast<std::size_t>(threads)};
    net::thread_pool elsewhere{1};
    try {
        Contender contender{here.get_executor(), args...};
        if (from == From::pool) {
            run(contender, contender.executor());
        } else {
            run(contender, decltype(contender.executor()){elsewhere.get_executor()});
        }
    } catch (const std::exception& error) {
        state.SkipWithError(error.what());
    }
    elsewhere.join();
    here.join();
}

/// Times rounds of a closed loop.
template <typename Executor, typename Operation>
void time_rounds(benchmark::State& state, const Executor& executor, const Operation& operation, const Load& load) {
    ClosedLoop{load.jobs / 10 + load.clients, load.clients}.run(executor, operation);
    for (auto _ : state) {
        state.SetIterationTime(ClosedLoop{load.jobs, load.clients}.run(executor, operation).count());
    }
    // Shown in seconds, with a prefix: 250n is 250 ns per job.
    state.counters["per_job"] = benchmark::Counter(
        static_cast<double>(load.jobs), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// Adds a case. measure is called with a benchmark::State.
template <typename Measure>
void enrol(const std::string& name, const Measure& measure) {
    benchmark::RegisterBenchmark(name.c_str(), measure)->UseManualTime()->Unit(benchmark::kMillisecond);
}

template <typename Contender, typename... Args>
void add(const std::string& contender, const Load& load, const std::string& handler, const Args&... args) {
    enrol(throughput_name(contender, load, handler), [=](benchmark::State& state) {
        const auto run = [&](Contender& subject, const auto& clients) {
            time_rounds(state, clients, subject.operation(), load);
        };
        with<Contender>(state, load.threads, load.from, run, args...);
    });
}

template <typename Handler>
void add_dispatch(const Load& load, const std::string& name, Handler handler) {
    add<Dispatch<>>("dispatch", load, name, static_cast<std::size_t>(load.workers), handler);
}

template <typename Handler>
void add_co_spawn(const Load& load, const std::string& name, Handler handler) {
    add<CoSpawn<Handler>>("co_spawn", load, name, handler);
}

template <typename Handler>
void add_direct_port(const Load& load, const std::string& name, Handler handler) {
    add<DirectPort<Handler>>("direct_port", load, name, static_cast<std::size_t>(load.workers), handler);
}

/// A pool that knows all of its sessions.
void add_sessions(const Load& load) {
    enrol(throughput_name("dispatch", load, "echo"), [=](benchmark::State& state) {
        const auto run = [&](Dispatch<>& subject, const AnyExecutor& clients) {
            ClosedLoop{load.sessions, 64}.run(clients, subject.introduction());
            time_rounds(state, clients, subject.operation(static_cast<std::uint64_t>(load.sessions)), load);
        };
        with<Dispatch<>>(state, load.threads, load.from, run, static_cast<std::size_t>(load.workers), Echo<>{});
    });
}

/// p50, p90 and p99 of the round trips of one client.
template <typename Operation>
void time_round_trips(benchmark::State& state, const AnyExecutor& clients, const Operation& operation) {
    constexpr std::size_t trips = 2'000;
    RoundTrips round_trips;
    round_trips.run(clients, operation, trips);
    round_trips.forget();
    for (auto _ : state) {
        const auto start = std::chrono::steady_clock::now();
        round_trips.run(clients, operation, trips);
        const auto end = std::chrono::steady_clock::now();
        state.SetIterationTime(std::chrono::duration<double>(end - start).count());
    }
    state.counters["p50"] = round_trips.percentile(0.5);
    state.counters["p90"] = round_trips.percentile(0.9);
    state.counters["p99"] = round_trips.percentile(0.99);
}

template <typename Contender, typename... Args>
void add_latency(const std::string& contender, std::int64_t threads, From from, const Args&... args) {
    enrol(contender + "/measure:latency/from:" + name_of(from) + "/threads:" + std::to_string(threads),
          [=](benchmark::State& state) {
              const auto run = [&](Contender& subject, const AnyExecutor& clients) {
                  time_round_trips(state, clients, subject.operation());
              };
              with<Contender>(state, threads, from, run, args...);
          });
}

/// The same load on all four.
void add_clients(const Load& load) {
    add_dispatch(load, "echo", Echo<>{});
    add_co_spawn(load, "echo", Echo<>{});
    add<Post>("post", load, "echo");
    add_direct_port(load, "echo", Echo<>{});
}

/// What else a pool is used for, at 64 clients.
void add_variants(std::int64_t threads) {
    const Load load{.threads = threads};
    add<Dispatch<TypedExecutor>>("dispatch_typed", load, "echo", std::size_t{4},
                                 Echo<dispatch::WorkerExecutor<TypedExecutor>>{});
    add_dispatch(load, "function", plain_function);
    add_dispatch(load, "yield", Yield<>{});
    add_co_spawn(load, "yield", Yield<>{});
    add_direct_port(load, "yield", Yield<>{});
    const Load slow{.threads = threads, .jobs = 2'000};
    add_dispatch(slow, "wait_1ms", Wait1ms<>{});
    add_co_spawn(slow, "wait_1ms", Wait1ms<>{});
    add_direct_port(slow, "wait_1ms", Wait1ms<>{});
    for (const std::int64_t workers : {256, 1024}) {
        const Load many{.threads = threads, .workers = workers};
        add_dispatch(many, "echo", Echo<>{});
        add_direct_port(many, "echo", Echo<>{});
    }
    for (const std::int64_t sessions : {1'000, 100'000, 1'000'000}) {
        add_sessions(Load{.threads = threads, .sessions = sessions});
    }
}

void add_latencies(std::int64_t threads, From from) {
    add_latency<Dispatch<>>("dispatch", threads, from, std::size_t{4}, Echo<>{});
    add_latency<CoSpawn<Echo<>>>("co_spawn", threads, from, Echo<>{});
    add_latency<Post>("post", threads, from);
    add_latency<DirectPort<Echo<>>>("direct_port", threads, from, std::size_t{4}, Echo<>{});
}

void add_all() {
    for (const std::int64_t threads : {1, 2}) {
        // 64 last, and next to its variants.
        for (const std::int64_t clients : {1, 1024, 64}) {
            add_clients({.clients = clients, .threads = threads});
        }
        add_variants(threads);
        add_latencies(threads, From::pool);
        // A single client mostly waits for a thread to wake up.
        add_clients({.clients = 1, .threads = threads, .from = From::foreign, .jobs = 10'000});
        for (const std::int64_t clients : {64, 1024}) {
            add_clients({.clients = clients, .threads = threads, .from = From::foreign});
        }
        add_latencies(threads, From::foreign);
    }
    benchmark::AddCustomContext("compiler", __VERSION__);
    const int version = DISPATCH_ASIO_VERSION;
    benchmark::AddCustomContext("asio", std::to_string(version / 100'000) + "." + std::to_string(version / 100 % 1000) +
                                            "." + std::to_string(version % 100));
}

[[maybe_unused]] const bool added = (add_all(), true);

}  // namespace
