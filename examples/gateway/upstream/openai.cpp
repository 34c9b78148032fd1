// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/openai.hpp>

#include <gateway/base/json_writer.hpp>
#include <gateway/conversation/find_member.hpp>
#include <gateway/conversation/token_usage.hpp>
#include <gateway/dialects/chat_answer_reader.hpp>
#include <gateway/dialects/chat_request_writer.hpp>
#include <gateway/dialects/translate.hpp>

namespace gateway {

namespace {

// Servers know the one or the other; OpenAI's own models from o1 on refuse the first.
constexpr std::string_view max_tokens = "max_tokens";
constexpr std::string_view max_completion_tokens = "max_completion_tokens";

constexpr UpstreamForm openai_form{"this upstream, which speaks OpenAI's chat completions,"};

/// body with another model, unless that is empty, and another name of max_tokens.
std::string with(std::string_view model, std::string_view token_limit, const Json& body) {
    JsonWriter written;
    written.begin_object();
    if (!model.empty()) {
        written.member("model", model);
    }
    for (const auto& [name, value] : body.get_ref<const Json::object_t&>()) {
        if (name != "model" || model.empty()) {
            written.member(name == max_tokens ? token_limit : std::string_view{name}, value);
        }
    }
    return written.end_object().take();
}

}  // namespace

OpenAiApi::OpenAiApi(std::string_view base_path, std::string_view model)
    : target_{base_path.empty() ? "/v1" : base_path}, model_{model} {
    target_ += "/chat/completions";
}

std::string OpenAiApi::translate(Dialect dialect, Delivery delivery, const Json& request) const {
    const std::string_view token_limit = completion_tokens_ ? max_completion_tokens : max_tokens;
    if (dialect == Dialect::chat) {
        return with(model_, token_limit, request);
    }
    const ChatRequestStyle style{model_, token_limit, delivery};
    return write_chat_request(read_request(dialect, request, openai_form), style, openai_form);
}

UpstreamRequest OpenAiApi::make_request(Delivery /*delivery*/, SharedText body) const {
    UpstreamRequest message{http::verb::post, target_, 11};
    message.set(http::field::content_type, "application/json");
    message.body() = std::move(body);
    return message;
}

bool OpenAiApi::amend(UpstreamRequest& message, const HttpResponse& refusal) {
    // "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    try {
        const Json why = parse_json(refusal.body());
        const Json* const error = find_member(why, "error");
        if (error == nullptr || text_of(find_member(*error, "param")) != max_tokens ||
            text_of(find_member(*error, "message")).find(max_completion_tokens) == std::string::npos) {
            return false;
        }
        const Json body = parse_json(message.body(), max_answer_values);
        if (!body.contains(max_tokens)) {
            return false;
        }
        completion_tokens_ = true;
        message.body() = with("", max_completion_tokens, body);
        return true;
    } catch (const JsonError&) {
        return false;
    }
}

ModelAnswer OpenAiApi::read_response(const Json& body, Dialect dialect, std::string_view id) const {
    if (dialect == Dialect::chat) {
        check_chat_answer(body);
        return {dump(body), tokens_of(chat_usage(body))};
    }
    const Answer answer = read_chat_answer(body);
    return {write_answer(dialect, answer, id), tokens_of(answer.usage)};
}

}  // namespace gateway
