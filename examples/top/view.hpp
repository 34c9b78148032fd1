// SPDX-License-Identifier: Apache-2.0
// What the monitor shows, as text. It knows a pool's figures, and nothing of terminals.
#ifndef EXAMPLES_TOP_VIEW_HPP
#define EXAMPLES_TOP_VIEW_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <dispatch/metrics.hpp>

namespace top {

/// A pool's figures at a moment.
struct Sample {
    std::vector<dispatch::WorkerMetrics> workers;
    dispatch::Ledger ledger;
    std::chrono::steady_clock::time_point time;
};

/// 1234567 as "1,234,567".
inline std::string with_commas(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) {
            text += ',';
        }
        text += digits[i];
    }
    return text;
}

inline std::string right(std::string_view text, std::size_t width) {
    std::string padded(width - std::min(width, text.size()), ' ');
    padded += text;
    return padded;
}

/// value of most as a bar of width cells, in eighths of a cell. Anything above none shows.
inline std::string bar(std::size_t value, std::size_t most, std::size_t width) {
    constexpr const char* eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    most = std::max<std::size_t>(most, 1);
    std::size_t filled = std::min(value, most) * width * 8 / most;
    filled = value > 0 ? std::max<std::size_t>(filled, 1) : 0;
    std::string text;
    std::size_t cells = filled / 8;
    for (std::size_t i = 0; i < cells; ++i) {
        text += "█";
    }
    if (filled % 8 != 0) {
        text += eighths[filled % 8];
        ++cells;
    }
    for (; cells < width; ++cells) {
        text += "·";
    }
    return text;
}

/// Turns samples into pictures, one after another: rates are those since the sample before.
class View {
  public:
    /// concurrency: WorkerOptions::max_concurrency, which a full bar of running jobs stands for.
    explicit View(std::size_t concurrency) : concurrency_{concurrency} {}

    std::string show(const Sample& sample) {
        std::string text = header(sample) +
                           "\n\nworker  in flight              queued                sessions   errors"
                           "     jobs/s\n";
        for (std::size_t i = 0; i < sample.workers.size(); ++i) {
            text += row(sample, i);
        }
        const dispatch::Ledger& ledger = sample.ledger;
        text += '\n' + with_commas(ledger.submitted) + " submitted, " + with_commas(ledger.completed) + " completed, " +
                with_commas(ledger.failed) + " failed, " + with_commas(ledger.rejected) + " rejected, " +
                with_commas(ledger.expired) + " expired, " + with_commas(ledger.cancelled) + " cancelled\n";
        before_ = sample;
        return text;
    }

  private:
    static constexpr std::size_t bar_width = 14;

    std::string header(const Sample& sample) const {
        std::size_t inflight = 0;
        std::size_t queued = 0;
        std::size_t waiting = 0;
        std::size_t sessions = 0;
        for (const dispatch::WorkerMetrics& worker : sample.workers) {
            inflight += worker.inflight;
            queued += worker.queue_len;
            waiting += worker.waiting;
            sessions += worker.sessions;
        }
        return std::to_string(sample.workers.size()) + " workers   " + with_commas(inflight) + " in flight   " +
               with_commas(queued) + " queued   " + with_commas(waiting) + " waiting   " + with_commas(sessions) +
               " sessions   " + with_commas(rate(sample, sample.ledger.submitted, before_.ledger.submitted)) +
               " jobs/s";
    }

    std::string row(const Sample& sample, std::size_t index) const {
        const dispatch::WorkerMetrics& worker = sample.workers[index];
        const std::uint64_t submitted_before =
            index < before_.workers.size() ? before_.workers[index].submitted : worker.submitted;
        return right(std::to_string(worker.worker_id), 6) + "  " + bar(worker.inflight, concurrency_, bar_width) +
               right(std::to_string(worker.inflight), 6) + "   " + bar(worker.queue_len, worker.capacity, bar_width) +
               right(std::to_string(worker.queue_len), 6) + right(with_commas(worker.sessions), 10) +
               right(with_commas(worker.errors), 9) +
               right(with_commas(rate(sample, worker.submitted, submitted_before)), 11) + '\n';
    }

    std::uint64_t rate(const Sample& sample, std::uint64_t now, std::uint64_t before) const {
        const double seconds = std::chrono::duration<double>(sample.time - before_.time).count();
        if (before_.workers.empty() || seconds <= 0) {
            return 0;
        }
        return static_cast<std::uint64_t>(static_cast<double>(now - before) / seconds + 0.5);
    }

    std::size_t concurrency_;
    Sample before_;
};

}  // namespace top

#endif  // EXAMPLES_TOP_VIEW_HPP
