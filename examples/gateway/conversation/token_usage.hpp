// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_CONVERSATION_TOKEN_USAGE_HPP
#define GATEWAY_CONVERSATION_TOKEN_USAGE_HPP

#include <cstdint>

#include <gateway/conversation/answer.hpp>

namespace gateway {

/// What a generation has cost, in tokens; what the model does not say is 0.
struct TokenUsage {
    std::uint64_t input = 0;
    std::uint64_t output = 0;
};

/// Thoughts are output: they are charged as such.
[[nodiscard]] inline TokenUsage tokens_of(const Usage& usage) {
    return {usage.input.value_or(0), usage.output.value_or(0) + usage.thoughts.value_or(0)};
}

}  // namespace gateway

#endif  // GATEWAY_CONVERSATION_TOKEN_USAGE_HPP
