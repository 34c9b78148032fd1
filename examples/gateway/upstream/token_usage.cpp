// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/token_usage.hpp>

#include <gateway/upstream/find_member.hpp>

namespace gateway {

std::uint64_t tokens_in(const Json& usage, std::string_view name) {
    const Json* const value = find_member(usage, name);
    return value != nullptr && value->is_number_unsigned() ? value->get<std::uint64_t>() : 0;
}

TokenUsage usage_of(const Json& response) {
    const Json* const usage = find_member(response, "usageMetadata");
    if (usage == nullptr) {
        return {};
    }
    return {tokens_in(*usage, "promptTokenCount"),
            tokens_in(*usage, "candidatesTokenCount") + tokens_in(*usage, "thoughtsTokenCount")};
}

}  // namespace gateway
