// SPDX-License-Identifier: Apache-2.0
//
// Compiled once for each flavour, which both.cpp links: a pool, its handler and what they are made of have the
// same names in both.
#include <cstddef>
#include <future>
#include <optional>
#include <string_view>
#include <vector>

#include <dispatch/pool.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#else
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#endif

#define CONSUMER_JOIN_(a, b) a##b
#define CONSUMER_JOIN(a, b) CONSUMER_JOIN_(a, b)

namespace {

namespace net = dispatch::net;

net::awaitable<int> handle(int value) { co_return value + 1; }

}  // namespace

/// How many of jobs came back with what they should, half of them in a session.
std::size_t CONSUMER_JOIN(run_on_, FLAVOUR)(std::size_t jobs) {
    net::thread_pool threads{2};
    dispatch::WorkerPool<int, int> pool{dispatch::spawn_workers<int, int>(threads.get_executor(), 2, handle)};
    std::vector<std::future<int>> answers;
    for (std::size_t n = 0; n != jobs; ++n) {
        const std::optional<std::string_view> session =
            n % 2 == 0 ? std::optional<std::string_view>{"me"} : std::nullopt;
        answers.push_back(pool.submit(session, static_cast<int>(n), net::use_future));
    }
    std::size_t right = 0;
    for (std::size_t n = 0; n != jobs; ++n) {
        right += answers[n].get() == static_cast<int>(n) + 1 ? 1U : 0U;
    }
    return right;
}

bool CONSUMER_JOIN(is_boost_, FLAVOUR)() {
#if defined(DISPATCH_USE_BOOST_ASIO)
    return true;
#else
    return false;
#endif
}
