// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_CHAT_ANSWER_READER_HPP
#define GATEWAY_DIALECTS_CHAT_ANSWER_READER_HPP

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gateway/base/json.hpp>
#include <gateway/conversation/answer.hpp>
#include <gateway/dialects/part_ends.hpp>

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

/// Which choices end with chunk, and which do not.
[[nodiscard]] PartEnds chat_chunk_ends(const Json& chunk);

/// Reads the chunks of a chat completion that is streamed, one after the other. A text is handed on as it comes; calls
/// of tools, whose pieces may come in any order, when their candidate ends.
class ChatChunkReader {
  public:
    /// What the next chunk says; it may have nothing new. Throws as check_chat_chunk() does.
    [[nodiscard]] Answer read(const Json& chunk);

    /// Ends the candidates of these indexes, which the upstream has left without a reason. Throws NotUnderstood.
    [[nodiscard]] Answer end(const std::set<std::uint64_t>& going_on);

  private:
    struct Call {
        std::string id, name, arguments;
    };
    /// What has been said of a candidate that goes on.
    struct Begun {
        std::map<std::uint64_t, Call> calls;  // by their index
        std::uint64_t last = 0;               // of these, that was spoken of
        bool refused = false;
    };

    void take_calls(const Json& delta, Begun& begun);
    void take_call(std::string_view id, const Json* function, Call& call);
    void finish(Candidate& candidate, FinishReason reason);

    static constexpr std::size_t most_gathered = std::size_t{4} << 20;  // bytes of calls

    std::map<std::uint64_t, Begun> begun_;  // by the candidate's index
    std::size_t gathered_ = 0;
};

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_CHAT_ANSWER_READER_HPP
