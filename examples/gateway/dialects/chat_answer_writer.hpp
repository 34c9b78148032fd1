// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_CHAT_ANSWER_WRITER_HPP
#define GATEWAY_DIALECTS_CHAT_ANSWER_WRITER_HPP

#include <ctime>
#include <string>
#include <string_view>

#include <gateway/conversation/answer.hpp>

namespace gateway {

/// The text of a chat completion. id: of the job, from which the completion's is made ("chatcmpl-<id>"), and those of
/// calls that have none. created: seconds since 1970.
[[nodiscard]] std::string write_chat_answer(const Answer& answer, std::string_view id, std::time_t created);

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_CHAT_ANSWER_WRITER_HPP
