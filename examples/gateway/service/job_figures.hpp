// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_SERVICE_JOB_FIGURES_HPP
#define GATEWAY_SERVICE_JOB_FIGURES_HPP

#include <atomic>
#include <chrono>
#include <cstdint>

#include <dispatch/observer.hpp>
#include <gateway/base/histogram.hpp>
#include <gateway/conversation/token_usage.hpp>

namespace gateway {

/// How long jobs took, and what they cost.
struct JobFiguresSnapshot {
    Histogram::Snapshot queued, ran, total;
    Histogram::Snapshot first_part;  ///< of answers that were told as they came, since their jobs were accepted
    TokenUsage tokens;
};

/// Measures jobs. Thread-safe; outlives the workers that it watches.
class JobFigures {
  public:
    /// For dispatch::spawn_workers.
    class Observer {
      public:
        explicit Observer(JobFigures& figures) : figures_{&figures} {}

        void routed(const dispatch::RoutedEvent& /*event*/) noexcept {}
        void started(const dispatch::StartedEvent& event) noexcept { figures_->queued_.add(event.queued); }
        void finished(const dispatch::FinishedEvent& event) noexcept { figures_->ran_.add(event.ran); }
        void dropped(const dispatch::DroppedEvent& event) noexcept { figures_->queued_.add(event.queued); }

      private:
        JobFigures* figures_;
    };

    [[nodiscard]] Observer observer() { return Observer{*this}; }

    /// A job has ended, and its end is stored. total: since it was accepted.
    void ended(std::chrono::nanoseconds total) { total_.add(total); }

    /// The first part of an answer is there. since: it was accepted.
    void first_part(std::chrono::nanoseconds since) { first_part_.add(since); }

    void spent(const TokenUsage& tokens) {
        input_.fetch_add(tokens.input, std::memory_order_relaxed);
        output_.fetch_add(tokens.output, std::memory_order_relaxed);
    }

    [[nodiscard]] JobFiguresSnapshot snapshot() const {
        return {queued_.snapshot(), ran_.snapshot(), total_.snapshot(), first_part_.snapshot(), {input_, output_}};
    }

  private:
    Histogram queued_, ran_, total_, first_part_;
    std::atomic<std::uint64_t> input_{0}, output_{0};
};

}  // namespace gateway

#endif  // GATEWAY_SERVICE_JOB_FIGURES_HPP
