// SPDX-License-Identifier: Apache-2.0
// Writes a pool's figures in the text format of Prometheus, version 0.0.4:
// https://prometheus.io/docs/instrumenting/exposition_formats/
#ifndef DISPATCH_PROMETHEUS_HPP
#define DISPATCH_PROMETHEUS_HPP

#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/metrics.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// The HTTP Content-Type with which to serve the result of prometheus_text().
inline constexpr std::string_view prometheus_content_type = "text/plain; version=0.0.4; charset=utf-8";

/// Writes metrics in the text format of Prometheus: call family(), then sample() or histogram() for each of its
/// samples, then family() for the next one. Begin each family once.
///
/// prometheus_text() writes a pool's own figures. Use this class for figures that an application adds to them. The
/// result does not depend on the locale. One writer must not be used by two threads at a time.
///
/// All functions throw `std::bad_alloc` if there is no memory. After an exception the text may end within a line.
class PrometheusWriter {
  public:
    /// The type of a family. A counter only grows while the process lives; a gauge goes up and down; a histogram is a
    /// distribution.
    enum class Type : std::uint8_t { counter, gauge, histogram };
    /// The name of a label and its value.
    using Label = std::pair<std::string_view, std::string_view>;

    /// Begins a family of samples.
    ///
    /// @param name The name of the family: `[a-zA-Z_:][a-zA-Z0-9_:]*`. The name of a counter ends in `_total`.
    /// @param type The type of the family.
    /// @param help A description: any UTF-8 text.
    /// @throws std::invalid_argument If name is not of that form.
    /// @return This writer.
    PrometheusWriter& family(std::string_view name, Type type, std::string_view help) {
        check_name(name, ":");
        if (type == Type::counter && !name.ends_with("_total")) {
            throw std::invalid_argument{"dispatch: the counter \"" + std::string{name} +
                                        "\" must have a name that ends in _total"};
        }
        name_ = name;
        text_ += "# HELP ";
        text_ += name;
        text_ += ' ';
        escape(help, false);
        text_ += "\n# TYPE ";
        text_ += name;
        text_ += type == Type::counter ? " counter\n" : type == Type::gauge ? " gauge\n" : " histogram\n";
        return *this;
    }

    /// Writes a sample of the current family.
    ///
    /// @param labels The labels of the sample. A name is `[a-zA-Z_][a-zA-Z0-9_]*`; a value is any UTF-8 text.
    /// @param value The value, of any integral or floating-point type.
    /// @throws std::invalid_argument If no family has begun, or the name of a label is not of that form.
    /// @return This writer.
    template <typename Number>
        requires std::integral<Number> || std::floating_point<Number>
    PrometheusWriter& sample(std::span<const Label> labels, Number value) {
        write("", labels, {}, value);
        return *this;
    }
    /// As sample(labels, value), with labels in braces: `sample({{"worker", "0"}}, 1)`.
    template <typename Number>
    PrometheusWriter& sample(std::initializer_list<Label> labels, Number value) {
        return sample(std::span<const Label>{labels.begin(), labels.size()}, value);
    }
    /// As sample(labels, value), without labels.
    template <typename Number>
    PrometheusWriter& sample(Number value) {
        return sample(std::span<const Label>{}, value);
    }

    /// Writes a distribution of the current family, which must be of Type::histogram.
    ///
    /// @param labels As for sample(). The name `le` is taken.
    /// @param bounds The upper bounds of the buckets, in ascending order.
    /// @param counts How many values each bucket has (not cumulative), followed by how many are above all bounds. So it
    ///     has one element more than bounds.
    /// @param sum The sum of all values.
    /// @throws std::invalid_argument If no family has begun, the name of a label is not allowed, or the number of
    ///     counts is wrong.
    /// @return This writer.
    PrometheusWriter& histogram(std::span<const Label> labels, std::span<const double> bounds,
                                std::span<const std::uint64_t> counts, double sum) {
        if (counts.size() != bounds.size() + 1) {
            throw std::invalid_argument{"dispatch: a histogram with " + std::to_string(bounds.size()) +
                                        " bounds has one count more, not " + std::to_string(counts.size())};
        }
        std::uint64_t below = 0;
        for (std::size_t i = 0; i < bounds.size(); ++i) {
            below += counts[i];
            write("_bucket", labels, bounds[i], below);
        }
        below += counts.back();
        write("_bucket", labels, std::numeric_limits<double>::infinity(), below);
        write("_sum", labels, {}, sum);
        write("_count", labels, {}, below);
        return *this;
    }

    /// Returns the text that was written.
    const std::string& text() const& noexcept { return text_; }
    /// Moves the text out of a writer that is not needed any more.
    std::string text() && noexcept { return std::move(text_); }

  private:
    static bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

    static void check_name(std::string_view name, std::string_view also) {
        bool right = !name.empty() && !(name.front() >= '0' && name.front() <= '9');
        for (const char c : name) {
            right = right && (letter(c) || (c >= '0' && c <= '9') || also.find(c) != std::string_view::npos);
        }
        if (!right) {
            throw std::invalid_argument{"dispatch: \"" + std::string{name} +
                                        "\" cannot be a name in Prometheus: it must be letters, digits and _, and not "
                                        "begin with a digit"};
        }
    }

    void escape(std::string_view text, bool quoted) {
        for (const char c : text) {
            if (c == '\\') {
                text_ += "\\\\";
            } else if (c == '\n') {
                text_ += "\\n";
            } else if (c == '"' && quoted) {
                text_ += "\\\"";
            } else {
                text_ += c;
            }
        }
    }

