// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_CHAT_REQUEST_READER_HPP
#define GATEWAY_DIALECTS_CHAT_REQUEST_READER_HPP

#include <gateway/conversation/conversation.hpp>
#include <gateway/conversation/upstream_form.hpp>

namespace gateway {

/// What a request for a chat completion, which has passed its check, asks for. What no other API knows (images by URL,
/// logprobs, logit_bias, custom tools) is refused in the name of upstream; what says nothing to a model is dropped:
/// model, user, prompt_cache_key, metadata, strict, empty members. Throws BadRequest.
[[nodiscard]] Conversation read_chat_request(const Json& request, const UpstreamForm& upstream);

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_CHAT_REQUEST_READER_HPP
