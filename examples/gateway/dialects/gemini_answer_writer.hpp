// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_GEMINI_ANSWER_WRITER_HPP
#define GATEWAY_DIALECTS_GEMINI_ANSWER_WRITER_HPP

#include <string>

#include <gateway/conversation/answer.hpp>

namespace gateway {

/// The text of a generateContent response.
[[nodiscard]] std::string write_gemini_answer(const Answer& answer);

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_GEMINI_ANSWER_WRITER_HPP
