// SPDX-License-Identifier: Apache-2.0
//
// Sessions: all requests of a session go to one worker, which can keep what it knows of that session. Prints how
// sessions spread over the workers, how often a request finds its session in the worker's cache, and when a session's
// pin to its worker ends, with AffinityExpiry::fixed and ::sliding.
#include <chrono>
#include <cstddef>
#include <iostream>
#include <string>
#include <unordered_set>

#include <dispatch/pool.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
namespace asio = boost::asio;
#else
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#endif

using namespace std::chrono_literals;

/// Times the pins here, so that the program need not wait. A server leaves this parameter of WorkerPool out.
struct HandClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<HandClock>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept { return time_point{elapsed}; }
    static inline duration elapsed{0};
};

using Page = int;
using WasCached = bool;
using Pool = dispatch::WorkerPool<Page, WasCached, dispatch::LeastLoaded, asio::any_io_executor, HandClock>;

/// Each worker has a copy of this, and only that worker uses it: no locks. In a server the cache is bounded.
class ShowPage {
  public:
    asio::awaitable<WasCached> operator()(Page, dispatch::JobContext& job) {
        const bool is_new = users_.insert(std::string{job.session()}).second;  // if so, ask the database
        co_return !is_new;
    }

  private:
    std::unordered_set<std::string> users_;
};

Pool make_pool(asio::io_context& io, std::size_t workers, dispatch::AffinityExpiry expiry) {
    return Pool{dispatch::spawn_workers<Page, WasCached>(io.get_executor(), workers, ShowPage{}),
                {.affinity_ttl = 30s, .affinity_expiry = expiry}};
}

/// Eight users look at three pages each.
asio::awaitable<void> spread(Pool& pool) {
    int hits = 0;
    for (Page page = 1; page <= 3; ++page) {
        for (int user = 1; user <= 8; ++user) {
            hits += co_await pool.submit("user-" + std::to_string(user), page) ? 1 : 0;
        }
    }
    std::cout << "24 requests of 8 sessions: " << hits << " cache hits\nsessions on each worker:";
    for (const dispatch::WorkerMetrics& worker : pool.worker_metrics()) {
        std::cout << ' ' << worker.sessions;
    }
    std::cout << '\n';
}

/// One user looks at a page every 20 s. A miss after the first one means that the session has moved to the other
/// worker.
asio::awaitable<void> stay(Pool& pool) {
    for (Page page = 1; page <= 4; ++page) {
        std::cout << (co_await pool.submit("ada", page) ? "   hit" : "  miss");
        HandClock::elapsed += 20s;
    }
    std::cout << '\n';
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
    Pool pool = make_pool(io, 4, dispatch::AffinityExpiry::fixed);
    run(io, spread(pool));

    std::cout << "pins of 30 s   0 s  20 s  40 s  60 s\n";
    std::cout << "fixed       ";
    Pool fixed = make_pool(io, 2, dispatch::AffinityExpiry::fixed);
    run(io, stay(fixed));
    std::cout << "sliding     ";
    Pool sliding = make_pool(io, 2, dispatch::AffinityExpiry::sliding);
    run(io, stay(sliding));
}

// Prints:
// 24 requests of 8 sessions: 16 cache hits
// sessions on each worker: 2 2 2 2
// pins of 30 s   0 s  20 s  40 s  60 s
// fixed         miss   hit  miss   hit
// sliding       miss   hit   hit   hit
