// SPDX-License-Identifier: Apache-2.0
// Times as logs write them and as Google's APIs do.
#ifndef GATEWAY_BASE_RFC3339_HPP
#define GATEWAY_BASE_RFC3339_HPP

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace gateway {

/// In UTC, to the millisecond: "2026-11-23T11:20:00.123Z". Years of four digits.
[[nodiscard]] std::string to_rfc3339(std::chrono::system_clock::time_point time);

/// Any offset from UTC. nullopt: text is not such a time, or has more than 100 bytes, or is in a year that the clock
/// cannot hold (it can hold 1679 to 2261). Digits past the nanosecond are dropped.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> from_rfc3339(std::string_view text);

}  // namespace gateway

#endif  // GATEWAY_BASE_RFC3339_HPP
