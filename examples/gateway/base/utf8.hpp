// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_UTF8_HPP
#define GATEWAY_BASE_UTF8_HPP

#include <cstddef>
#include <string_view>

namespace gateway {

/// The start of text, at most longest bytes of it; no character of UTF-8 is cut in two.
[[nodiscard]] std::string_view utf8_start(std::string_view text, std::size_t longest);

}  // namespace gateway

#endif  // GATEWAY_BASE_UTF8_HPP
