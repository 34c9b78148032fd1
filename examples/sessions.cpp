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
#include <dispatch/simulation.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/use_future.hpp>
namespace asio = boost::asio;
#else
#include <asio/use_future.hpp>
#endif

namespace simulation = dispatch::simulation;
using namespace std::chrono_literals;

using Page = int;
using WasCached = bool;
/// On an executor whose time is virtual, so that the program need not wait. A server leaves the last two parameters
/// out.
using Pool = dispatch::WorkerPool<Page, WasCached, dispatch::LeastLoaded, simulation::Executor>;

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

Pool make_pool(simulation::Context& context, std::size_t workers, dispatch::AffinityExpiry expiry) {
    return Pool{
        dispatch::spawn_workers<Page, WasCached, simulation::Executor>(context.get_executor(), workers, ShowPage{}),
        {.affinity_ttl = 30s, .affinity_expiry = expiry}};
}

/// Eight users look at three pages each.
asio::awaitable<void> spread(Pool& pool) {
    int hits = 0;
    for (Page page = 1; page <= 3; ++page) {
        for (int user = 1; user <= 8; ++user) {
            hits += co_await pool.submit("user-" + std::to_string(user), page, asio::use_awaitable) ? 1 : 0;
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
        std::cout << (co_await pool.submit("ada", page, asio::use_awaitable) ? "   hit" : "  miss");
        simulation::Timer timer{co_await asio::this_coro::executor, 20s};
        co_await timer.async_wait(asio::use_awaitable);
    }
    std::cout << '\n';
}

/// Runs work to its end, and throws what it throws.
void run(simulation::Context& context, asio::awaitable<void> work) {
    auto done = asio::co_spawn(context, std::move(work), asio::use_future);
    context.run();
    done.get();
}

int main() {
    simulation::Context context;
    Pool pool = make_pool(context, 4, dispatch::AffinityExpiry::fixed);
    run(context, spread(pool));

    std::cout << "pins of 30 s   0 s  20 s  40 s  60 s\n";
    std::cout << "fixed       ";
    Pool fixed = make_pool(context, 2, dispatch::AffinityExpiry::fixed);
    run(context, stay(fixed));
    std::cout << "sliding     ";
    Pool sliding = make_pool(context, 2, dispatch::AffinityExpiry::sliding);
    run(context, stay(sliding));
}

// Prints:
// 24 requests of 8 sessions: 16 cache hits
// sessions on each worker: 2 2 2 2
// pins of 30 s   0 s  20 s  40 s  60 s
// fixed         miss   hit  miss   hit
// sliding       miss   hit   hit   hit
