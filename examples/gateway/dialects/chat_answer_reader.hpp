// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_CHAT_ANSWER_READER_HPP
#define GATEWAY_DIALECTS_CHAT_ANSWER_READER_HPP

#include <gateway/conversation/answer.hpp>

namespace gateway {

/// Throws NotUnderstood, if response is no chat completion.
void check_chat_answer(const Json& response);

/// What the usage of a chat completion says.
[[nodiscard]] Usage chat_usage(const Json& response);

/// What a chat completion says. Throws NotUnderstood.
[[nodiscard]] Answer read_chat_answer(const Json& response);

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_CHAT_ANSWER_READER_HPP
