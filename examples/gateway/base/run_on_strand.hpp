// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_RUN_ON_STRAND_HPP
#define GATEWAY_BASE_RUN_ON_STRAND_HPP

#include <exception>
#include <memory>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <gateway/base/net.hpp>

namespace gateway {

namespace detail {

template <typename T>
struct RunOnStrand {
    template <typename Handler, typename Stop>
    void operator()(Handler handler, const net::strand<net::any_io_executor>& strand, net::awaitable<T> work,
                    Stop stop) const {
        // The coroutine refers to it to its very end. (As it is const, what moves complete copies it, so that the
        // coroutine's frame keeps its own.)
        const auto signal = std::make_shared<net::cancellation_signal>();
        const auto executor = net::get_associated_executor(handler, strand);
        if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected()) {
            slot.assign([signal, strand, stop = std::move(stop)](net::cancellation_type type) {
                net::post(strand, [signal, type, stop] {
                    signal->emit(type);
                    stop();
                });
            });
        }
        auto complete = [signal, keep_busy = net::make_work_guard(executor), handler = std::move(handler)](
                            std::exception_ptr failure, T result) mutable {
            net::post(keep_busy.get_executor(),
                      [handler = std::move(handler), failure, result = std::move(result)]() mutable {
                          std::move(handler)(failure, std::move(result));
                      });
        };
        net::co_spawn(strand, std::move(work), net::bind_cancellation_slot(signal->slot(), std::move(complete)));
    }
};

}  // namespace detail

/// What work returns or throws, which runs on a strand of its own of executor.
///
/// Executor: that of the awaiting coroutine, which need not be a strand. Cancellation: terminal is handed on
/// to work, on its strand, where stop() is called then, perhaps after work has ended: a composed operation that is
/// between two of its steps misses a cancellation, but not, for instance, that its socket was closed. (co_spawn does so
/// as well, but in Boost 1.81 it leaves a signal behind on its way to the other executor, which work may outrun: a use
/// after free.)
template <typename T, typename Stop>
net::awaitable<T> run_on_strand(net::any_io_executor executor, net::awaitable<T> work, Stop stop) {
    const net::strand<net::any_io_executor> strand{executor};
    auto running = net::async_initiate<const net::use_awaitable_t<>, void(std::exception_ptr, T)>(
        detail::RunOnStrand<T>{}, net::use_awaitable, strand, std::move(work), std::move(stop));
    co_return co_await std::move(running);
}

template <typename T>
net::awaitable<T> run_on_strand(net::any_io_executor executor, net::awaitable<T> work) {
    return run_on_strand(std::move(executor), std::move(work), [] {});
}

}  // namespace gateway

#endif  // GATEWAY_BASE_RUN_ON_STRAND_HPP
