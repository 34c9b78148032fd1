// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/token_usage.hpp>

#include <gateway/upstream/find_member.hpp>

namespace gateway {

namespace {

std::uint64_t count(const Json& usage, std::string_view name) {
    const Json* const value = find_member(usage, name);
    return value != nullptr && value->is_number_unsigned() ? value->get<std::uint64_t>() : 0;
}

}  // namespace

TokenUsage usage_of(const Json& response) {
    const Json* const usage = find_member(response, "usageMetadata");
    if (usage == nullptr) {
        return {};
    }
    return {count(*usage, "promptTokenCount"),
            count(*usage, "candidatesTokenCount") + count(*usage, "thoughtsTokenCount")};
}

}  // namespace gateway
