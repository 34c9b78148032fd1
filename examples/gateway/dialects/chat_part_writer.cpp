// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/chat_part_writer.hpp>

#include <utility>

#include <gateway/base/json_writer.hpp>

namespace gateway {

ChatPartWriter::ChatPartWriter(std::string_view id, std::time_t created, bool usage_wanted)
    : id_{"chatcmpl-" + std::string{id}}, created_{created}, usage_wanted_{usage_wanted}, ids_{id} {}

std::vector<std::string> ChatPartWriter::write(const Answer& part) {
    if (!part.model.empty()) {
        model_ = part.model;
    }
    usage_.update(part.usage);
    std::vector<std::string> chunks;
    const auto add = [&](const Candidate& candidate) {
        Choice& choice = choices_[candidate.index];
        if (!choice.begun || !candidate.text.empty() || !candidate.calls.empty()) {
            chunks.push_back(content_chunk(candidate, choice));
        }
        choice.finish = candidate.finish ? candidate.finish : choice.finish;
    };
    for (const Candidate& candidate : part.candidates) {
        add(candidate);
    }
    if (!part.blocked.empty() && part.candidates.empty()) {
        add(blocked_candidate());
    }
    return chunks;
}

std::vector<std::string> ChatPartWriter::end() {
    std::vector<std::string> chunks;
    for (const auto& [index, choice] : choices_) {
        if (choice.finish) {
            chunks.push_back(finish_chunk(index, choice));
        }
    }
    if (usage_wanted_ && usage_ != Usage{}) {
        JsonWriter json;
        begin_chunk(json);
        json.end_array();
        write_chat_usage(usage_, json);
        chunks.push_back(json.end_object().take());
    }
    return chunks;
}

void ChatPartWriter::begin_chunk(JsonWriter& json) const {
    json.begin_object().member("id", id_).member("object", "chat.completion.chunk");
    json.member("created", std::int64_t{created_}).member("model", model_).key("choices").begin_array();
}

void ChatPartWriter::end_chunk(JsonWriter& json) const {
    json.end_object().end_array();
    if (usage_wanted_) {
        json.key("usage").raw("null");  // which all but the last have then
    }
    json.end_object();
}

std::string ChatPartWriter::content_chunk(const Candidate& candidate, Choice& choice) {
    JsonWriter json;
    begin_chunk(json);
    json.begin_object().member("index", candidate.index).key("delta").begin_object();
    if (!std::exchange(choice.begun, true)) {
        json.member("role", "assistant");
        if (candidate.text.empty() && candidate.calls.empty()) {
            json.member("content", "");
        }
    }
    if (!candidate.text.empty()) {
        json.member(candidate.refused ? "refusal" : "content", candidate.text);
    }
    if (!candidate.calls.empty()) {
        json.key("tool_calls").begin_array();
        for (const ToolCall& call : candidate.calls) {
            json.begin_object().member("index", choice.calls++);
            write_chat_call(call, ids_, json);
            json.end_object();
        }
        json.end_array();
    }
    json.end_object().key("logprobs").raw("null").key("finish_reason").raw("null");
    end_chunk(json);
    return json.take();
}

std::string ChatPartWriter::finish_chunk(std::uint64_t index, const Choice& choice) const {
    JsonWriter json;
    begin_chunk(json);
    json.begin_object().member("index", index).key("delta").begin_object().end_object();
    json.key("logprobs").raw("null").member("finish_reason", chat_finish_name(*choice.finish, choice.calls > 0));
    end_chunk(json);
    return json.take();
}

}  // namespace gateway
