// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_CONVERSATION_TOKEN_USAGE_HPP
#define GATEWAY_CONVERSATION_TOKEN_USAGE_HPP

#include <algorithm>
#include <cstdint>

#include <gateway/conversation/answer.hpp>

namespace gateway {

/// What a generation has cost, in tokens; what the model does not say is 0.
struct TokenUsage {
    std::uint64_t input = 0;
    std::uint64_t output = 0;

    friend bool operator==(const TokenUsage&, const TokenUsage&) = default;
};

/// Thoughts are output: they are charged as such.
[[nodiscard]] inline TokenUsage tokens_of(const Usage& usage) {
    return {usage.input.value_or(0), usage.output.value_or(0) + usage.thoughts.value_or(0)};
}

/// What an answer in parts has cost since that was last said: its upstream counts from the beginning, if it does so
/// more than once.
class TokensTold {
  public:
    [[nodiscard]] TokenUsage update(const Usage& usage) {
        const TokenUsage now = tokens_of(usage);
        const TokenUsage more{now.input - std::min(now.input, told_.input),
                              now.output - std::min(now.output, told_.output)};
        told_.input += more.input;
        told_.output += more.output;
        return more;
    }

  private:
    TokenUsage told_;
};

}  // namespace gateway

#endif  // GATEWAY_CONVERSATION_TOKEN_USAGE_HPP
