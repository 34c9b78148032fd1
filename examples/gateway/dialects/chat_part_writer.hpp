// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_CHAT_PART_WRITER_HPP
#define GATEWAY_DIALECTS_CHAT_PART_WRITER_HPP

#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gateway/dialects/chat_answer_words.hpp>
#include <gateway/dialects/part_writer.hpp>

namespace gateway {

/// Writes the chunks of a chat completion: each has one choice, as clients that take only one expect. Why choices end
/// is said at the end of all: others may say it with each part.
class ChatPartWriter final : public PartWriter {
  public:
    /// id: of the job that it answers. usage_wanted: the last chunk says what all has cost ("include_usage").
    ChatPartWriter(std::string_view id, std::time_t created, bool usage_wanted);

    [[nodiscard]] std::vector<std::string> write(const Answer& part) override;
    [[nodiscard]] std::vector<std::string> end() override;

  private:
    struct Choice {
        bool begun = false;
        std::uint64_t calls = 0;  ///< so far
        std::optional<FinishReason> finish;
    };

    void begin_chunk(JsonWriter& json) const;
    void end_chunk(JsonWriter& json) const;
    std::string content_chunk(const Candidate& candidate, Choice& choice);
    [[nodiscard]] std::string finish_chunk(std::uint64_t index, const Choice& choice) const;

    const std::string id_;
    const std::time_t created_;
    const bool usage_wanted_;
    ChatCallIds ids_;
    std::string model_;
    Usage usage_;
    std::map<std::uint64_t, Choice> choices_;  // by their index
};

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_CHAT_PART_WRITER_HPP
