// SPDX-License-Identifier: Apache-2.0
//
// The first example of the README: a pool of four workers, one request with a session and one without.
#include <iostream>
#include <string>

#include <dispatch/pool.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/thread_pool.hpp>
namespace asio = boost::asio;
#else
#include <asio/thread_pool.hpp>
#endif

using Request = std::string;
using Response = std::string;

asio::awaitable<Response> handle(Request request) { co_return "Hello, " + request + "!"; }

asio::awaitable<void> serve(dispatch::WorkerPool<Request, Response>& pool) {
    std::cout << co_await pool.submit("session-1", "Ada") << '\n';     // pinned for 30 s
    std::cout << co_await pool.submit(std::nullopt, "Brian") << '\n';  // least loaded
}

int main() {
    asio::thread_pool threads{4};
    auto workers = dispatch::spawn_workers<Request, Response>(threads.get_executor(), 4, handle);
    dispatch::WorkerPool<Request, Response> pool{std::move(workers), {.affinity_ttl = std::chrono::seconds{30}}};
    asio::co_spawn(threads, serve(pool), asio::detached);
    threads.join();
}
