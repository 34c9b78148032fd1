// SPDX-License-Identifier: Apache-2.0
#include <gateway/http/date.hpp>

#include <chrono>
#include <iomanip>
#include <locale>
#include <spdlog/fmt/chrono.h>
#include <sstream>

namespace gateway {

namespace {

std::string to_text(const std::tm& parts) { return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", parts); }

}  // namespace

std::string http_date(std::time_t time) { return to_text(fmt::gmtime(time)); }

const std::string& http_date() {
    thread_local std::time_t second = -1;
    thread_local std::string text;
    if (const std::time_t now = std::time(nullptr); now != second) {
        text = http_date(now);
        second = now;
    }
    return text;
}

std::optional<std::time_t> parse_http_date(std::string_view text) {
    std::tm parts{};
    std::istringstream input{std::string{text}};
    input.imbue(std::locale::classic());
    input >> std::get_time(&parts, "%a, %d %b %Y %H:%M:%S GMT");
    // get_time takes other spaces, fewer digits and names in other cases as well.
    if (input.fail() || to_text(parts) != text) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year{parts.tm_year + 1900},
                                           std::chrono::month{static_cast<unsigned>(parts.tm_mon) + 1},
                                           std::chrono::day{static_cast<unsigned>(parts.tm_mday)}};
    if (!date.ok()) {
        return std::nullopt;
    }
    const std::chrono::sys_seconds time = std::chrono::sys_days{date} + std::chrono::hours{parts.tm_hour} +
                                          std::chrono::minutes{parts.tm_min} + std::chrono::seconds{parts.tm_sec};
    return time.time_since_epoch()
        .count();  // to_time_t would go through nanoseconds, of which these years have too many
}

}  // namespace gateway
