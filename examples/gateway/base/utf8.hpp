// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_UTF8_HPP
#define GATEWAY_BASE_UTF8_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gateway {

/// The start of text, at most longest bytes of it; no character of UTF-8 is cut in two.
[[nodiscard]] std::string_view utf8_start(std::string_view text, std::size_t longest);

/// What a text that is not empty begins with.
struct Utf8Character {
    std::size_t size = 0;  ///< bytes of it; where it is not valid, those that one U+FFFD stands for
    bool valid = false;
};
[[nodiscard]] Utf8Character first_utf8_character(std::string_view text);

/// Appends a character that is a code point of Unicode, and no surrogate.
void append_utf8(std::string& text, std::uint32_t point);

}  // namespace gateway

#endif  // GATEWAY_BASE_UTF8_HPP
