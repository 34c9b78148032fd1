// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_HEAVY_WORK_HPP
#define GATEWAY_BASE_HEAVY_WORK_HPP

#include <cstddef>
#include <type_traits>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>

#include <gateway/base/net.hpp>

namespace gateway {

/// Threads for work that goes through large texts: parsing, checking, translating. On those that serve connections,
/// which are as few as the processors, everybody else would wait for it.
///
/// Thread-safe. Must outlive what it was given, and nothing may be under way when it is destroyed.
class HeavyWork {
  public:
    /// Below it the work is done where it is asked for: it takes a millisecond at most, and handing it over costs, too.
    static constexpr std::size_t from_bytes = 16 * 1024;

    explicit HeavyWork(std::size_t threads = 1) : threads_{threads} {}

    /// What work() returns, which goes through so many bytes of text, or throws. work refers to what lives until this
    /// has completed. Its result must be default constructible.
    ///
    /// Executor: that of the awaiting coroutine. Cancellation: none; work that was begun comes to its end.
    template <typename Work>
    net::awaitable<std::invoke_result_t<Work&>> run(std::size_t bytes, Work work) {
        if (bytes < from_bytes) {
            co_return work();
        }
        // Without a slot: co_spawn of Boost 1.81 is not safe to cancel across executors, and nothing would hear it.
        auto elsewhere = net::co_spawn(threads_.get_executor(), in_coroutine(std::move(work)),
                                       net::bind_cancellation_slot(net::cancellation_slot{}, net::use_awaitable));
        co_return co_await std::move(elsewhere);
    }

    /// Leaves undone what has not begun, and waits for what has.
    void stop() {
        threads_.stop();
        threads_.join();
    }

    [[nodiscard]] net::any_io_executor executor() { return threads_.get_executor(); }

  private:
    template <typename Work>
    static net::awaitable<std::invoke_result_t<Work&>> in_coroutine(Work work) {
        co_return work();
    }

    net::thread_pool threads_;
};

}  // namespace gateway

#endif  // GATEWAY_BASE_HEAVY_WORK_HPP
