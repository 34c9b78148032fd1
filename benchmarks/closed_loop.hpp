// SPDX-License-Identifier: Apache-2.0
//
// Clients in a closed loop: each awaits the response to its request before it sends the next.
#ifndef DISPATCH_BENCHMARKS_CLOSED_LOOP_HPP
#define DISPATCH_BENCHMARKS_CLOSED_LOOP_HPP

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "asio.hpp"

namespace bench {

/// The requests of one run are the numbers from jobs down to 1, and each response is its request.
class ClosedLoop {
  public:
    ClosedLoop(std::int64_t jobs, std::int64_t clients) : jobs_{jobs}, left_{jobs}, clients_{clients} {}

    /// Runs the clients on executor until all responses are there; how long that took. operation(number)
    /// is what a client awaits, for an Operation::Response; void counts as right. Throws when a response was wrong.
    template <typename Executor, typename Operation>
    std::chrono::duration<double> run(const Executor& executor, const Operation& operation) {
        const auto start = std::chrono::steady_clock::now();
        for (std::int64_t i = clients_; i != 0; --i) {
            net::co_spawn(executor, client<Executor>(*this, operation), net::detached);
        }
        done_.get_future().wait();
        const auto end = std::chrono::steady_clock::now();
        const auto expected = static_cast<std::uint64_t>(jobs_) * static_cast<std::uint64_t>(jobs_ + 1) / 2;
        if (sum_ != expected) {
            throw std::runtime_error{"the responses add up to " + std::to_string(sum_) + " instead of " +
                                     std::to_string(expected)};
        }
        return end - start;
    }

  private:
    template <typename Executor, typename Operation>
    static net::awaitable<void, Executor> client(ClosedLoop& loop, Operation operation) {
        std::uint64_t sum = 0;
        for (;;) {
            const std::int64_t left = loop.left_.fetch_sub(1, std::memory_order_relaxed);
            if (left <= 0) {
                break;
            }
            const auto request = static_cast<std::uint64_t>(left);
            if constexpr (std::is_void_v<typename Operation::Response>) {
                co_await operation(request);
                sum += request;
            } else {
                sum += co_await operation(request);
            }
        }
        loop.sum_ += sum;
        if (--loop.clients_left_ == 0) {
            loop.done_.set_value();
        }
    }

    const std::int64_t jobs_;
    std::atomic<std::int64_t> left_;
    const std::int64_t clients_;
    std::atomic<std::int64_t> clients_left_{clients_};
    std::atomic<std::uint64_t> sum_{0};
    std::promise<void> done_;
};

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_CLOSED_LOOP_HPP
