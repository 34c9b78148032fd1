// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_SERVICE_LATEST_FAILURES_HPP
#define GATEWAY_SERVICE_LATEST_FAILURES_HPP

#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gateway/http/failure.hpp>

namespace gateway {

/// A job that failed, for the people who run the gateway. Nothing of what its client sent is in it.
struct FailedJob {
    std::string id;
    Failure failure;                  ///< its message is empty where that may quote the request
    std::chrono::nanoseconds took{};  ///< from when it was accepted, or resumed
    std::chrono::system_clock::time_point ended;
};

/// Whether the message of failure may quote the request, or its answer: what is wrong with either is said in its words.
[[nodiscard]] inline bool may_quote_request(const Failure& failure) {
    return (failure.status < 500 && !failure.retryable) || failure.code == "upstream_broke_off" ||
           failure.code == "upstream_answer_not_understood";
}

/// Remembers the jobs that failed last. Thread-safe.
class LatestFailures {
  public:
    /// capacity: the most that are remembered.
    explicit LatestFailures(std::size_t capacity) : capacity_{capacity} {}

    void add(FailedJob job) {
        if (may_quote_request(job.failure)) {
            job.failure.message.clear();
        }
        const std::lock_guard lock{mutex_};
        jobs_.push_front(std::move(job));
        if (jobs_.size() > capacity_) {
            jobs_.pop_back();
        }
    }

    /// The latest first.
    [[nodiscard]] std::vector<FailedJob> snapshot() const {
        const std::lock_guard lock{mutex_};
        return {jobs_.begin(), jobs_.end()};
    }

  private:
    const std::size_t capacity_;
    mutable std::mutex mutex_;
    std::deque<FailedJob> jobs_;  ///< guarded by mutex_
};

}  // namespace gateway

#endif  // GATEWAY_SERVICE_LATEST_FAILURES_HPP
