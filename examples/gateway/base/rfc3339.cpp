// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/rfc3339.hpp>

#include <cstddef>
#include <regex>
#include <spdlog/fmt/chrono.h>

namespace gateway {

std::string to_rfc3339(std::chrono::system_clock::time_point time) {
    const auto second = std::chrono::floor<std::chrono::seconds>(time);
    const auto past_it = std::chrono::floor<std::chrono::milliseconds>(time - second);
    return fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(second), past_it.count());
}

std::optional<std::chrono::system_clock::time_point> from_rfc3339(std::string_view text) {
    // A minute may have a leap second.
    static const std::regex form{R"((\d{4})-(\d\d)-(\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60))"
                                 R"((?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d)))"};
    constexpr std::size_t longest = 100;  // a regex takes some stack for each character
    std::cmatch parts;
    if (text.size() > longest || !std::regex_match(text.data(), text.data() + text.size(), parts, form)) {
        return std::nullopt;
    }
    const auto number = [&](std::size_t part) { return parts[part].matched ? std::stoi(parts[part]) : 0; };
    const std::chrono::year_month_day date{std::chrono::year{number(1)},
                                           std::chrono::month{static_cast<unsigned>(number(2))},
                                           std::chrono::day{static_cast<unsigned>(number(3))}};
    // Nanoseconds since 1970 in 64 bits end in September 1677 and in April 2262.
    if (!date.ok() || date.year() < std::chrono::year{1679} || date.year() > std::chrono::year{2261}) {
        return std::nullopt;
    }
    std::string fraction = parts[7];
    fraction.resize(9, '0');
    const std::chrono::minutes offset{number(9) * 60 + number(10)};
    return std::chrono::sys_days{date} + std::chrono::hours{number(4)} + std::chrono::minutes{number(5)} +
           std::chrono::seconds{number(6)} + std::chrono::nanoseconds{std::stoi(fraction)} -
           (parts[8] == "-" ? -offset : offset);
}

}  // namespace gateway
