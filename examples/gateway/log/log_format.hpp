// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_LOG_LOG_FORMAT_HPP
#define GATEWAY_LOG_LOG_FORMAT_HPP

#include <cstdint>

namespace gateway {

/// How a line of the log is written.
enum class LogFormat : std::uint8_t { text, json };

}  // namespace gateway

#endif  // GATEWAY_LOG_LOG_FORMAT_HPP
