// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/retry.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <gateway/http/date.hpp>

namespace gateway {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds longest_retry_after = std::chrono::hours{24};

/// A whole number without a sign that is all of text; the largest there is if it is larger.
std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc::invalid_argument || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return error == std::errc{} ? number : std::numeric_limits<std::uint64_t>::max();
}

}  // namespace

bool may_retry(http::status status) { return status == http::status::service_unavailable; }

bool may_retry(const TransportError& error) {
    using Stage = TransportError::Stage;
    return error.stage() == Stage::connecting || (error.stage() == Stage::waiting && !error.timed_out());
}

std::optional<milliseconds> parse_retry_after(std::string_view value, std::time_t now) {
    constexpr std::uint64_t most = longest_retry_after.count();
    std::optional<std::uint64_t> seconds = parse_number(value);
    if (!seconds) {
        const std::optional<std::time_t> date = parse_http_date(value);
        if (!date) {
            return std::nullopt;
        }
        seconds = *date > now ? static_cast<std::uint64_t>(*date - now) : 0;
    }
    return std::chrono::seconds{std::min(*seconds, most)};
}

milliseconds backoff(const RetryOptions& options, std::size_t attempt, std::optional<milliseconds> retry_after,
                     double chance) {
    const int doublings = static_cast<int>(std::min<std::size_t>(attempt - 2, 30));
    const double full = std::min(std::ldexp(static_cast<double>(options.backoff_min.count()), doublings),
                                 static_cast<double>(options.backoff_max.count()));
    const double certain = std::max(full / 2, static_cast<double>(retry_after.value_or(milliseconds{0}).count()));
    return milliseconds{static_cast<milliseconds::rep>(certain + chance * full / 2)};
}

void RetryBudget::deposit(Clock::time_point now) {
    const std::lock_guard lock{mutex_};
    refill(now);
    balance_ = std::min(balance_ + per_request, capacity);
}

bool RetryBudget::withdraw(Clock::time_point now) {
    const std::lock_guard lock{mutex_};
    refill(now);
    if (balance_ < 1) {
        return false;
    }
    balance_ -= 1;
    return true;
}

void RetryBudget::refill(Clock::time_point now) {
    if (now > updated_) {
        balance_ = std::min(balance_ + per_second * std::chrono::duration<double>(now - updated_).count(), capacity);
        updated_ = now;
    }
}

}  // namespace gateway