    /// Writes one line. bound is the upper bound of a bucket, which becomes the label "le"; other lines have none.
    template <typename Number>
    void write(std::string_view suffix, std::span<const Label> labels, std::optional<double> bound, Number value) {
        if (name_.empty()) {
            throw std::invalid_argument{"dispatch: a Prometheus sample needs a family: call family() first"};
        }
        text_ += name_;
        text_ += suffix;
        char separator = '{';
        for (const auto& [name, label] : labels) {
            check_name(name, "");
            text_ += separator;
            text_ += name;
            text_ += "=\"";
            escape(label, true);
            text_ += '"';
            separator = ',';
        }
        if (bound) {
            text_ += separator;
            text_ += "le=\"";
            append(*bound);
            text_ += '"';
        }
        text_ += labels.empty() && !bound ? " " : "} ";
        append(value);
        text_ += '\n';
    }

    template <typename Number>
    void append(Number value) {
        if constexpr (std::floating_point<Number>) {
            if (!std::isfinite(value)) {
                text_ += std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
                return;
            }
        }
        std::array<char, 64> digits{};
        const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
        text_.append(digits.data(), result.ptr);
    }

    std::string text_;
    std::string name_;
};

/// The figures of one pool, for write_prometheus().
struct PoolSnapshot {
    /// The value of the label `pool`, or empty text for no such label. Pools that are written together need different
    /// names.
    std::string pool;
    /// WorkerPool::worker_metrics().
    std::vector<WorkerMetrics> workers;
    /// WorkerPool::ledger().
    Ledger ledger;
};

/// Appends the figures of pools to writer. Each family is written once, with the samples of all pools:
///
///   - for each worker the gauges `dispatch_worker_inflight`, `dispatch_worker_queued`, `dispatch_worker_waiting`,
///     `dispatch_worker_queue_capacity` and `dispatch_worker_sessions`, and the counters `dispatch_worker_jobs_total`,
///     `dispatch_worker_errors_total` and `dispatch_worker_moved_total`, with the label `worker`;
///   - for each pool the counter `dispatch_jobs_submitted_total`, and `dispatch_jobs_ended_total` with the label
///     `result`: `completed`, `failed`, `rejected`, `expired`, `cancelled` or `stopped`.
///
/// Throws `std::bad_alloc` if there is no memory.
inline void write_prometheus(PrometheusWriter& writer, std::span<const PoolSnapshot> pools) {
    using Writer = PrometheusWriter;
    using Label = Writer::Label;
    const auto of_workers = [&](std::string_view name, Writer::Type type, std::string_view help, auto field) {
        writer.family(name, type, help);
        for (const PoolSnapshot& pool : pools) {
            for (const WorkerMetrics& worker : pool.workers) {
                const std::string id = std::to_string(worker.worker_id);
                const std::array<Label, 2> labels{Label{"pool", pool.pool}, Label{"worker", id}};
                writer.sample(std::span{labels}.subspan(pool.pool.empty() ? 1 : 0), worker.*field);
            }
        }
    };
    using enum Writer::Type;
    of_workers("dispatch_worker_inflight", gauge, "Jobs that run.", &WorkerMetrics::inflight);
    of_workers("dispatch_worker_queued", gauge, "Jobs that wait in the worker's queue.", &WorkerMetrics::queue_len);
    of_workers("dispatch_worker_waiting", gauge, "Submitters that wait for a place in the queue.",
               &WorkerMetrics::waiting);
    of_workers("dispatch_worker_queue_capacity", gauge, "Places in the worker's queue.", &WorkerMetrics::capacity);
    of_workers("dispatch_worker_sessions", gauge, "Sessions pinned to the worker.", &WorkerMetrics::sessions);
    of_workers("dispatch_worker_jobs_total", counter, "Jobs that came to the worker.", &WorkerMetrics::submitted);
    of_workers("dispatch_worker_errors_total", counter, "Jobs whose handler failed.", &WorkerMetrics::errors);
    of_workers("dispatch_worker_moved_total", counter,
               "Jobs that the worker ran instead of the one to which they were routed, or of their session's.",
               &WorkerMetrics::moved);

    writer.family("dispatch_jobs_submitted_total", counter, "Jobs submitted to the pool.");
    for (const PoolSnapshot& pool : pools) {
        const std::array<Label, 1> labels{Label{"pool", pool.pool}};
        writer.sample(std::span{labels}.subspan(pool.pool.empty() ? 1 : 0), pool.ledger.submitted);
    }
    writer.family("dispatch_jobs_ended_total", counter, "Jobs that have ended, by how they ended.");
    for (const PoolSnapshot& pool : pools) {
        const std::array<std::pair<std::string_view, std::uint64_t>, 6> results{{{"completed", pool.ledger.completed},
                                                                                 {"failed", pool.ledger.failed},
                                                                                 {"rejected", pool.ledger.rejected},
                                                                                 {"expired", pool.ledger.expired},
                                                                                 {"cancelled", pool.ledger.cancelled},
                                                                                 {"stopped", pool.ledger.stopped}}};
        for (const auto& [result, count] : results) {
            const std::array<Label, 2> labels{Label{"pool", pool.pool}, Label{"result", result}};
            writer.sample(std::span{labels}.subspan(pool.pool.empty() ? 1 : 0), count);
        }
    }
}

/// Returns the figures of one pool as text, in the families that write_prometheus() lists:
/// `prometheus_text(pool.worker_metrics(), pool.ledger())`. name becomes the label `pool`; if it is empty there is no
/// such label. Throws `std::bad_alloc` if there is no memory.
inline std::string prometheus_text(std::vector<WorkerMetrics> workers, const Ledger& ledger, std::string name = {}) {
    const PoolSnapshot pool{std::move(name), std::move(workers), ledger};
    PrometheusWriter writer;
    write_prometheus(writer, std::span{&pool, 1});
    return std::move(writer).text();
}

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_PROMETHEUS_HPP
