// SPDX-License-Identifier: Apache-2.0
//
// A dispatcher out of the parts of libcoro, beside the pool in ./dev bench --jobs. It has no executor that runs one
// thing at a time, so a worker is a queue, a coroutine that takes jobs from it, and a semaphore for what it has begun;
// the least loaded one gets the job, and an event brings its caller back.
#include <algorithm>
#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>  // which coro/queue.hpp uses and does not include
#include <utility>
#include <vector>

#include <coro/event.hpp>
#include <coro/queue.hpp>
#include <coro/semaphore.hpp>
#include <coro/sync_wait.hpp>
#include <coro/task.hpp>
#include <coro/thread_pool.hpp>
#include <coro/when_all.hpp>

#include "job_case.hpp"
#include "work.hpp"

namespace {

using Threads = std::unique_ptr<coro::thread_pool>;

class Dispatcher {
  public:
    Dispatcher(Threads& threads, std::int64_t workers, std::uint64_t rounds) : threads_{threads}, rounds_{rounds} {
        for (std::int64_t i = 0; i != workers; ++i) {
            workers_.push_back(std::make_unique<Worker>());
            threads_->spawn_detached(work(*workers_.back()));
        }
    }
    Dispatcher(const Dispatcher&) = delete;
    Dispatcher& operator=(const Dispatcher&) = delete;
    ~Dispatcher() {
        for (const auto& worker : workers_) {
            coro::sync_wait(worker->queue.shutdown());
        }
        threads_->shutdown();
    }

    /// Completes with the handler's response on one of the threads.
    coro::task<std::uint64_t> submit(std::uint64_t request) {
        Worker& worker = least_loaded();
        worker.load.fetch_add(1, std::memory_order_relaxed);
        Job job{request};
        co_await worker.queue.push(&job);
        co_await job.done;
        co_return job.response;
    }

  private:
    struct Job {
        explicit Job(std::uint64_t number) noexcept : request{number} {}
        std::uint64_t request;
        std::uint64_t response = 0;
        coro::event done;
    };
    struct Worker {
        coro::queue<Job*> queue;
        coro::semaphore<256> permits{256};
        std::atomic<std::size_t> load{0};
    };

    coro::task<void> work(Worker& worker) {
        while (auto job = co_await worker.queue.pop()) {
            co_await worker.permits.acquire();
            threads_->spawn_detached(serve(worker, **job));
        }
    }

    coro::task<void> serve(Worker& worker, Job& job) {
        job.response = co_await handle(job.request, rounds_);
        worker.load.fetch_sub(1, std::memory_order_relaxed);
        co_await worker.permits.release();
        job.done.set(threads_);  // in a turn of its own: callers must not nest in one another
    }

    static coro::task<std::uint64_t> handle(std::uint64_t request, std::uint64_t rounds) {
        co_return bench::work_on(request, rounds);
    }

    Worker& least_loaded() {
        return **std::min_element(workers_.begin(), workers_.end(), [](const auto& a, const auto& b) {
            return a->load.load(std::memory_order_relaxed) < b->load.load(std::memory_order_relaxed);
        });
    }

    Threads& threads_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::uint64_t rounds_;
};

coro::task<std::uint64_t> client(Threads& threads, Dispatcher& dispatcher, std::atomic<std::int64_t>& left) {
    co_await threads->schedule();
    std::uint64_t sum = 0;
    for (std::int64_t request; (request = left.fetch_sub(1, std::memory_order_relaxed)) > 0;) {
        sum += co_await dispatcher.submit(static_cast<std::uint64_t>(request));
    }
    co_return sum;
}

std::uint64_t run(Threads& threads, Dispatcher& dispatcher, std::int64_t clients, std::int64_t jobs) {
    std::atomic<std::int64_t> left{jobs};
    std::vector<coro::task<std::uint64_t>> tasks;
    for (std::int64_t i = 0; i != clients; ++i) {
        tasks.push_back(client(threads, dispatcher, left));
    }
    auto finished = coro::sync_wait(coro::when_all(std::move(tasks)));
    std::uint64_t sum = 0;
    for (auto& done : finished) {
        sum += done.return_value();
    }
    return sum;
}

}  // namespace

int main(int argc, char** argv) {
    return bench::with_errors_shown("peer_libcoro", [&] {
        const bench::JobCase that = bench::read_case(argc, argv);
        Threads threads = coro::thread_pool::make_unique({.thread_count = static_cast<std::uint32_t>(that.threads),
                                                          .on_thread_start_functor = nullptr,
                                                          .on_thread_stop_functor = nullptr});
        Dispatcher dispatcher{threads, that.workers, that.rounds};
        return bench::time_jobs(that, [&](std::int64_t jobs) {
            return bench::checked_time(jobs, [&] { return run(threads, dispatcher, that.clients, jobs); });
        });
    });
}
