// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/chat_answer_writer.hpp>

#include <cstdint>

#include <gateway/base/json_writer.hpp>
#include <gateway/dialects/chat_answer_words.hpp>

namespace gateway {

namespace {

void write_text_or_null(std::string_view name, const std::string& text, bool is_text, JsonWriter& json) {
    json.key(name);
    if (is_text) {
        json.value(text);
    } else {
        json.raw("null");
    }
}

void write_candidate(const Candidate& candidate, ChatCallIds& ids, JsonWriter& json) {
    json.begin_object().member("index", candidate.index).key("message").begin_object();
    json.member("role", "assistant");
    const bool only_calls = candidate.text.empty() && !candidate.calls.empty();
    write_text_or_null("content", candidate.text, !candidate.refused && !only_calls, json);
    write_text_or_null("refusal", candidate.text, candidate.refused, json);
    if (!candidate.calls.empty()) {
        json.key("tool_calls").begin_array();
        for (const ToolCall& call : candidate.calls) {
            json.begin_object();
            write_chat_call(call, ids, json);
            json.end_object();
        }
        json.end_array();
    }
    json.end_object().key("logprobs").raw("null");
    json.member("finish_reason",
                chat_finish_name(candidate.finish.value_or(FinishReason::other), !candidate.calls.empty()));
    json.end_object();
}

}  // namespace

std::string write_chat_answer(const Answer& answer, std::string_view id, std::time_t created) {
    ChatCallIds ids{id};
    JsonWriter json;
    json.begin_object().member("id", "chatcmpl-" + std::string{id}).member("object", "chat.completion");
    json.member("created", std::int64_t{created}).member("model", answer.model).key("choices").begin_array();
    for (const Candidate& candidate : answer.candidates) {
        write_candidate(candidate, ids, json);
    }
    if (answer.candidates.empty()) {
        write_candidate(blocked_candidate(), ids, json);
    }
    json.end_array();
    write_chat_usage(answer.usage, json);
    return json.end_object().take();
}

}  // namespace gateway
