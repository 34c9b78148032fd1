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
#include <boost/asio/dispatch.hpp>

#include <gateway/base/net.hpp>

namespace gateway {

namespace detail {

template <typename T>
struct RunStoppable {
    template <typename Handler, typename Stop>
    void operator()(Handler handler, const net::any_io_executor& strand, net::awaitable<T> work, Stop stop) const {
        // The coroutine refers to it to its very end. (As it is const, what moves complete copies it, so that the
        // coroutine's frame keeps its own.)
        const auto signal = std::make_shared<net::cancellation_signal>();
        const auto executor = net::get_associated_executor(handler, strand);
        if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected()) {
            slot.assign([signal, strand, stop = std::move(stop)](net::cancellation_type type) {
                net::dispatch(strand, [signal, type, stop] {  // copies: what is called may end all this
                    signal->emit(type);
                    stop();
                });
            });
        }
        auto complete = [signal, handler = std::move(handler)](const std::exception_ptr& failure, T result) mutable {
            std::move(handler)(failure, std::move(result));
        };
        net::co_spawn(strand, std::move(work),
                      net::bind_cancellation_slot(signal->slot(), net::bind_executor(executor, std::move(complete))));
    }
};

}  // namespace detail

/// What work returns or throws. It runs on strand, which is that of the awaiting coroutine or another. (A context that
/// has one thread is a strand.)
///
/// Executor: that of the awaiting coroutine. Cancellation: terminal is handed on to work, on strand, where stop() is
/// called then, perhaps after work has ended: a composed operation that is between two of its steps misses a
/// cancellation, but not, for instance, that its socket was closed. (co_spawn hands it on as well, but in Boost 1.81 it
/// leaves a signal behind on its way to another executor, which work may outrun: a use after free.)
template <typename T, typename Stop>
net::awaitable<T> run_stoppable(net::any_io_executor strand, net::awaitable<T> work, Stop stop) {
    return net::async_initiate<const net::use_awaitable_t<>, void(std::exception_ptr, T)>(
        detail::RunStoppable<T>{}, net::use_awaitable, std::move(strand), std::move(work), std::move(stop));
}

}  // namespace gateway

#endif  // GATEWAY_BASE_RUN_STOPPABLE_HPP
