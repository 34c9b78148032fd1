// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_TOKEN_USAGE_HPP
#define GATEWAY_UPSTREAM_TOKEN_USAGE_HPP

#include <cstdint>
#include <string_view>

#include <gateway/base/json.hpp>

namespace gateway {

/// What a generation has cost, in tokens; what the model does not say is 0.
struct TokenUsage {
    std::uint64_t input = 0;
    std::uint64_t output = 0;
};

/// The member of usage of that name, where it is such a number; else 0.
[[nodiscard]] std::uint64_t tokens_in(const Json& usage, std::string_view name);

/// What the usageMetadata of a generateContent response says. Thoughts are output: they are charged as such.
[[nodiscard]] TokenUsage usage_of(const Json& response);

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_TOKEN_USAGE_HPP
