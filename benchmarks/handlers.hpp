// SPDX-License-Identifier: Apache-2.0
//
// Handlers: what they do before they return their request.
#ifndef DISPATCH_BENCHMARKS_HANDLERS_HPP
#define DISPATCH_BENCHMARKS_HANDLERS_HPP

#include <chrono>
#include <cstdint>

#include "asio.hpp"

namespace bench {

template <typename Executor = AnyExecutor>
struct Echo {
    net::awaitable<std::uint64_t, Executor> operator()(std::uint64_t request) const { co_return request; }
};

template <typename Executor = AnyExecutor>
struct Yield {
    net::awaitable<std::uint64_t, Executor> operator()(std::uint64_t request) const {
        const net::use_awaitable_t<Executor> use_awaitable;
        co_await net::post(co_await net::this_coro::executor, use_awaitable);
        co_return request;
    }
};

template <typename Executor = AnyExecutor>
struct Wait1ms {
    net::awaitable<std::uint64_t, Executor> operator()(std::uint64_t request) const {
        using Clock = std::chrono::steady_clock;
        const net::use_awaitable_t<Executor> use_awaitable;
        net::basic_waitable_timer<Clock, net::wait_traits<Clock>, Executor> timer{co_await net::this_coro::executor};
        timer.expires_after(std::chrono::milliseconds{1});
        co_await timer.async_wait(use_awaitable);
        co_return request;
    }
};

inline constexpr auto plain_function = [](std::uint64_t request) { return request; };

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_HANDLERS_HPP
