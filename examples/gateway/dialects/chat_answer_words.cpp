// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/chat_answer_words.hpp>

#include <cstdint>

namespace gateway {

std::string_view chat_finish_name(FinishReason finish, bool has_calls) {
    if (has_calls) {
        return "tool_calls";
    }
    switch (finish) {
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

Candidate blocked_candidate() {
    Candidate candidate;
    candidate.finish = FinishReason::filtered;
    return candidate;
}

void write_chat_usage(const Usage& usage, JsonWriter& json) {
    if (!usage.input && !usage.output) {
        return;
    }
    const std::uint64_t input = usage.input.value_or(0);
    const std::uint64_t output = usage.output.value_or(0) + usage.thoughts.value_or(0);
    json.key("usage").begin_object().member("prompt_tokens", input).member("completion_tokens", output);
    json.member("total_tokens", usage.total.value_or(input + output));
    if (usage.cached) {
        json.key("prompt_tokens_details").begin_object().member("cached_tokens", *usage.cached).end_object();
    }
    if (usage.thoughts) {
        json.key("completion_tokens_details").begin_object();
        json.member("reasoning_tokens", *usage.thoughts).end_object();
    }
    json.end_object();
}

void write_chat_call(const ToolCall& call, ChatCallIds& ids, JsonWriter& json) {
    json.member("id", call.id.empty() ? ids.next() : call.id).member("type", "function");
    json.key("function").begin_object().member("name", call.name).member("arguments", call.arguments).end_object();
}

}  // namespace gateway
