// SPDX-License-Identifier: Apache-2.0
//
// An open loop without a dispatcher: threads that take jobs from one queue behind a lock. How far it is from the ideal
// queue is the machine's doing and the generator's.
#ifndef DISPATCH_BENCHMARKS_PLAIN_QUEUE_HPP
#define DISPATCH_BENCHMARKS_PLAIN_QUEUE_HPP

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "arrivals.hpp"
#include "open_loop.hpp"
#include "polling_threads.hpp"
#include "work.hpp"

namespace bench {

class PlainQueue {
  public:
    void push(std::size_t number) {
        const std::lock_guard lock{mutex_};
        numbers_.push_back(number);
    }

    std::optional<std::size_t> pop() {
        const std::lock_guard lock{mutex_};
        if (numbers_.empty()) {
            return std::nullopt;
        }
        const std::size_t number = numbers_.front();
        numbers_.pop_front();
        return number;
    }

  private:
    std::mutex mutex_;
    std::deque<std::size_t> numbers_;
};

/// rounds[i] is how much work job i is. In seconds, by the jobs' numbers.
inline std::vector<double> latencies_without_a_pool(const std::vector<Arrival>& arrivals,
                                                    const std::vector<std::uint64_t>& rounds, std::size_t threads) {
    OpenLoop<> loop{arrivals};
    PlainQueue queue;
    const auto submit_due = [&] { loop.submit_due([&](std::size_t number) { queue.push(number); }); };
    loop.start();
    const PollingThreads servers{threads, [&] {
                                     submit_due();
                                     if (const auto number = queue.pop()) {
                                         const bool done = keep_busy(rounds[*number], 1) != 0;
                                         submit_due();
                                         if (done) {
                                             loop.finished(*number);
                                         }
                                     }
                                 }};
    return loop.latencies();
}

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_PLAIN_QUEUE_HPP
