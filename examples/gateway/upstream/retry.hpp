// SPDX-License-Identifier: Apache-2.0
// Whether to try again, and when. Decisions only: time and chance are arguments.
#ifndef GATEWAY_UPSTREAM_RETRY_HPP
#define GATEWAY_UPSTREAM_RETRY_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <mutex>
#include <optional>
#include <string_view>

#include <gateway/base/net.hpp>
#include <gateway/upstream/http_transport.hpp>

namespace gateway {

struct RetryOptions {
    std::size_t max_attempts = 5;                  ///< the first one included; > 0
    std::chrono::milliseconds backoff_min{2'000};  ///< before the second attempt; it doubles from there
    std::chrono::milliseconds backoff_max{60'000};
};

/// What is safe to send again: 503 says that nothing was done. (So does 429, which Pacer is for.) Any other status is
/// an answer.
[[nodiscard]] bool may_retry(http::status status);

/// Safe: nothing was sent, or the connection failed before the first byte of the response. An upstream that took the
/// whole time limit is not asked again: it may still be at work.
[[nodiscard]] bool may_retry(const TransportError& error);

/// What Retry-After asks for (RFC 9110: seconds, or a date of the form "Sun, 06 Nov 1994 08:49:37 GMT"), counted from
/// now; nothing if it is neither. Not negative, and a day at the most.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value, std::time_t now);

/// How long to wait before attempt number attempt (2 is the first that waits). chance: evenly from [0, 1).
///
/// Exponential, with "equal jitter" (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015): half
/// of the time is certain, so that nobody hammers, and half is chance, so that those who failed together do not come
/// back together. Retry-After is a lower bound, however long, to which the jitter is added.
[[nodiscard]] std::chrono::milliseconds backoff(const RetryOptions& options, std::size_t attempt,
                                                std::optional<std::chrono::milliseconds> retry_after, double chance);

/// Keeps an outage from being amplified: of all requests of the process, one in five may be retried, and one a second
/// besides, so that a few requests are not left without. What is not used is saved, up to a hundred. After Finagle's
/// RetryBudget (twitter.github.io/finagle). Thread-safe.
class RetryBudget {
  public:
    static constexpr double per_request = 0.2;
    static constexpr double per_second = 1;
    static constexpr double capacity = 100;

    explicit RetryBudget(Clock::time_point now) : updated_{now} {}

    /// A request is made for the first time.
    void deposit(Clock::time_point now);

    /// Asks for one retry. False: not now.
    [[nodiscard]] bool withdraw(Clock::time_point now);

  private:
    void refill(Clock::time_point now);

    std::mutex mutex_;
    Clock::time_point updated_;
    double balance_ = 10;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_RETRY_HPP
