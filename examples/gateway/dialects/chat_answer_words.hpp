// SPDX-License-Identifier: Apache-2.0
// What a chat completion that is written whole has in common with one that is written in parts.
#ifndef GATEWAY_DIALECTS_CHAT_ANSWER_WORDS_HPP
#define GATEWAY_DIALECTS_CHAT_ANSWER_WORDS_HPP

#include <cstddef>
#include <string>
#include <string_view>

#include <gateway/base/json_writer.hpp>
#include <gateway/conversation/answer.hpp>

namespace gateway {

/// Why a candidate ends. OpenAI has no word for an end of another kind than its own.
[[nodiscard]] std::string_view chat_finish_name(FinishReason finish, bool has_calls);

/// The candidate of a request that was blocked before it was answered.
[[nodiscard]] Candidate blocked_candidate();

/// The member "usage"; nothing, if it is not known.
void write_chat_usage(const Usage& usage, JsonWriter& json);

/// Ids for calls of tools that have none.
class ChatCallIds {
  public:
    /// job: its id. OpenAI takes ids of 40 characters at most: a UUID without its hyphens leaves room for a number.
    explicit ChatCallIds(std::string_view job) : job_{job} { std::erase(job_, '-'); }

    [[nodiscard]] std::string next() { return "call_" + job_ + '_' + std::to_string(calls_++); }

  private:
    std::string job_;
    std::size_t calls_ = 0;
};

/// The members of a call but for its index, within its object.
void write_chat_call(const ToolCall& call, ChatCallIds& ids, JsonWriter& json);

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_CHAT_ANSWER_WORDS_HPP
