// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_ERROR_SHAPE_HPP
#define GATEWAY_API_ERROR_SHAPE_HPP

#include <cstdint>
#include <string>

#include <gateway/http/failure.hpp>
#include <gateway/http/message.hpp>

namespace gateway {

/// How an API tells its clients of errors.
enum class ErrorShape : std::uint8_t {
    own,     ///< the gateway's: {"error": {"code", "status", "message", "retryable"}}
    openai,  ///< {"error": {"message", "type", "param", "code"}}
    gemini,  ///< {"error": {"code": 400, "message", "status": "INVALID_ARGUMENT", "details"}}
};

/// An error in an API's own shape, and Retry-After if that is known. OpenAI's clients look at X-Should-Retry before
/// they ask again; Gemini's have the gateway's own code as the reason of an ErrorInfo.
[[nodiscard]] HttpResponse error_response(ErrorShape shape, const Failure& failure);

/// The text of the JSON of its body.
[[nodiscard]] std::string error_text(ErrorShape shape, const Failure& failure);

}  // namespace gateway

#endif  // GATEWAY_API_ERROR_SHAPE_HPP
