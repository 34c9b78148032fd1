// SPDX-License-Identifier: Apache-2.0
//
// A dispatcher out of the parts of TooManyCooks, beside the pool in ./dev bench --jobs. A worker is a braid, which runs
// one thing at a time, and a semaphore for what it has begun; the least loaded one gets the job.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include <tmc/ex_braid.hpp>
#include <tmc/ex_cpu.hpp>
#include <tmc/semaphore.hpp>
#include <tmc/spawn.hpp>
#include <tmc/spawn_many.hpp>
#include <tmc/sync.hpp>
#include <tmc/task.hpp>

#include "job_case.hpp"
#include "work.hpp"

namespace {

class Dispatcher {
  public:
    Dispatcher(tmc::ex_cpu& threads, std::int64_t workers, std::uint64_t rounds) : rounds_{rounds} {
        for (std::int64_t i = 0; i != workers; ++i) {
            workers_.push_back(std::make_unique<Worker>(threads));
        }
    }

    /// Completes with the handler's response on the caller's executor.
    tmc::task<std::uint64_t> submit(std::uint64_t request) {
        Worker& worker = least_loaded();
        worker.load.fetch_add(1, std::memory_order_relaxed);
        const auto permit = co_await worker.permits.acquire_scope();
        const std::uint64_t response = co_await tmc::spawn(handle(request, rounds_)).run_on(worker.braid);
        worker.load.fetch_sub(1, std::memory_order_relaxed);
        co_return response;
    }

  private:
    struct Worker {
        explicit Worker(tmc::ex_cpu& threads) : braid{threads} {}
        tmc::ex_braid braid;
        tmc::semaphore permits{256};
        std::atomic<std::size_t> load{0};
    };

    static tmc::task<std::uint64_t> handle(std::uint64_t request, std::uint64_t rounds) {
        co_return bench::work_on(request, rounds);
    }

    Worker& least_loaded() {
        return **std::min_element(workers_.begin(), workers_.end(), [](const auto& a, const auto& b) {
            return a->load.load(std::memory_order_relaxed) < b->load.load(std::memory_order_relaxed);
        });
    }

    std::vector<std::unique_ptr<Worker>> workers_;
    std::uint64_t rounds_;
};

tmc::task<std::uint64_t> client(Dispatcher& dispatcher, std::atomic<std::int64_t>& left) {
    std::uint64_t sum = 0;
    for (std::int64_t request; (request = left.fetch_sub(1, std::memory_order_relaxed)) > 0;) {
        sum += co_await dispatcher.submit(static_cast<std::uint64_t>(request));
    }
    co_return sum;
}

tmc::task<std::uint64_t> all_clients(Dispatcher& dispatcher, std::int64_t clients, std::int64_t jobs) {
    std::atomic<std::int64_t> left{jobs};
    std::vector<tmc::task<std::uint64_t>> tasks;
    for (std::int64_t i = 0; i != clients; ++i) {
        tasks.push_back(client(dispatcher, left));
    }
    const std::vector<std::uint64_t> sums = co_await tmc::spawn_many(tasks.begin(), tasks.end());
    co_return std::accumulate(sums.begin(), sums.end(), std::uint64_t{0});
}

}  // namespace

int main(int argc, char** argv) {
    return bench::with_errors_shown("peer_toomanycooks", [&] {
        const bench::JobCase that = bench::read_case(argc, argv);
        tmc::ex_cpu threads;
        threads.set_thread_count(static_cast<std::size_t>(that.threads)).init();
        Dispatcher dispatcher{threads, that.workers, that.rounds};
        return bench::time_jobs(that, [&](std::int64_t jobs) {
            return bench::checked_time(
                jobs, [&] { return tmc::post_waitable(threads, all_clients(dispatcher, that.clients, jobs)).get(); });
        });
    });
}
