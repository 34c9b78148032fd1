// SPDX-License-Identifier: Apache-2.0
//
// What the programs that run real jobs are asked, and how they answer: each has one contender, and knows nothing of the
// others, so that a table of them (jobs.py) compares what one would write with each.
#ifndef DISPATCH_BENCHMARKS_JOB_CASE_HPP
#define DISPATCH_BENCHMARKS_JOB_CASE_HPP

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>

#include "bare.hpp"

namespace bench {

/// The requests are the numbers from 1 to jobs, and their clients run in a closed loop on the workers' threads.
struct JobCase {
    std::int64_t jobs;
    std::int64_t clients;
    std::int64_t threads;
    std::int64_t workers;
    /// How much work each job is: see keep_busy().
    std::uint64_t rounds;
};

/// From the options --jobs, --clients, --threads, --workers and --rounds, in pairs with their values from argv[first]
/// on. Throws std::invalid_argument.
inline JobCase read_case(int argc, char** argv, int first = 1) {
    std::map<std::string, std::string> given;
    for (int i = first; i + 1 < argc; i += 2) {
        given[argv[i]] = argv[i + 1];
    }
    const auto number = [&](const char* name, std::int64_t least) {
        const std::string& text = given[name];
        char* end = nullptr;
        const long long value = std::strtoll(text.c_str(), &end, 10);
        if (text.empty() || *end != '\0' || value < least) {
            throw std::invalid_argument{std::string{name} + " is '" + text + "': give a whole number, at least " +
                                        std::to_string(least)};
        }
        return static_cast<std::int64_t>(value);
    };
    return {number("--jobs", 1), number("--clients", 1), number("--threads", 1), number("--workers", 1),
            static_cast<std::uint64_t>(number("--rounds", 0))};
}

/// How long run() takes, which returns the sum of the responses. Throws when that is not the sum of the requests.
template <typename Run>
std::chrono::duration<double> checked_time(std::int64_t jobs, const Run& run) {
    const auto start = std::chrono::steady_clock::now();
    const std::uint64_t sum = run();
    const auto end = std::chrono::steady_clock::now();
    const auto expected = static_cast<std::uint64_t>(jobs) * static_cast<std::uint64_t>(jobs + 1) / 2;
    if (sum != expected) {
        throw std::runtime_error{"the responses add up to " + std::to_string(sum) + " instead of " +
                                 std::to_string(expected)};
    }
    return end - start;
}

/// Calls run(jobs), which returns how long they took, first to warm up and then to measure; and half of the bare work
/// before that and half after it, so that both see what else the machine does. Prints the seconds that a job takes:
/// bare, and as the contender runs it. The status for main().
template <typename Run>
int time_jobs(const JobCase& that, const Run& run) {
    const auto bare = [&](std::int64_t jobs) {
        return call_directly(jobs, that.threads, [&](std::uint64_t /*request*/) { return that.rounds; });
    };
    run(that.jobs / 4 + that.clients);
    const std::int64_t half = that.jobs / 2 + 1;
    std::chrono::duration<double> direct = bare(half);
    const std::chrono::duration<double> dispatched = run(that.jobs);
    direct += bare(half);
    std::printf("{\"bare\": %.12f, \"per_job\": %.12f}\n", direct.count() / static_cast<double>(2 * half),
                dispatched.count() / static_cast<double>(that.jobs));
    return 0;
}

/// What main() returns: the result of run(), or 1 where it throws, and says what.
template <typename Run>
int with_errors_shown(const char* program, const Run& run) {
    try {
        return run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", program, error.what());
        return 1;
    }
}

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_JOB_CASE_HPP
