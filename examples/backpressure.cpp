// SPDX-License-Identifier: Apache-2.0
//
// More work than a worker takes: one job runs, two are queued, and three more come. Prints what becomes of them with
// Overflow::wait, where submit waits for a place, and with Overflow::reject, where it fails with errc::queue_full.
#include <chrono>
#include <iostream>
#include <string>
#include <system_error>
#include <utility>

#include <dispatch/pool.hpp>
#include <dispatch/semaphore.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
namespace asio = boost::asio;
#else
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#endif

using namespace std::chrono_literals;

using Pool = dispatch::WorkerPool<int, int>;

void print_load(const Pool& pool) {
    const dispatch::WorkerMetrics worker = pool.worker_metrics().front();
    std::cout << "  " << worker.inflight << " in flight, " << worker.queue_len << " of " << worker.capacity
              << " queued, " << worker.waiting << " waiting\n";
}

/// Waits for an answer, and says how that went.
asio::awaitable<void> report(const char* how, asio::awaitable<int> answer) {
    try {
        const int number = co_await std::move(answer);
        std::cout << "  " << how << ": job " << number << " is done\n";
    } catch (const std::system_error& error) {
        if (error.code() == dispatch::errc::queue_full) {
            std::cout << "  " << how << ": the queue is full\n";
        } else if (error.code() == dispatch::errc::deadline_exceeded) {
            std::cout << "  " << how << ": no place in time\n";
        } else {
            throw;
        }
    }
}

/// Submits six jobs to a pool of one worker, whose handler waits until gate is open. The ledger says how they ended,
/// also those that are detached.
asio::awaitable<void> overload(Pool& pool, dispatch::Semaphore& gate) {
    for (int job = 1; job <= 3; ++job) {  // the first one runs, the others are queued
        pool.submit(std::nullopt, job, asio::detached);
    }
    print_load(pool);

    co_await report("try_submit", pool.try_submit(std::nullopt, 4, asio::use_awaitable));

    pool.submit(std::nullopt, 5, asio::detached);
    print_load(pool);

    const dispatch::SubmitOptions options{.deadline = std::chrono::steady_clock::now() + 5ms};
    co_await report("submit with a deadline", pool.submit(options, 6, asio::use_awaitable));

    gate.release();  // each handler passes the permit on to the next
    const dispatch::Ledger ledger = co_await pool.drain();
    std::cout << "  " << ledger.submitted << " submitted, " << ledger.completed << " completed, " << ledger.rejected
              << " rejected, " << ledger.expired << " expired\n";
}

void run(dispatch::Overflow overflow) {
    asio::io_context io;
    dispatch::Semaphore gate{io.get_executor(), 0};  // closed
    const auto handle = [&gate](int job) -> asio::awaitable<int> {
        const dispatch::Permit permit = co_await gate.async_acquire();  // in place of a busy database
        co_return job;
    };
    Pool pool{dispatch::spawn_workers(io.get_executor(), 1, handle, {.max_concurrency = 1, .queue_capacity = 2}),
              {.overflow = overflow}};
    auto done = asio::co_spawn(io, overload(pool, gate), asio::use_future);
    io.run();
    done.get();
}

int main() {
    std::cout << "Overflow::wait\n";
    run(dispatch::Overflow::wait);
    std::cout << "Overflow::reject\n";
    run(dispatch::Overflow::reject);
}

// Prints:
// Overflow::wait
//   1 in flight, 2 of 2 queued, 0 waiting
//   try_submit: the queue is full
//   1 in flight, 2 of 2 queued, 1 waiting
//   submit with a deadline: no place in time
//   6 submitted, 4 completed, 1 rejected, 1 expired
// Overflow::reject
//   1 in flight, 2 of 2 queued, 0 waiting
//   try_submit: the queue is full
//   1 in flight, 2 of 2 queued, 0 waiting
//   submit with a deadline: the queue is full
//   6 submitted, 3 completed, 3 rejected, 0 expired
