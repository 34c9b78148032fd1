// SPDX-License-Identifier: Apache-2.0
//
// A handler's retries, tested for an hour of outage in milliseconds. The handler is the one for production: a template
// on its timer, so that the test runs it in virtual time. Prints how often it asked the upstream, and when it got an
// answer.
#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>

#include <dispatch/pool.hpp>
#include <dispatch/simulation.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/steady_timer.hpp>
namespace asio = boost::asio;
#else
#include <asio/steady_timer.hpp>
#endif

using namespace std::chrono_literals;
namespace simulation = dispatch::simulation;

/// Asks an upstream, and if that fails, again after 1 s, 2 s, 4 s ... 5 min. In production, Timer is
/// asio::steady_timer.
template <typename Upstream, typename Timer = asio::steady_timer>
class Patient {
  public:
    explicit Patient(Upstream upstream) : upstream_{std::move(upstream)} {}

    asio::awaitable<std::string> operator()(std::string request) {
        Timer timer{co_await asio::this_coro::executor};
        for (std::chrono::seconds pause = 1s;; pause = std::min<std::chrono::seconds>(2 * pause, 5min)) {
            try {
                co_return co_await upstream_(request);
            } catch (const std::runtime_error&) {
                // It is down, perhaps.
            }
            timer.expires_after(pause);
            co_await timer.async_wait(asio::use_awaitable);
        }
    }

  private:
    Upstream upstream_;
};

int main() {
    simulation::Context context;
    int asked = 0;
    const auto upstream = [&](const std::string& request) -> asio::awaitable<std::string> {
        ++asked;
        simulation::Timer latency{co_await asio::this_coro::executor, 100ms};
        co_await latency.async_wait(asio::use_awaitable);
        if (context.elapsed() < 1h) {
            throw std::runtime_error{"503"};
        }
        co_return "answer to " + request;
    };

    using Handler = Patient<decltype(upstream), simulation::Timer>;
    dispatch::WorkerPool<std::string, std::string, dispatch::LeastLoaded, simulation::Executor> pool{
        dispatch::spawn_workers<std::string, std::string, simulation::Executor>(context.get_executor(), 2,
                                                                                Handler{upstream})};

    const auto report = [&](const std::exception_ptr& error, const std::string& answer) {
        std::cout << std::chrono::duration<double>(context.elapsed()).count() << " s: " << (error ? "an error" : answer)
                  << '\n';
    };
    pool.submit(std::nullopt, "patience", report);
    pool.submit({.deadline = context.now() + 10min}, "haste", report);
    context.run();
    std::cout << asked << " requests to the upstream; left to do: "
              << (context.what_is_left().empty() ? "nothing" : context.what_is_left()) << '\n';
}

// Prints:
// 600 s: an error
// 3813.1 s: answer to patience
// 31 requests to the upstream; left to do: nothing
