// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_GEMINI_REQUEST_WRITER_HPP
#define GATEWAY_DIALECTS_GEMINI_REQUEST_WRITER_HPP

#include <string>

#include <gateway/conversation/conversation.hpp>
#include <gateway/conversation/upstream_form.hpp>

namespace gateway {

/// The text of a generateContent request. What Gemini has no words for is refused in the name of upstream (a system
/// message after others, parallel calls that are forbidden): throws Unsupported.
[[nodiscard]] std::string write_gemini_request(const Conversation& conversation, const UpstreamForm& upstream);

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_GEMINI_REQUEST_WRITER_HPP
