// SPDX-License-Identifier: Apache-2.0
//
// Jobs that keep the processor busy, in a closed loop: what they take through a pool, and through what one writes
// without one. Run by ./dev bench --jobs; jobs_bench calibrate prints how many rounds of work make a microsecond.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

#include "asio.hpp"
#include "baselines.hpp"
#include "closed_loop.hpp"
#include "job_case.hpp"
#include "pooled.hpp"
#include "work.hpp"

namespace {

using namespace bench;

/// A handler: a coroutine that keeps the processor busy for so many rounds.
struct Busy {
    std::uint64_t rounds;
    net::awaitable<std::uint64_t> operator()(std::uint64_t request) const { co_return work_on(request, rounds); }
};

template <typename Contender, typename... Args>
int time_contender(const JobCase& that, const Args&... args) {
    net::thread_pool threads{static_cast<std::size_t>(that.threads)};
    int status = 0;
    {
        Contender contender{threads.get_executor(), args...};
        status = time_jobs(that, [&](std::int64_t jobs) {
            return ClosedLoop{jobs, that.clients}.run(contender.executor(), contender.operation());
        });
    }
    threads.join();
    return status;
}

int time_named(std::string_view name, const JobCase& that) {
    const auto workers = static_cast<std::size_t>(that.workers);
    const Busy busy{that.rounds};
    if (name == "dispatch") {
        return time_contender<Dispatch<>>(that, workers, busy);
    }
    if (name == "dispatch_function") {
        return time_contender<Dispatch<>>(
            that, workers, [rounds = that.rounds](std::uint64_t request) { return work_on(request, rounds); });
    }
    if (name == "co_spawn") {
        return time_contender<CoSpawn<Busy>>(that, busy);
    }
    if (name == "direct_port") {
        return time_contender<DirectPort<Busy>>(that, workers, busy);
    }
    throw std::invalid_argument{"there is no contender '" + std::string{name} +
                                "': dispatch, dispatch_function, co_spawn, direct_port, or calibrate"};
}

}  // namespace

int main(int argc, char** argv) {
    return with_errors_shown("jobs_bench", [&] {
        const std::string_view name{argc > 1 ? argv[1] : ""};
        if (name == "calibrate") {
            std::printf("%.3f\n", rounds_per_microsecond());
            return 0;
        }
        return time_named(name, read_case(argc, argv, 2));
    });
}
