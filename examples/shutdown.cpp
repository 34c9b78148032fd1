// SPDX-License-Identifier: Apache-2.0
//
// An orderly end on SIGTERM: take no more jobs, finish those that were accepted, and stop what takes too long. Prints
// what became of each job, and the ledger: of a pool that drains in time, and of one that has to be stopped.
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <dispatch/pool.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
namespace asio = boost::asio;
#else
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_future.hpp>
#endif

using namespace std::chrono_literals;

using Pool = dispatch::WorkerPool<std::chrono::milliseconds, std::string>;

/// A job that takes some time. stop() cancels it: then async_wait throws.
asio::awaitable<std::string> handle(std::chrono::milliseconds time) {
    asio::steady_timer timer{co_await asio::this_coro::executor, time};
    try {
        co_await timer.async_wait(asio::use_awaitable);
    } catch (const std::exception&) {
        throw std::runtime_error{"the handler has cleaned up and given up"};
    }
    co_return "done";
}

/// Finishes what was accepted, within a limit; then stops the rest. On several threads || needs a strand.
asio::awaitable<void> shut_down(Pool& pool, std::chrono::milliseconds limit) {
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer timer{co_await asio::this_coro::executor, limit};
    const auto first = co_await (pool.drain(asio::use_awaitable) || timer.async_wait(asio::use_awaitable));
    if (first.index() == 0) {
        std::cout << "  drained in time\n";
        co_return;
    }
    std::cout << "  not drained in time: stopping\n";
    pool.stop();            // queued jobs hear errc::stopped, handlers that run are cancelled
    co_await pool.drain();  // until those have ended
}

asio::awaitable<void> shut_down_on_signal(asio::signal_set& signals, Pool& pool, std::chrono::milliseconds limit) {
    const int signal = co_await signals.async_wait(asio::use_awaitable);
    std::cout << "  " << (signal == SIGTERM ? "SIGTERM" : "SIGINT") << ": no more jobs\n";
    co_await shut_down(pool, limit);
}

/// Submits a job, and notes how it ended.
asio::awaitable<void> ask(Pool& pool, std::chrono::milliseconds time, std::string& outcome) {
    try {
        outcome = co_await pool.submit(std::nullopt, time);
    } catch (const std::exception& error) {  // errc::stopped, or what the handler has thrown
        outcome = error.what();
    }
}

/// A server that gets SIGTERM when it has accepted three jobs. A fourth one comes too late.
void serve(std::chrono::milliseconds time, std::chrono::milliseconds limit) {
    asio::io_context io;
    Pool pool{dispatch::spawn_workers(io.get_executor(), 1, handle, {.max_concurrency = 2})};
    asio::signal_set signals{io, SIGINT, SIGTERM};
    std::vector<std::string> outcomes(4);
    for (std::size_t i = 0; i != 3; ++i) {
        asio::co_spawn(io, ask(pool, time, outcomes[i]), asio::detached);
    }
    auto end = asio::co_spawn(io, shut_down_on_signal(signals, pool, limit), asio::use_future);
    std::raise(SIGTERM);  // in place of an operator
    io.run();
    end.get();

    asio::co_spawn(io, ask(pool, time, outcomes[3]), asio::detached);
    io.restart();
    io.run();
    for (std::size_t i = 0; i != outcomes.size(); ++i) {
        std::cout << "  job " << i + 1 << ": " << outcomes[i] << '\n';
    }
    const dispatch::Ledger ledger = pool.ledger();
    std::cout << "  " << ledger.submitted << " submitted, " << ledger.completed << " completed, " << ledger.stopped
              << " stopped\n";
}

int main() {
    std::cout << "jobs of 5 ms, a limit of 10 s\n";
    serve(5ms, 10s);
    std::cout << "jobs of an hour, a limit of 5 ms\n";
    serve(1h, 5ms);
}

// Prints:
// jobs of 5 ms, a limit of 10 s
//   SIGTERM: no more jobs
//   drained in time
//   job 1: done
//   job 2: done
//   job 3: done
//   job 4: the pool is draining or stopped and takes no more jobs
//   4 submitted, 3 completed, 1 stopped
// jobs of an hour, a limit of 5 ms
//   SIGTERM: no more jobs
//   not drained in time: stopping
//   job 1: the handler has cleaned up and given up
//   job 2: the handler has cleaned up and given up
//   job 3: the pool is draining or stopped and takes no more jobs
//   job 4: the pool is draining or stopped and takes no more jobs
//   4 submitted, 0 completed, 4 stopped
