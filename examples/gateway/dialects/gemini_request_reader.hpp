// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_GEMINI_REQUEST_READER_HPP
#define GATEWAY_DIALECTS_GEMINI_REQUEST_READER_HPP

#include <gateway/conversation/conversation.hpp>
#include <gateway/conversation/upstream_form.hpp>

namespace gateway {

/// What a generateContent request, which has passed its check, asks for. What no other API knows (files by reference,
/// tools other than functions, thinkingConfig) is refused in the name of upstream; what asks for nothing is dropped:
/// labels, empty members, and the model's thoughts among its former answers. Throws BadRequest.
[[nodiscard]] Conversation read_gemini_request(const Json& request, const UpstreamForm& upstream);

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_GEMINI_REQUEST_READER_HPP
