// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_RUN_STOPPABLE_HPP
#define GATEWAY_BASE_RUN_STOPPABLE_HPP

#include <exception>
#include <memory>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <gateway/base/net.hpp>

namespace gateway {

namespace detail {

template <typename T>
struct RunStoppable {
    template <typename Handler, typename Stop>
    void operator()(Handler handler, const net::any_io_executor& executor, net::awaitable<T> work, Stop stop) const {
        const auto signal = std::make_shared<net::cancellation_signal>();  // work refers to it to its very end
        if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected()) {
            slot.assign([signal, stop = std::move(stop)](net::cancellation_type type) {
                const auto kept = signal;  // what is called may end all this
                const Stop kept_stop = stop;
                kept->emit(type);
                kept_stop();
            });
        }
        auto complete = [signal, handler = std::move(handler)](const std::exception_ptr& failure, T result) mutable {
            std::move(handler)(failure, std::move(result));
        };
        net::co_spawn(executor, std::move(work),
                      net::bind_cancellation_slot(signal->slot(), net::bind_executor(executor, std::move(complete))));
    }
};

}  // namespace detail

/// What work returns or throws. Terminal cancellation is handed on to work, and then stop() is called, perhaps when
/// work has ended already: a composed operation that is between two of its steps misses a cancellation, but not, for
/// instance, that its socket was closed.
///
/// Executor: that of the awaiting coroutine, which must be a strand (or have one thread).
template <typename T, typename Stop>
net::awaitable<T> run_stoppable(net::awaitable<T> work, Stop stop) {
    const net::any_io_executor executor = co_await net::this_coro::executor;
    auto running = net::async_initiate<const net::use_awaitable_t<>, void(std::exception_ptr, T)>(
        detail::RunStoppable<T>{}, net::use_awaitable, executor, std::move(work), std::move(stop));
    co_return co_await std::move(running);
}

}  // namespace gateway

#endif  // GATEWAY_BASE_RUN_STOPPABLE_HPP
