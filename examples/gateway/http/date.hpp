// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_DATE_HPP
#define GATEWAY_HTTP_DATE_HPP

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace gateway {

/// The time as HTTP writes it (RFC 9110, IMF-fixdate): "Sun, 06 Nov 1994 08:49:37 GMT". No locale matters.
[[nodiscard]] std::string http_date(std::time_t time);

/// Now. Thread-safe; made once a second and thread.
[[nodiscard]] const std::string& http_date();

/// The time that text writes so; nullopt if it is written in any other way. A minute may have a leap second; the day of
/// the week may be wrong.
[[nodiscard]] std::optional<std::time_t> parse_http_date(std::string_view text);

}  // namespace gateway

#endif  // GATEWAY_HTTP_DATE_HPP
