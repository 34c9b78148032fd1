// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_TOKEN_USAGE_HPP
#define GATEWAY_UPSTREAM_TOKEN_USAGE_HPP

#include <cstdint>

#include <gateway/base/json.hpp>

namespace gateway {

/// What a generation has cost, in tokens; what the model does not say is 0.
struct TokenUsage {
    std::uint64_t input = 0;
    std::uint64_t output = 0;
};

/// What the usageMetadata of a generateContent response says. Thoughts are output: they are charged as such.
[[nodiscard]] TokenUsage usage_of(const Json& response);

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_TOKEN_USAGE_HPP
