// SPDX-License-Identifier: Apache-2.0
//
// A pool whose workers another translation unit has made, where a third has what both need of the library.
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <system_error>

#include "workers.hpp"
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#else
#include <asio/co_spawn.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#endif

#if !defined(DISPATCH_SEPARATE_COMPILATION)
#error "the target has not defined DISPATCH_SEPARATE_COMPILATION"
#endif

namespace {

namespace net = dispatch::net;

/// The sum of the lengths of so many texts, every other one in a session.
net::awaitable<std::size_t> submit(Pool& pool, std::size_t jobs) {
    std::size_t sum = 0;
    for (std::size_t n = 0; n != jobs; ++n) {
        if (n % 2 == 0) {
            sum += co_await pool.submit("me", std::string(n, 'x'));
        } else {
            sum += co_await pool.submit(std::nullopt, std::string(n, 'x'));
        }
    }
    co_return sum;
}

net::awaitable<bool> is_stopped(Pool& pool) {
    try {
        co_await pool.submit(std::nullopt, std::string{});
    } catch (const std::system_error& error) {
        co_return error.code() == dispatch::errc::stopped;
    }
    co_return false;
}

}  // namespace

int main() {
    constexpr std::size_t jobs = 100;
    net::thread_pool threads{2};
    Pool pool{spawn(threads.get_executor())};
    bool good = net::co_spawn(threads, submit(pool, jobs), net::use_future).get() == jobs * (jobs - 1) / 2;
    pool.stop();
    good = net::co_spawn(threads, is_stopped(pool), net::use_future).get() && good;
    good = pool.ledger().completed == jobs && pool.ledger().stopped == 1 && good;
    threads.join();
    return good ? 0 : 1;
}
