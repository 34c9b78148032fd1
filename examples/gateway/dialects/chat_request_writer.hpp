// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_CHAT_REQUEST_WRITER_HPP
#define GATEWAY_DIALECTS_CHAT_REQUEST_WRITER_HPP

#include <string>
#include <string_view>

#include <gateway/conversation/conversation.hpp>
#include <gateway/conversation/delivery.hpp>
#include <gateway/conversation/upstream_form.hpp>

namespace gateway {

/// How a server wants to have chat completions asked for.
struct ChatRequestStyle {
    std::string_view model;                       ///< empty: the server takes what it has
    std::string_view token_limit = "max_tokens";  ///< what it calls the most tokens of an answer
    Delivery delivery = Delivery::whole;          ///< of an answer in parts, the last says what it has cost
};

/// The text of a request for a chat completion. What that has no words for (data other than images, safety settings) is
/// refused in the name of upstream: throws Unsupported.
[[nodiscard]] std::string write_chat_request(const Conversation& conversation, const ChatRequestStyle& style,
                                             const UpstreamForm& upstream);

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_CHAT_REQUEST_WRITER_HPP
