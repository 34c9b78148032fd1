// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/utf8.hpp>

namespace gateway {

std::string_view utf8_start(std::string_view text, std::size_t longest) {
    if (text.size() <= longest) {
        return text;
    }
    const auto continues = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U; };
    // A character has three such bytes at most: what has more is not UTF-8.
    std::size_t end = longest;
    while (end > 0 && longest - end < 3 && continues(end)) {
        --end;
    }
    return text.substr(0, end);
}

Utf8Character first_utf8_character(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned first = byte(0);
    if (first < 0x80) {
        return {1, true};
    }
    const std::size_t size = first >= 0xC2 && first <= 0xDF   ? 2
                             : first >= 0xE0 && first <= 0xEF ? 3
                             : first >= 0xF0 && first <= 0xF4 ? 4
                                                              : 1;
    // The second byte's range keeps out longer forms than needed, surrogates, and what is past U+10FFFF (RFC 3629, 4).
    const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    for (std::size_t at = 1; at < size; ++at) {
        const bool second = at == 1;
        if (at == text.size() || byte(at) < (second ? low : 0x80) || byte(at) > (second ? high : 0xBF)) {
            return {at, false};
        }
    }
    return {size, size > 1};
}

void append_utf8(std::string& text, std::uint32_t point) {
    const auto continuation = [&](unsigned shift) { return static_cast<char>(0x80U | ((point >> shift) & 0x3FU)); };
    if (point < 0x80) {
        text += static_cast<char>(point);
    } else if (point < 0x800) {
        text += static_cast<char>(0xC0U | (point >> 6U));
        text += continuation(0);
    } else if (point < 0x10000) {
        text += static_cast<char>(0xE0U | (point >> 12U));
        text += continuation(6);
        text += continuation(0);
    } else {
        text += static_cast<char>(0xF0U | (point >> 18U));
        text += continuation(12);
        text += continuation(6);
        text += continuation(0);
    }
}

}  // namespace gateway
