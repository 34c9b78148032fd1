// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/time_limit.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace gateway {
namespace {

/// What the two coroutines know of each other; both are on one strand.
struct Race {
    bool returned = false;
    bool timed_out = false;
};

net::awaitable<void> run(net::awaitable<void> work, Race& race) {
    co_await std::move(work);
    race.returned = true;
}

/// Its wait is one operation, and so can miss no cancellation.
net::awaitable<void> watch(net::steady_timer& timer, const std::function<void()>& stop, Race& race) {
    error_code error;
    co_await timer.async_wait(net::redirect_error(net::use_awaitable, error));
    if (!race.returned) {
        race.timed_out = !error;
        stop();
    }
}

}  // namespace

net::awaitable<bool> run_until(Clock::time_point limit, net::awaitable<void> work, std::function<void()> stop) {
    if (Clock::now() >= limit) {
        co_return false;
    }
    const net::any_io_executor executor = co_await net::this_coro::executor;
    Race race;
    net::steady_timer timer{executor, limit};
    auto both =
        net::experimental::make_parallel_group(net::co_spawn(executor, run(std::move(work), race), net::deferred),
                                               net::co_spawn(executor, watch(timer, stop, race), net::deferred));
    auto ended = both.async_wait(net::experimental::wait_for_one(), net::use_awaitable);
    const auto [order, failure, watch_failure] = co_await std::move(ended);

    const net::cancellation_state state = co_await net::this_coro::cancellation_state;
    if (state.cancelled() != net::cancellation_type::none) {
        throw boost::system::system_error{net::error::operation_aborted};
    }
    if (race.timed_out) {
        co_return false;
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
    co_return true;
}

}  // namespace gateway
