// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_CHAT_ANSWER_READER_HPP
#define GATEWAY_DIALECTS_CHAT_ANSWER_READER_HPP

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include <gateway/base/json.hpp>
#include <gateway/conversation/answer.hpp>

namespace gateway {

/// Throws NotUnderstood, if response is no chat completion.
void check_chat_answer(const Json& response);

/// What the usage of a chat completion says.
[[nodiscard]] Usage chat_usage(const Json& response);

/// What a chat completion says. Throws NotUnderstood.
[[nodiscard]] Answer read_chat_answer(const Json& response);

/// Throws NotUnderstood, if chunk is none of a chat completion that is streamed, and BrokenOff for an error in its
/// place.
void check_chat_chunk(const Json& chunk);

/// Whether a choice ends with chunk.
[[nodiscard]] bool chat_chunk_finishes(const Json& chunk);

/// Reads the chunks of a chat completion that is streamed, one after the other. A text is handed on as it comes; a call
/// of a tool when it is complete, which is when the next begins or its candidate ends.
class ChatChunkReader {
  public:
    /// What the next chunk says; it may have nothing new. Throws as check_chat_chunk() does.
    [[nodiscard]] Answer read(const Json& chunk);

  private:
    /// A call of which more may come. Its place is its index among the calls of its candidate.
    struct Call {
        std::uint64_t place = 0;
        std::string id, name, arguments;
    };

    void take_calls(const Json& delta, Candidate& candidate);
    void finish_call(Candidate& candidate);

    std::map<std::uint64_t, Call> calls_;  // by the candidate's index
};

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_CHAT_ANSWER_READER_HPP
