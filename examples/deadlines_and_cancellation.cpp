// SPDX-License-Identifier: Apache-2.0
//
// Deadlines, and callers that give up. Prints what callers hear: of a job that is in time, one whose deadline passes
// while it runs, one whose deadline passes in the queue, one that is cancelled, and one that makes the best of that.
#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <system_error>
#include <utility>

#include <dispatch/pool.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
namespace asio = boost::asio;
#else
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_future.hpp>
#endif

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

using Pool = dispatch::WorkerPool<std::string, std::string>;

/// "slow" and "search" wait for what never comes. A cancellation ends the wait: async_wait throws.
asio::awaitable<std::string> handle(std::string request) {
    asio::steady_timer never{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
    if (request == "slow") {
        co_await never.async_wait(asio::use_awaitable);
    }
    if (request == "search") {
        try {
            co_await never.async_wait(asio::use_awaitable);
        } catch (const std::exception&) {
            co_return "the first three results";  // better than nothing
        }
    }
    co_return "done";
}

/// The answer to request, or why there is none within patience.
asio::awaitable<std::string> ask(Pool& pool, std::string request, std::chrono::milliseconds patience) {
    const dispatch::SubmitOptions options{.deadline = std::chrono::steady_clock::now() + patience};
    try {
        co_return co_await pool.submit(options, std::move(request));
    } catch (const std::system_error& error) {
        if (error.code() != dispatch::errc::deadline_exceeded) {
            throw;
        }
    }
    co_return "too late";
}

asio::awaitable<void> deadlines(Pool& pool) {
    std::cout << "in time: " << co_await ask(pool, "quick", 1h) << '\n';
    std::cout << "while it runs: " << co_await ask(pool, "slow", 5ms) << '\n';

    // The worker runs one job at a time, so "quick" is queued behind "slow", and expires there: it is never run. When
    // one side of || has its result, the other is cancelled: here "slow". (On several threads || needs a strand.)
    const auto first = co_await (pool.submit(std::nullopt, "slow", asio::use_awaitable) || ask(pool, "quick", 5ms));
    std::cout << "in the queue: " << std::get<1>(first) << '\n';
}

/// With a timer beside the job instead of a deadline.
asio::awaitable<void> give_up(Pool& pool) {
    asio::steady_timer timer{co_await asio::this_coro::executor, 5ms};
    const auto first =
        co_await (pool.submit(std::nullopt, "slow", asio::use_awaitable) || timer.async_wait(asio::use_awaitable));
    std::cout << "with a timer: " << (first.index() == 0 ? "done" : "given up") << '\n';
}

/// With a signal, which the program emits while the handler waits. The caller hears what the handler makes of it.
void hang_up(asio::io_context& io, Pool& pool) {
    asio::cancellation_signal signal;
    auto reply = pool.submit(std::nullopt, "search", asio::bind_cancellation_slot(signal.slot(), asio::use_future));
    io.restart();
    io.poll();  // until there is nothing to do but to wait
    signal.emit(asio::cancellation_type::terminal);
    io.run();
    std::cout << "with a signal: " << reply.get() << '\n';
}

/// Runs work to its end, and throws what it throws.
void run(asio::io_context& io, asio::awaitable<void> work) {
    auto done = asio::co_spawn(io, std::move(work), asio::use_future);
    io.restart();
    io.run();
    done.get();
}

int main() {
    asio::io_context io;
    Pool pool{dispatch::spawn_workers(io.get_executor(), 1, handle, {.max_concurrency = 1})};
    run(io, deadlines(pool));
    run(io, give_up(pool));
    hang_up(io, pool);

    const dispatch::Ledger ledger = pool.ledger();
    std::cout << ledger.submitted << " jobs: " << ledger.completed << " completed, " << ledger.expired << " expired, "
              << ledger.cancelled << " cancelled\n";
}

// Prints:
// in time: done
// while it runs: too late
// in the queue: too late
// with a timer: given up
// with a signal: the first three results
// 6 jobs: 2 completed, 2 expired, 2 cancelled
