// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/session.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <gateway/base/sha256.hpp>
#include <gateway/conversation/find_member.hpp>

namespace gateway {

namespace {

constexpr std::size_t longest_session = 256;

std::string hashed(std::string_view text) { return "sha256:" + hex(sha256(text)).substr(0, 32); }

/// It goes into a header of the upstream's.
std::string plain_or_hashed(std::string_view text) {
    const bool plain = text.size() <= longest_session && text.front() != ' ' && text.back() != ' ' &&
                       std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
    return plain ? std::string{text} : hashed(text);
}

/// Those of messages up to the first of the user.
std::string beginning(const Json* messages) {
    std::string text;
    for (std::size_t i = 0; messages != nullptr && messages->is_array() && i < messages->size(); ++i) {
        text += dump((*messages)[i]);
        const std::string_view role = text_of(find_member((*messages)[i], "role"));
        if (role.empty() || role == "user") {
            break;
        }
    }
    return text;
}

}  // namespace

std::string session_of(Dialect dialect, const Json& request) {
    if (dialect == Dialect::gemini) {
        const Json* const system = find_member(request, "systemInstruction");
        return hashed((system != nullptr ? dump(*system) : std::string{}) +
                      beginning(find_member(request, "contents")));
    }
    for (const std::string_view name : {"prompt_cache_key", "user"}) {
        if (const std::string_view said = text_of(find_member(request, name)); !said.empty()) {
            return plain_or_hashed(said);
        }
    }
    return hashed(beginning(find_member(request, "messages")));
}

}  // namespace gateway
