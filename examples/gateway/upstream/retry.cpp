// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/retry.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

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

/// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<std::time_t> parse_date(std::string_view text) {
    constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' ||
        text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT") {
        return std::nullopt;
    }
    const auto month = std::ranges::find(months, text.substr(8, 3));
    const auto day = parse_number(text.substr(5, 2));
    const auto year = parse_number(text.substr(12, 4));
    const auto hour = parse_number(text.substr(17, 2));
    const auto minute = parse_number(text.substr(20, 2));
    const auto second = parse_number(text.substr(23, 2));
    // A minute may have a leap second.
    if (month == months.end() || !day || !year || !hour || !minute || !second || *hour > 23 || *minute > 59 ||
        *second > 60) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)},
                                           std::chrono::month{static_cast<unsigned>(month - months.begin()) + 1},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) {
        return std::nullopt;
    }
    const std::chrono::sys_seconds time = std::chrono::sys_days{date} + std::chrono::hours{*hour} +
                                          std::chrono::minutes{*minute} + std::chrono::seconds{*second};
    return time.time_since_epoch()
        .count();  // to_time_t would go through nanoseconds, of which these years have too many
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
        const std::optional<std::time_t> date = parse_date(value);
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
