// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_RUN_CANCELLABLE_HPP
#define GATEWAY_BASE_RUN_CANCELLABLE_HPP

#include <exception>
#include <memory>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <gateway/base/net.hpp>

namespace gateway {

using SharedSignal = std::shared_ptr<net::cancellation_signal>;

namespace detail {

template <typename T>
struct RunCancellable {
    template <typename Handler>
    void operator()(Handler handler, const net::any_io_executor& executor, net::awaitable<T> work,
                    const SharedSignal& signal) const {
        // work refers to the signal to its very end, which is after its result is there.
        auto complete = [signal, handler = std::move(handler)](const std::exception_ptr& failure, T result) mutable {
            std::move(handler)(failure, std::move(result));
        };
        net::co_spawn(executor, std::move(work),
                      net::bind_cancellation_slot(signal->slot(), net::bind_executor(executor, std::move(complete))));
    }
};

}  // namespace detail

/// What work returns or throws, which signal cancels. To be emitted on the executor.
///
/// Executor: that of the awaiting coroutine, which must be a strand (or have one thread). Cancellation of the awaiting
/// coroutine is not handed on.
template <typename T>
net::awaitable<T> run_cancellable(net::awaitable<T> work, SharedSignal signal) {
    const net::any_io_executor executor = co_await net::this_coro::executor;
    auto running = net::async_initiate<const net::use_awaitable_t<>, void(std::exception_ptr, T)>(
        detail::RunCancellable<T>{}, net::use_awaitable, executor, std::move(work), signal);
    co_return co_await std::move(running);
}

}  // namespace gateway

#endif  // GATEWAY_BASE_RUN_CANCELLABLE_HPP
