// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_QUOTE_HPP
#define GATEWAY_BASE_QUOTE_HPP

#include <string>
#include <string_view>

namespace gateway {

/// The start of text between quotes, for an error: one line of ASCII without control characters.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace gateway

#endif  // GATEWAY_BASE_QUOTE_HPP
