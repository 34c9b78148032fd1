// SPDX-License-Identifier: Apache-2.0
//
// Counts what a job costs in instructions and in heap allocations, which are the same on every run. Run by callgrind,
// without instrumentation at its start, which collects the instructions of exactly 40,000 jobs (in most cases), after
// as many for a warm-up. One thread, so that nothing depends on luck.
//
// For one file of a program that is compiled once for each kind of cases (DISPATCH_COST_KIND): it replaces malloc, and
// its functions are that file's own, so that the compiler may inline what is called once.
#ifndef DISPATCH_BENCHMARKS_COUNTED_JOBS_HPP
#define DISPATCH_BENCHMARKS_COUNTED_JOBS_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#endif

#include "asio.hpp"
#include "closed_loop.hpp"

namespace bench {

inline std::atomic<std::uint64_t> allocations{0};

}  // namespace bench

// Every way to the heap that the libraries below use: operator new comes down to malloc, and Asio calls
// aligned_alloc. (Replacing these is what the C library provides for; the originals have other names.)
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
    bench::allocations.fetch_add(1, std::memory_order_relaxed);
    return __libc_malloc(size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    bench::allocations.fetch_add(1, std::memory_order_relaxed);
    return __libc_memalign(alignment, size);
}
}

namespace bench {

/// In most cases.
inline constexpr std::int64_t jobs = 40'000;

/// Heap allocations of a run of so many jobs.
template <typename Contender, typename Operation>
static std::uint64_t allocations_of(Contender& contender, const Operation& operation, std::int64_t count,
                                    std::int64_t clients) {
    const std::uint64_t before = allocations;
    ClosedLoop{count, clients}.run(contender.executor(), operation);
    return allocations - before;
}

/// Runs the clients for a while, and then with the counters on.
template <typename Contender, typename Operation>
static int measure(Contender& contender, const Operation& operation, std::int64_t clients, std::int64_t count = jobs) {
    ClosedLoop{count, clients}.run(contender.executor(), operation);
    CALLGRIND_START_INSTRUMENTATION;
    const std::uint64_t with_start = allocations_of(contender, operation, count, clients);
    CALLGRIND_STOP_INSTRUMENTATION;
    // Without what it takes to start the clients.
    const std::uint64_t start = allocations_of(contender, operation, clients, clients);
    const auto made = with_start > start ? static_cast<double>(with_start - start) : 0.0;
    std::printf("%.3f allocations per job of %lld\n", made / static_cast<double>(count), static_cast<long long>(count));
    return 0;
}

/// The same for a contender of that type, which is made with an executor and args.
template <typename Contender, typename... Args>
static int measure_new(std::int64_t clients, std::int64_t count, Args... args) {
    net::thread_pool threads{1};
    Contender contender{threads.get_executor(), args...};
    return measure(contender, contender.operation(), clients, count);
}

/// What main() returns: the status of run(case), or 1 where it throws, and says what. The program has a name for each
/// case: dispatch_cost_CASE.
template <typename Run>
static int run_case(int argc, char** argv, const Run& run) {
    const std::string_view program{argc > 0 ? argv[0] : ""};
    constexpr std::string_view prefix = "dispatch_cost_";
    const std::size_t at = program.rfind(prefix);
    try {
        return run(at == std::string_view::npos ? program : program.substr(at + prefix.size()));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
        return 1;
    }
}

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_COUNTED_JOBS_HPP
