// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_RUN_AWAITABLE_HPP
#define GATEWAY_TESTS_SUPPORT_RUN_AWAITABLE_HPP

#include <chrono>
#include <future>
#include <stdexcept>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <gateway/base/net.hpp>

namespace test {

/// The result of work, run in this thread to its end; what it throws is thrown. std::logic_error: it waits for what is
/// not its executor's outstanding work.
template <typename Result>
Result run_awaitable(gateway::net::awaitable<Result> work) {
    gateway::net::io_context context;
    std::future<Result> result = gateway::net::co_spawn(context, std::move(work), gateway::net::use_future);
    context.run();
    if (result.wait_for(std::chrono::seconds{0}) != std::future_status::ready) {
        throw std::logic_error{"the coroutine waits for what is not outstanding work"};
    }
    return result.get();
}

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_RUN_AWAITABLE_HPP
