// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_GEMINI_ANSWER_READER_HPP
#define GATEWAY_DIALECTS_GEMINI_ANSWER_READER_HPP

#include <gateway/conversation/answer.hpp>
#include <gateway/dialects/part_ends.hpp>

namespace gateway {

/// Throws NotUnderstood, if response is none of generateContent. It may be one without candidates: promptFeedback says
/// why.
void check_gemini_answer(const Json& response);

/// What the usageMetadata of a generateContent response says.
[[nodiscard]] Usage gemini_usage(const Json& response);

/// What a generateContent response says. Thoughts are dropped. Throws NotUnderstood, also for what no other API knows
/// (images, code).
[[nodiscard]] Answer read_gemini_answer(const Json& response);

/// Throws NotUnderstood, if part is none of a streamGenerateContent response, and BrokenOff for an error in its place.
void check_gemini_part(const Json& part);

/// Which candidates end with part, and which do not.
[[nodiscard]] PartEnds gemini_part_ends(const Json& part);

/// What a part of a streamGenerateContent response says; it may have nothing new. Otherwise as read_gemini_answer().
[[nodiscard]] Answer read_gemini_part(const Json& part);

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_GEMINI_ANSWER_READER_HPP
