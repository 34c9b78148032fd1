// SPDX-License-Identifier: Apache-2.0
//
// Clients in an open loop: jobs arrive when they are due, whether those before them are done or not.
#ifndef DISPATCH_BENCHMARKS_OPEN_LOOP_HPP
#define DISPATCH_BENCHMARKS_OPEN_LOOP_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <utility>
#include <vector>

#include "arrivals.hpp"

namespace bench {

/// Submits the jobs of a schedule, and says how long each took from the time that it was due. A job that is submitted
/// late has waited for that long: nothing is omitted because the generator, or the machine, was held up.
///
/// It has no thread of its own, which would take a processor from the workers or be held up by them. Whoever serves the
/// jobs calls submit_due() wherever something may change for them: while it is idle, and right before the end of each
/// job. A job that was due while all servers were busy then finds what it would have found when it was due, for none of
/// them has ended a job since.
template <typename Clock = std::chrono::steady_clock>
class OpenLoop {
  public:
    /// The schedule must exist as long as this.
    explicit OpenLoop(const std::vector<Arrival>& arrivals) : arrivals_{&arrivals}, latencies_(arrivals.size()) {}

    /// Time counts from now on. Before anything else is called.
    void start() { start_ = Clock::now(); }

    /// Calls submit(number) for each job that is due and has not been submitted, in their order, and on this thread;
    /// jobs are numbered from 0. Whether there was one. Any number of threads may call this at a time.
    template <typename Submit>
    bool submit_due(const Submit& submit) {
        bool any = false;
        std::size_t number = next_.load(std::memory_order_relaxed);
        while (number != arrivals_->size() && (*arrivals_)[number].due <= Clock::now() - start_) {
            if (next_.compare_exchange_weak(number, number + 1, std::memory_order_relaxed)) {
                submit(number);
                any = true;
                number = next_.load(std::memory_order_relaxed);
            }
        }
        return any;
    }

    /// Job number has its response now. Once for each, on any thread.
    void finished(std::size_t number) {
        latencies_[number] = Seconds{Clock::now() - start_ - (*arrivals_)[number].due}.count();
        if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == arrivals_->size()) {
            all_done_.set_value();
        }
    }

    /// Waits until all jobs are finished. In seconds, by their numbers. Once.
    std::vector<double> latencies() {
        all_done_.get_future().wait();
        return std::move(latencies_);
    }

  private:
    const std::vector<Arrival>* arrivals_;
    typename Clock::time_point start_{};
    std::atomic<std::size_t> next_{0};
    std::atomic<std::size_t> done_{0};
    std::vector<double> latencies_;
    std::promise<void> all_done_;
};

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_OPEN_LOOP_HPP
