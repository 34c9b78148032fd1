// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/chat_answer_writer.hpp>

#include <cstddef>
#include <cstdint>

#include <gateway/base/json_writer.hpp>

namespace gateway {

namespace {

/// OpenAI has no word for an end of another kind.
std::string_view name_of(const Candidate& candidate) {
    if (!candidate.calls.empty()) {
        return "tool_calls";
    }
    switch (candidate.finish.value_or(FinishReason::other)) {
        case FinishReason::length:
            return "length";
        case FinishReason::filtered:
            return "content_filter";
        case FinishReason::stop:
        case FinishReason::other:
            break;
    }
    return "stop";
}

class ChatAnswerWriter {
  public:
    /// OpenAI takes ids of calls of 40 characters at most: a UUID without its hyphens leaves room for a number.
    explicit ChatAnswerWriter(std::string_view id) : id_{id} { std::erase(id_, '-'); }

    void write_candidate(const Candidate& candidate) {
        json_.begin_object().member("index", candidate.index).key("message").begin_object();
        json_.member("role", "assistant");
        const bool only_calls = candidate.text.empty() && !candidate.calls.empty();
        write_text_or_null("content", candidate.text, !candidate.refused && !only_calls);
        write_text_or_null("refusal", candidate.text, candidate.refused);
        write_calls(candidate);
        json_.end_object().key("logprobs").raw("null").member("finish_reason", name_of(candidate)).end_object();
    }

    void write_usage(const Usage& usage) {
        if (!usage.input && !usage.output) {
            return;
        }
        const std::uint64_t input = usage.input.value_or(0);
        const std::uint64_t output = usage.output.value_or(0) + usage.thoughts.value_or(0);
        json_.key("usage").begin_object().member("prompt_tokens", input).member("completion_tokens", output);
        json_.member("total_tokens", usage.total.value_or(input + output));
        if (usage.cached) {
            json_.key("prompt_tokens_details").begin_object().member("cached_tokens", *usage.cached).end_object();
        }
        if (usage.thoughts) {
            json_.key("completion_tokens_details").begin_object();
            json_.member("reasoning_tokens", *usage.thoughts).end_object();
        }
        json_.end_object();
    }

    JsonWriter& json() { return json_; }

  private:
    void write_text_or_null(std::string_view name, const std::string& text, bool is_text) {
        json_.key(name);
        if (is_text) {
            json_.value(text);
        } else {
            json_.raw("null");
        }
    }

    void write_calls(const Candidate& candidate) {
        if (candidate.calls.empty()) {
            return;
        }
        json_.key("tool_calls").begin_array();
        for (const ToolCall& call : candidate.calls) {
            json_.begin_object().member("id", call.id.empty() ? next_call_id() : call.id).member("type", "function");
            json_.key("function").begin_object().member("name", call.name).member("arguments", call.arguments);
            json_.end_object().end_object();
        }
        json_.end_array();
    }

    std::string next_call_id() { return "call_" + id_ + '_' + std::to_string(calls_++); }

    JsonWriter json_;
    std::string id_;
    std::size_t calls_ = 0;
};

/// A request that was blocked before it was answered.
Candidate blocked() {
    Candidate candidate;
    candidate.finish = FinishReason::filtered;
    return candidate;
}

}  // namespace

std::string write_chat_answer(const Answer& answer, std::string_view id, std::time_t created) {
    ChatAnswerWriter writer{id};
    JsonWriter& json = writer.json();
    json.begin_object().member("id", "chatcmpl-" + std::string{id}).member("object", "chat.completion");
    json.member("created", std::int64_t{created}).member("model", answer.model).key("choices").begin_array();
    for (const Candidate& candidate : answer.candidates) {
        writer.write_candidate(candidate);
    }
    if (answer.candidates.empty()) {
        writer.write_candidate(blocked());
    }
    json.end_array();
    writer.write_usage(answer.usage);
    return json.end_object().take();
}

}  // namespace gateway
