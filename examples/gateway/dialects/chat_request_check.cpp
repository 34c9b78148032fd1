// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/chat_request_check.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <gateway/conversation/check.hpp>
#include <gateway/conversation/find_member.hpp>

namespace gateway {

namespace {

void check_calls(const Json& calls, const std::string& where) {
    if (!calls.is_array()) {
        refuse(where, calls, "an array");
    }
    for (std::size_t i = 0; i < calls.size(); ++i) {
        const std::string place = where + '[' + std::to_string(i) + ']';
        if (!calls[i].is_object()) {
            refuse(place, calls[i], R"(an object such as {"id": "...", "type": "function", "function": {...}})");
        }
        check_string(calls[i], "id", place + '.');
        if (const Json* const function = find_member(calls[i], "function")) {
            check_string(*function, "name", place + ".function.");
            check_string(*function, "arguments", place + ".function.");
        }
    }
}

void check_message_content(const Json& content, const std::string& where) {
    if (!content.is_string() && !content.is_array()) {
        refuse(where, content, R"(a string, or an array such as [{"type": "text", "text": "..."}])");
    }
    for (std::size_t i = 0; content.is_array() && i < content.size(); ++i) {
        const std::string place = where + '[' + std::to_string(i) + ']';
        const Json* const type = find_member(content[i], "type");
        if (type == nullptr || !type->is_string()) {
            refuse(place, content[i], R"(an object such as {"type": "text", "text": "..."})");
        }
        if (*type == "text" && find_member(content[i], "text") == nullptr) {
            refuse(place + ".text", "is missing: it must be a string");
        }
        check_string(content[i], "text", place + '.');
    }
}

void check_message(const Json& message, const std::string& where) {
    if (!message.is_object()) {
        refuse(where, message, R"(an object such as {"role": "user", "content": "..."})");
    }
    constexpr std::string_view roles[] = {"system", "developer", "user", "assistant", "tool", "function"};
    const Json* const role = find_member(message, "role");
    if (role == nullptr) {
        refuse(where + ".role", R"(is missing: it must be "system", "developer", "user", "assistant" or "tool")");
    }
    if (!role->is_string() || std::ranges::find(roles, text_of(role)) == std::end(roles)) {
        refuse(where + ".role", *role, R"("system", "developer", "user", "assistant" or "tool")");
    }
    if (const Json* const content = find_member(message, "content")) {
        check_message_content(*content, where + ".content");
    } else if (*role != "assistant") {
        refuse(where + ".content", "is missing: it must be a string");
    }
    if (const Json* const calls = find_member(message, "tool_calls")) {
        check_calls(*calls, where + ".tool_calls");
    }
    if (*role == "tool" && text_of(find_member(message, "tool_call_id")).empty()) {
        refuse(where + ".tool_call_id", "is missing: it must be the id of a call");
    }
}

void check_stream_options(const Json& request, const Json& options) {
    if (!options.is_object()) {
        refuse("stream_options", options, R"(an object such as {"include_usage": true})");
    }
    const Json* const usage = find_member(options, "include_usage");
    if (usage != nullptr && !usage->is_boolean()) {
        refuse("stream_options.include_usage", *usage, "true or false");
    }
    const Json* const stream = find_member(request, "stream");
    if (stream == nullptr || *stream != true) {
        refuse("stream_options", "is only taken with \"stream\": true: leave it out");
    }
}

constexpr double most_tokens = std::numeric_limits<std::int32_t>::max();
constexpr NumberRule chat_number_rules[] = {
    {"temperature", 0, 2, false, "a number from 0 to 2"},
    {"top_p", 0, 1, false, "a number from 0 to 1"},
    {"n", 1, 128, true, "a whole number from 1 to 128"},
    {"max_tokens", 1, most_tokens, true, "a whole number from 1 to 2147483647"},
    {"max_completion_tokens", 1, most_tokens, true, "a whole number from 1 to 2147483647"},
    {"presence_penalty", -2, 2, false, "a number from -2 to 2"},
    {"frequency_penalty", -2, 2, false, "a number from -2 to 2"},
};

}  // namespace

void check_chat_request(const Json& request) {
    constexpr std::string_view rule = R"(an array such as [{"role": "user", "content": "..."}])";
    if (!request.is_object()) {
        refuse("the request", request, "an object with an array \"messages\"");
    }
    const Json* const messages = find_member(request, "messages");
    if (messages == nullptr) {
        refuse("messages", "is missing: it must be " + std::string{rule});
    }
    if (!messages->is_array() || messages->empty()) {
        refuse("messages", *messages, rule);
    }
    for (std::size_t i = 0; i < messages->size(); ++i) {
        check_message((*messages)[i], "messages[" + std::to_string(i) + ']');
    }
    check_numbers(request, chat_number_rules, "");
    check_string(request, "model", "");
    if (const Json* const stream = find_member(request, "stream"); stream != nullptr && !stream->is_boolean()) {
        refuse("stream", *stream, "true or false");
    }
    if (const Json* const options = find_member(request, "stream_options")) {
        check_stream_options(request, *options);
    }
    if (const Json* const stop = find_member(request, "stop"); stop != nullptr && !stop->is_string()) {
        check_stops(*stop, "stop");
    }
    if (const Json* const tools = find_member(request, "tools"); tools != nullptr && !tools->is_array()) {
        refuse("tools", *tools, R"(an array such as [{"type": "function", "function": {"name": "..."}}])");
    }
}

}  // namespace gateway
