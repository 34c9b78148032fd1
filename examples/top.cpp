// SPDX-License-Identifier: Apache-2.0
// A pool at work, live in a terminal: what each worker runs, what waits for it, its sessions, errors and rate. Clients
// of its own keep it busy, in waves. Ctrl-C ends it.
//
//   top [--workers N] [--clients N] [--sessions N] [--frames N]
//
// To watch a pool of yours, take watch(): it needs the pool, and a timer.
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <limits>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

#include <dispatch/pool.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
namespace asio = boost::asio;
#else
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#endif

#include "top/view.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using Pool = dispatch::WorkerPool<int, int>;

constexpr std::size_t concurrency = 32;

asio::awaitable<void> sleep_for(std::chrono::microseconds time) {
    asio::steady_timer timer{co_await asio::this_coro::executor, time};
    co_await timer.async_wait(asio::use_awaitable);
}

/// The work: some milliseconds of waiting, as for a database, and now and then an error.
asio::awaitable<int> handle(int request) {
    co_await sleep_for(std::chrono::microseconds{500 + request % 4'000});
    if (request % 997 == 0) {
        throw std::runtime_error{"one request in a thousand fails"};
    }
    co_return request;
}

/// How busy the clients are now, from 0 to 1: a wave of half a minute.
double tide(Clock::time_point start) {
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return 0.5 - 0.5 * std::cos(seconds / 30 * 2 * 3.14159265358979);
}

/// A client: every second request is of a session, of which a few are asked for much more often than others.
asio::awaitable<void> ask(Pool& pool, std::size_t client, std::size_t clients, std::size_t sessions,
                          Clock::time_point start, const std::atomic<bool>& ended) {
    std::mt19937 random{static_cast<std::mt19937::result_type>(client)};
    while (!ended) {
        if (static_cast<double>(client) > tide(start) * static_cast<double>(clients)) {
            co_await sleep_for(std::chrono::milliseconds{50});
            continue;
        }
        const int request = static_cast<int>(random() % 1'000'000);
        const std::size_t session = std::min(random() % sessions, random() % sessions);
        const std::string name = "session-" + std::to_string(session);
        try {
            if (client % 2 == 0) {
                co_await pool.submit(name, request);
            } else {
                co_await pool.submit(std::nullopt, request);
            }
        } catch (const std::exception&) {
            // Counted by the pool.
        }
    }
}

/// Draws the pool five times a second until ended, or frames times.
asio::awaitable<void> watch(const Pool& pool, std::size_t frames, std::atomic<bool>& ended) {
    top::View view{concurrency};
    std::cout << "\x1b[?25l";  // no cursor
    for (std::size_t frame = 0; frame < frames && !ended; ++frame) {
        co_await sleep_for(std::chrono::milliseconds{200});
        const std::string picture = view.show({pool.worker_metrics(), pool.ledger(), Clock::now()});
        std::cout << "\x1b[H\x1b[J" << picture << std::flush;  // from the top, over what was there
    }
    std::cout << "\x1b[?25h" << std::flush;
    ended = true;
}

struct Settings {
    std::map<std::string, std::size_t> flags{
        {"--workers", 8}, {"--clients", 400}, {"--sessions", 100}, {"--frames", std::numeric_limits<int>::max()}};

    std::size_t operator[](const char* name) const { return flags.at(name); }

    bool parse(int argc, char** argv) {
        for (int i = 1; i < argc; i += 2) {
            const auto flag = flags.find(argv[i]);
            const long value = i + 1 < argc ? std::strtol(argv[i + 1], nullptr, 10) : 0;
            if (flag == flags.end() || value < 1 || value > 1'000'000) {
                std::cerr
                    << "usage: top [--workers N] [--clients N] [--sessions N] [--frames N], N from 1 to 1000000\n";
                return false;
            }
            flag->second = static_cast<std::size_t>(value);
        }
        return true;
    }
};

}  // namespace

int main(int argc, char** argv) {
    Settings settings;
    if (!settings.parse(argc, argv)) {
        return 2;
    }
    asio::thread_pool threads{2};
    Pool pool{dispatch::spawn_workers<int, int>(threads.get_executor(), settings["--workers"], handle,
                                                {.max_concurrency = concurrency, .queue_capacity = 64}),
              {.affinity_ttl = std::chrono::seconds{10}}};
    std::atomic<bool> ended{false};
    asio::signal_set signals{threads, SIGINT, SIGTERM};
    signals.async_wait([&](auto, int) { ended = true; });

    const Clock::time_point start = Clock::now();
    const std::size_t clients = settings["--clients"];
    for (std::size_t client = 0; client < clients; ++client) {
        asio::co_spawn(threads, ask(pool, client, clients, settings["--sessions"], start, ended), asio::detached);
    }
    asio::co_spawn(threads, watch(pool, settings["--frames"], ended), asio::use_future).get();
    signals.cancel();
    threads.join();
}
