// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_PACER_HPP
#define GATEWAY_UPSTREAM_PACER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include <gateway/base/net.hpp>
#include <gateway/upstream/retry.hpp>

namespace gateway {

/// When each request may go to an upstream that refuses what is too much for it (429). What one request learns holds
/// for all: none goes before the time that the upstream named, and only so many are under way at a time.
///
/// How many is found as TCP finds its window, by additive increase and multiplicative decrease (D.-M. Chiu and R. Jain,
/// "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in Computer Networks", 1989; V. Jacobson,
/// "Congestion Avoidance and Control", 1988): all that is allowed until there is a refusal; then half of what was under
/// way, once for all that was sent before; and one more for each round of answers. A limit that is not used does not
/// grow (RFC 7661).
///
/// Who is refused keeps its place in the line. Decisions only: time and chance are arguments. Not thread-safe.
class Pacer {
  public:
    /// A place in the line. Later ones have larger numbers.
    struct Ticket {
        std::uint64_t number = 0;
        std::uint64_t epoch = 0;  ///< refusals that had had a consequence when it went
    };

    /// The longest that it waits without being told to: an upstream that can be asked again is not left alone for long.
    static constexpr std::chrono::milliseconds longest_untold = std::chrono::seconds{10};

    /// max_under_way: > 0. backoff: how long to wait if the upstream does not say, but for what is over longest_untold.
    Pacer(std::size_t max_under_way, const RetryOptions& backoff)
        : max_{static_cast<double>(max_under_way)}, untold_{backoff}, limit_{max_} {
        untold_.backoff_max = std::min(untold_.backoff_max, longest_untold);
    }

    /// The last place in the line.
    [[nodiscard]] Ticket join();

    /// Those who may go now, first come, first served. They are under way from now on.
    [[nodiscard]] std::vector<Ticket> admit(Clock::time_point now);

    /// join() and admit() for one who comes when the line is empty; nothing: it has to join.
    [[nodiscard]] std::optional<Ticket> try_admit(Clock::time_point now);

    /// When admit() will let another go; nothing: nobody waits, or it takes one who comes back.
    [[nodiscard]] std::optional<Clock::time_point> next() const;

    /// One who was under way was answered.
    void answered();

    /// One who was under way was refused. It is in the line again, at its place. chance: evenly from [0, 1).
    void refused(const Ticket& ticket, Clock::time_point now, std::optional<std::chrono::milliseconds> retry_after,
                 double chance);

    /// One leaves, from the line or from under way. It has learnt nothing of the upstream's limits.
    void leave(const Ticket& ticket);

    /// None goes before.
    [[nodiscard]] Clock::time_point not_before() const { return not_before_; }
    /// How many may be under way, are, and wait.
    [[nodiscard]] std::size_t limit() const { return static_cast<std::size_t>(limit_); }
    [[nodiscard]] std::size_t under_way() const { return under_way_; }
    [[nodiscard]] std::size_t waiting() const { return line_.size(); }

  private:
    [[nodiscard]] bool has_room() const { return under_way_ < limit(); }

    const double max_;
    RetryOptions untold_;
    double limit_;
    std::size_t under_way_ = 0;
    std::uint64_t next_number_ = 1;
    std::uint64_t epoch_ = 0;
    std::size_t refusals_ = 0;  ///< with a consequence, since the last answer
    Clock::time_point not_before_ = Clock::time_point::min();
    std::set<std::uint64_t> line_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_PACER_HPP
