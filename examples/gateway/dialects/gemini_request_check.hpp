// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_GEMINI_REQUEST_CHECK_HPP
#define GATEWAY_DIALECTS_GEMINI_REQUEST_CHECK_HPP

#include <gateway/base/json.hpp>

namespace gateway {

/// Checks that request looks like one of generateContent, so that its sender hears at once what is wrong. Members that
/// are not known here pass: the model may know them. Throws BadRequest.
void check_gemini_request(const Json& request);

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_GEMINI_REQUEST_CHECK_HPP
