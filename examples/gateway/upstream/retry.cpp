// SPDX-License-Identifier: Apache-2.0
#include "retry.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace gateway {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds longest_retry_after = std::chrono::hours{24};

/// A whole number that is all of text.
template <typename Number>
bool read(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

/// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<std::time_t> parse_date(std::string_view text) {
    constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' ||
        text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT") {
        return std::nullopt;
    }
    int day = 0;
    int year = 0;
    std::tm parts{};
    const auto month = std::ranges::find(months, text.substr(8, 3));
    if (!read(text.substr(5, 2), day) || month == months.end() || !read(text.substr(12, 4), year) ||
        !read(text.substr(17, 2), parts.tm_hour) || !read(text.substr(20, 2), parts.tm_min) ||
        !read(text.substr(23, 2), parts.tm_sec)) {
        return std::nullopt;
    }
    parts.tm_mday = day;
    parts.tm_mon = static_cast<int>(month - months.begin());
    parts.tm_year = year - 1900;
    return ::timegm(&parts);
}

}  // namespace

bool may_retry(http::status status) {
    return status == http::status::too_many_requests || status == http::status::service_unavailable;
}

bool may_retry(const TransportError& error) {
    using Stage = TransportError::Stage;
    return error.stage() == Stage::connecting || (error.stage() == Stage::waiting && !error.timed_out());
}

std::optional<milliseconds> parse_retry_after(std::string_view value, std::time_t now) {
    std::int64_t seconds = 0;
    if (!read(value, seconds)) {
        const std::optional<std::time_t> date = parse_date(value);
        if (!date) {
            return std::nullopt;
        }
        seconds = std::max<std::int64_t>(*date - now, 0);
    }
    if (seconds < 0) {
        return std::nullopt;
    }
    const std::int64_t most = std::chrono::duration_cast<std::chrono::seconds>(longest_retry_after).count();
    return std::chrono::seconds{std::min(seconds, most)};
}

std::optional<milliseconds> backoff(const RetryOptions& options, std::size_t attempt,
                                    std::optional<milliseconds> retry_after, double chance) {
    if (retry_after && *retry_after > options.backoff_max) {
        return std::nullopt;
    }
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
