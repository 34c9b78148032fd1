// SPDX-License-Identifier: Apache-2.0
//
// One client, which times each of its requests: the latency of something that has nothing else to do.
#ifndef DISPATCH_BENCHMARKS_ROUND_TRIPS_HPP
#define DISPATCH_BENCHMARKS_ROUND_TRIPS_HPP

#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <vector>

#include "asio.hpp"
#include "percentile.hpp"

namespace bench {

class RoundTrips {
  public:
    /// Makes so many on executor, one after the other. operation(number) is what the client awaits.
    template <typename Executor, typename Operation>
    void run(const Executor& executor, const Operation& operation, std::size_t trips) {
        seconds_.reserve(seconds_.size() + trips);
        std::promise<void> done;
        net::co_spawn(executor, client<Executor>(*this, operation, trips), [&](const std::exception_ptr& error) {
            if (error) {
                done.set_exception(error);
            } else {
                done.set_value();
            }
        });
        done.get_future().get();
    }

    void forget() { seconds_.clear(); }

    /// Of all so far, in seconds: see percentile.hpp.
    double percentile(double share) { return bench::percentile(seconds_, share); }

  private:
    template <typename Executor, typename Operation>
    static net::awaitable<void, Executor> client(RoundTrips& self, Operation operation, std::size_t trips) {
        using Clock = std::chrono::steady_clock;
        for (std::size_t trip = 1; trip <= trips; ++trip) {
            const auto departure = Clock::now();
            co_await operation(trip);
            self.seconds_.push_back(std::chrono::duration<double>(Clock::now() - departure).count());
        }
    }

    std::vector<double> seconds_;
};

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_ROUND_TRIPS_HPP
