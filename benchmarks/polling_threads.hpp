// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_BENCHMARKS_POLLING_THREADS_HPP
#define DISPATCH_BENCHMARKS_POLLING_THREADS_HPP

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "processors.hpp"

namespace bench {

/// Threads that do one step after the other and never sleep: how long a thread takes to wake up differs much from
/// machine to machine, and would hide what is to be measured.
class PollingThreads {
  public:
    /// Each thread calls step() again and again.
    template <typename Step>
    PollingThreads(std::size_t threads, const Step& step) {
        for (std::size_t i = 0; i != threads; ++i) {
            threads_.emplace_back([this, step, i] {
                stay_on_processor(i);
                while (!stopped_.load(std::memory_order_relaxed)) {
                    step();
                }
            });
        }
    }
    PollingThreads(const PollingThreads&) = delete;
    PollingThreads& operator=(const PollingThreads&) = delete;
    /// Waits for the end of the steps that they are at.
    ~PollingThreads() {
        stopped_.store(true, std::memory_order_relaxed);
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

  private:
    std::atomic<bool> stopped_{false};
    std::vector<std::thread> threads_;
};

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_POLLING_THREADS_HPP
