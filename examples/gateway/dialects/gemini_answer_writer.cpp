// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/gemini_answer_writer.hpp>

#include <string_view>
#include <utility>

#include <gateway/base/json_writer.hpp>

namespace gateway {

namespace {

std::string_view name_of(FinishReason reason) {
    switch (reason) {
        case FinishReason::stop:
            return "STOP";
        case FinishReason::length:
            return "MAX_TOKENS";
        case FinishReason::filtered:
            return "SAFETY";
        case FinishReason::other:
            break;
    }
    return "OTHER";
}

void write_call(const ToolCall& call, JsonWriter& json) {
    json.begin_object().key("functionCall").begin_object();
    if (!call.id.empty()) {
        json.member("id", call.id);
    }
    json.member("name", call.name).key("args").raw(call.arguments).end_object().end_object();
}

void write_candidate(const Candidate& candidate, JsonWriter& json) {
    // What was blocked has no parts, as with Vertex AI: an empty text would look like an answer.
    const bool has_text =
        !candidate.text.empty() || (candidate.calls.empty() && candidate.finish != FinishReason::filtered);
    json.begin_object().key("content").begin_object().member("role", "model");
    if (has_text || !candidate.calls.empty()) {
        json.key("parts").begin_array();
        if (has_text) {
            json.begin_object().member("text", candidate.text).end_object();
        }
        for (const ToolCall& call : candidate.calls) {
            write_call(call, json);
        }
        json.end_array();
    }
    json.end_object();
    if (candidate.finish) {
        json.member("finishReason", name_of(*candidate.finish));
    }
    if (candidate.refused) {
        json.member("finishMessage", "the model refused");
    }
    json.member("index", candidate.index).end_object();
}

void write_usage(const Usage& usage, JsonWriter& json) {
    const std::pair<std::string_view, std::optional<std::uint64_t>> counts[] = {
        {"promptTokenCount", usage.input},
        {"cachedContentTokenCount", usage.cached},
        {"candidatesTokenCount", usage.output},
        {"thoughtsTokenCount", usage.thoughts},
        {"totalTokenCount", usage.total}};
    bool any = false;
    for (const auto& [name, count] : counts) {
        if (count) {
            if (!std::exchange(any, true)) {
                json.key("usageMetadata").begin_object();
            }
            json.member(name, *count);
        }
    }
    if (any) {
        json.end_object();
    }
}

}  // namespace

std::string write_gemini_answer(const Answer& answer) {
    JsonWriter json;
    json.begin_object();
    if (!answer.blocked.empty()) {
        json.key("promptFeedback").begin_object().member("blockReason", answer.blocked).end_object();
    }
    json.key("candidates").begin_array();
    for (const Candidate& candidate : answer.candidates) {
        write_candidate(candidate, json);
    }
    json.end_array();
    write_usage(answer.usage, json);
    if (!answer.model.empty()) {
        json.member("modelVersion", answer.model);
    }
    return json.end_object().take();
}

}  // namespace gateway
