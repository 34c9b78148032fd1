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

}  // namespace gateway
