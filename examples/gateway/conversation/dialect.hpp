// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_CONVERSATION_DIALECT_HPP
#define GATEWAY_CONVERSATION_DIALECT_HPP

#include <cstdint>

namespace gateway {

/// How a request is written, and its answer. The numbers are stored.
enum class Dialect : std::uint8_t {
    gemini = 0,  ///< generateContent, of Gemini and Vertex AI
    chat = 1,    ///< OpenAI's chat completions
};

}  // namespace gateway

#endif  // GATEWAY_CONVERSATION_DIALECT_HPP
