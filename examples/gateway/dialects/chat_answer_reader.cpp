// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/chat_answer_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <gateway/base/quote.hpp>
#include <gateway/conversation/find_member.hpp>

namespace gateway {

namespace {

[[noreturn]] void no_completion() { throw NotUnderstood{"it is no chat completion"}; }

FinishReason chat_finish(std::string_view reason) {
    return reason == "stop" || reason == "tool_calls" || reason == "function_call" ? FinishReason::stop
           : reason == "length"                                                    ? FinishReason::length
           : reason == "content_filter"                                            ? FinishReason::filtered
                                                                                   : FinishReason::other;
}

/// The text of a message: a string, or a list of texts. Absent where there is nothing to say.
std::string content_of(const Json& message) {
    const Json* const content = find_member(message, "content");
    if (content == nullptr || content->is_string()) {
        return std::string{text_of(content)};
    }
    if (!content->is_array()) {
        no_completion();
    }
    std::string text;
    for (const Json& part : *content) {
        if (text_of(find_member(part, "type")) != "text") {
            throw NotUnderstood{"a part of its content is of type " + quote(text_of(find_member(part, "type")))};
        }
        text += text_of(find_member(part, "text"));
    }
    return text;
}

ToolCall make_call(std::string_view id, std::string_view name, std::string_view arguments) {
    ToolCall call{std::string{id}, std::string{name}, "{}"};
    if (!arguments.empty()) {
        try {
            const Json parsed = parse_json(arguments, max_answer_values);
            call.arguments = parsed.is_object() ? dump(parsed) : "";
        } catch (const JsonError&) {
            call.arguments.clear();
        }
        if (call.arguments.empty()) {
            throw NotUnderstood{"the arguments of its call of " + quote(call.name) + " are no JSON object"};
        }
    }
    return call;
}

/// {"name": "f", "arguments": "{\"x\": 1}"}
ToolCall read_call(std::string_view id, const Json* function) {
    const Json* const name = function != nullptr ? find_member(*function, "name") : nullptr;
    if (name == nullptr || !name->is_string()) {
        throw NotUnderstood{"it calls a function without a name"};
    }
    return make_call(id, text_of(name), text_of(find_member(*function, "arguments")));
}

std::vector<ToolCall> calls_of(const Json& message) {
    std::vector<ToolCall> calls;
    if (const Json* const given = find_member(message, "tool_calls"); given != nullptr && given->is_array()) {
        for (const Json& call : *given) {
            calls.push_back(read_call(text_of(find_member(call, "id")), find_member(call, "function")));
        }
    }
    if (const Json* const call = find_member(message, "function_call")) {  // as it was before tools
        calls.push_back(read_call("", call));
    }
    return calls;
}

bool is_choice(const Json& choice) {
    const Json* const message = find_member(choice, "message");
    return message != nullptr && message->is_object();
}

Candidate read_choice(const Json& choice, std::size_t position) {
    const Json& message = *find_member(choice, "message");
    Candidate candidate;
    candidate.index = count_in(choice, "index").value_or(position);
    const std::string_view refusal = text_of(find_member(message, "refusal"));
    candidate.refused = !refusal.empty();
    candidate.text = candidate.refused ? std::string{refusal} : content_of(message);
    candidate.calls = calls_of(message);
    candidate.finish =
        candidate.refused ? FinishReason::filtered : chat_finish(text_of(find_member(choice, "finish_reason")));
    return candidate;
}

}  // namespace

void check_chat_answer(const Json& response) {
    const Json* const choices = find_member(response, "choices");
    if (choices == nullptr || !choices->is_array() || choices->empty() || !std::ranges::all_of(*choices, is_choice)) {
        no_completion();
    }
}

Usage chat_usage(const Json& response) {
    Usage usage;
    const Json* const counts = find_member(response, "usage");
    if (counts == nullptr) {
        return usage;
    }
    usage.input = count_in(*counts, "prompt_tokens");
    usage.output = count_in(*counts, "completion_tokens");
    usage.total = count_in(*counts, "total_tokens");
    if (const Json* const details = find_member(*counts, "prompt_tokens_details")) {
        usage.cached = count_in(*details, "cached_tokens");
    }
    if (const Json* const details = find_member(*counts, "completion_tokens_details");
        details != nullptr && usage.output) {
        // Which are among the others here.
        usage.thoughts = count_in(*details, "reasoning_tokens");
        *usage.output -= std::min(*usage.output, usage.thoughts.value_or(0));
    }
    return usage;
}

Answer read_chat_answer(const Json& response) {
    check_chat_answer(response);
    Answer answer;
    answer.model = text_of(find_member(response, "model"));
    answer.usage = chat_usage(response);
    const Json& choices = *find_member(response, "choices");
    for (std::size_t i = 0; i < choices.size(); ++i) {
        answer.candidates.push_back(read_choice(choices[i], i));
    }
    return answer;
}

void check_chat_chunk(const Json& chunk) {
    if (const Json* const error = find_member(chunk, "error")) {
        const std::string_view message = text_of(error->is_string() ? error : find_member(*error, "message"));
        throw BrokenOff{std::string{message.empty() ? "it does not say why" : message}};
    }
    const Json* const choices = find_member(chunk, "choices");
    const Json* const usage = find_member(chunk, "usage");
    if (choices == nullptr ? usage == nullptr || !usage->is_object() : !choices->is_array()) {
        throw NotUnderstood{"a part of it is no chunk of a chat completion"};
    }
}

namespace {

/// Calls visit(choice, its index) for each choice of a chunk, which may have none.
template <typename Visit>
void for_each_choice(const Json& chunk, Visit visit) {
    if (const Json* const choices = find_member(chunk, "choices")) {
        for (std::size_t i = 0; i < choices->size(); ++i) {
            visit((*choices)[i], count_in((*choices)[i], "index").value_or(i));
        }
    }
}

}  // namespace

PartEnds chat_chunk_ends(const Json& chunk) {
    PartEnds ends;
    for_each_choice(chunk, [&](const Json& choice, std::uint64_t index) {
        const bool ended = !text_of(find_member(choice, "finish_reason")).empty();
        (ended ? ends.ended : ends.going_on).push_back(index);
    });
    return ends;
}

Answer ChatChunkReader::read(const Json& chunk) {
    check_chat_chunk(chunk);
    Answer answer;
    answer.model = text_of(find_member(chunk, "model"));
    answer.usage = chat_usage(chunk);
    for_each_choice(chunk, [&](const Json& choice, std::uint64_t index) {
        Candidate candidate;
        candidate.index = index;
        if (const Json* const delta = find_member(choice, "delta")) {
            Begun& begun = begun_[index];
            const std::string_view refusal = text_of(find_member(*delta, "refusal"));
            candidate.refused = !refusal.empty();
            candidate.text = candidate.refused ? std::string{refusal} : content_of(*delta);
            begun.refused = begun.refused || candidate.refused;
            take_calls(*delta, begun);
        }
        if (const std::string_view reason = text_of(find_member(choice, "finish_reason")); !reason.empty()) {
            finish(candidate, chat_finish(reason));
        }
        if (!candidate.text.empty() || !candidate.calls.empty() || candidate.finish) {
            answer.candidates.push_back(std::move(candidate));
        }
    });
    return answer;
}

Answer ChatChunkReader::end(const std::set<std::uint64_t>& going_on) {
    Answer answer;
    for (const std::uint64_t index : going_on) {
        Candidate& candidate = answer.candidates.emplace_back();
        candidate.index = index;
        finish(candidate, FinishReason::other);
    }
    return answer;
}

/// [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{\"x\""}}], and then, perhaps without id and
/// name, the rest of the arguments. Some servers leave out the index: another id is another call then.
void ChatChunkReader::take_calls(const Json& delta, Begun& begun) {
    if (const Json* const deltas = find_member(delta, "tool_calls"); deltas != nullptr && deltas->is_array()) {
        for (const Json& part : *deltas) {
            const std::string_view id = text_of(find_member(part, "id"));
            const bool another = !id.empty() && !begun.calls.empty() && begun.calls[begun.last].id != id;
            begun.last = count_in(part, "index").value_or(another ? begun.calls.rbegin()->first + 1 : begun.last);
            take_call(id, find_member(part, "function"), begun.calls[begun.last]);
        }
    }
    if (const Json* const function = find_member(delta, "function_call")) {  // as it was before tools
        take_call("", function, begun.calls[begun.last]);
    }
}

/// function: null, where this piece of the call says nothing of it.
void ChatChunkReader::take_call(std::string_view id, const Json* function, Call& call) {
    const std::string_view name = text_of(function != nullptr ? find_member(*function, "name") : nullptr);
    const std::string_view arguments = text_of(function != nullptr ? find_member(*function, "arguments") : nullptr);
    constexpr std::size_t besides = 100;  // of a call: many may be begun
    gathered_ += besides + id.size() + name.size() + arguments.size();
    if (gathered_ > most_gathered) {
        throw NotUnderstood{"its calls of functions have more than " + std::to_string(most_gathered) + " bytes"};
    }
    call.id = id.empty() ? call.id : std::string{id};
    call.name = name.empty() ? call.name : std::string{name};
    call.arguments += arguments;
}

void ChatChunkReader::finish(Candidate& candidate, FinishReason reason) {
    candidate.finish = reason;
    if (const auto begun = begun_.extract(candidate.index)) {
        for (const auto& [place, call] : begun.mapped().calls) {
            if (call.name.empty()) {
                throw NotUnderstood{"it calls a function without a name"};
            }
            candidate.calls.push_back(make_call(call.id, call.name, call.arguments));
        }
        candidate.finish = begun.mapped().refused ? FinishReason::filtered : reason;
    }
}

}  // namespace gateway
