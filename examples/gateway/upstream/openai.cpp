// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/openai.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <ranges>
#include <utility>
#include <vector>

#include <gateway/base/json_writer.hpp>
#include <gateway/base/quote.hpp>
#include <gateway/upstream/find_member.hpp>
#include <gateway/upstream/model.hpp>
#include <gateway/upstream/upstream_form.hpp>

namespace gateway {

namespace {

// Servers know the one or the other; OpenAI's own models from o1 on refuse the first.
constexpr std::string_view max_tokens = "max_tokens";
constexpr std::string_view max_completion_tokens = "max_completion_tokens";

constexpr UpstreamForm openai_form{"this upstream, which speaks OpenAI's chat completions,"};
constexpr std::string_view takes = "it takes text, and images as inlineData";

/// Whether a part is what a model thought on its way to an answer, which it need not be told again.
bool is_thought(const Json& part) {
    const Json* const thought = find_member(part, "thought");
    return thought != nullptr && thought->is_boolean() && thought->get<bool>();
}

/// The text of a part that is a text, and null of an image. Throws BadRequest where it is neither.
const Json* text_of_part(const Json& part, const std::string& where) {
    constexpr std::string_view names[] = {"text", "inlineData", "thought", "thoughtSignature"};
    if (!part.is_object()) {
        openai_form.refuse(where + ", which is no object", takes);
    }
    openai_form.only(part, names, where + '.', takes);
    const Json* const text = find_member(part, "text");
    const Json* const data = find_member(part, "inlineData");
    if ((text != nullptr) == (data != nullptr)) {
        openai_form.refuse(where + (text == nullptr ? ", which is empty" : ", which has text and inlineData"), takes);
    }
    if (data != nullptr) {
        if (const std::string_view type = text_of(find_member(*data, "mimeType")); !type.starts_with("image/")) {
            openai_form.refuse(where + ".inlineData of type " + quote(type), takes);
        }
    }
    return text;
}

/// A part, which text_of_part() has let pass, as OpenAI writes it in a list.
void write_part(const Json& part, JsonWriter& body) {
    if (const Json* const text = find_member(part, "text")) {
        body.begin_object().member("type", "text").member("text", text_of(text)).end_object();
        return;
    }
    const Json* const data = find_member(part, "inlineData");
    body.begin_object().member("type", "image_url").key("image_url").begin_object().key("url").begin_text();
    body.piece("data:").piece(text_of(find_member(*data, "mimeType"))).piece(";base64,");
    body.piece(text_of(find_member(*data, "data"))).end_text().end_object().end_object();
}

/// All parts as one text if they are texts, else as a list.
void write_parts(const Json& content, const std::string& where, JsonWriter& body) {
    constexpr std::string_view names[] = {"role", "parts"};
    openai_form.only(content, names, where + '.');
    std::vector<const Json*> parts;
    bool only_text = true;
    if (const Json* const given = find_member(content, "parts"); given != nullptr && given->is_array()) {
        for (std::size_t i = 0; i < given->size(); ++i) {
            if (const Json& part = (*given)[i]; !is_thought(part)) {
                only_text = text_of_part(part, where + ".parts[" + std::to_string(i) + ']') != nullptr && only_text;
                parts.push_back(&part);
            }
        }
    }
    if (only_text) {
        body.begin_text();
        for (const Json* const part : parts) {
            body.piece(text_of(find_member(*part, "text")));
        }
        body.end_text();
        return;
    }
    body.begin_array();
    for (const Json* const part : parts) {
        write_part(*part, body);
    }
    body.end_array();
}

void write_message(std::string_view role, const Json& content, const std::string& where, JsonWriter& body) {
    body.begin_object().member("role", role).key("content");
    write_parts(content, where, body);
    body.end_object();
}

void write_messages(const Json& request, JsonWriter& body) {
    body.key("messages").begin_array();
    if (const Json* const system = find_member(request, "systemInstruction")) {
        write_message("system", *system, "systemInstruction", body);
    }
    if (const Json* const contents = find_member(request, "contents"); contents != nullptr && contents->is_array()) {
        for (std::size_t i = 0; i < contents->size(); ++i) {
            const Json& content = (*contents)[i];
            const bool is_model = text_of(find_member(content, "role")) == "model";
            write_message(is_model ? "assistant" : "user", content, "contents[" + std::to_string(i) + ']', body);
        }
    }
    body.end_array();
}

/// limit: what the server calls maxOutputTokens.
void write_config(const Json& config, std::string_view limit, JsonWriter& body) {
    // OpenAI has no top_k, but the others have; who does not know it says so.
    constexpr std::pair<std::string_view, std::string_view> settings[] = {{"temperature", "temperature"},
                                                                          {"topP", "top_p"},
                                                                          {"topK", "top_k"},
                                                                          {"maxOutputTokens", max_tokens},
                                                                          {"stopSequences", "stop"},
                                                                          {"candidateCount", "n"},
                                                                          {"seed", "seed"},
                                                                          {"presencePenalty", "presence_penalty"},
                                                                          {"frequencyPenalty", "frequency_penalty"}};
    constexpr std::string_view others[] = {"responseMimeType", "responseModalities"};
    std::array<std::string_view, std::size(settings) + std::size(others)> names{};
    std::ranges::copy(others, std::ranges::copy(settings | std::views::keys, names.begin()).out);
    openai_form.only(config, names, "generationConfig.");
    for (const auto& [vertex, openai] : settings) {
        if (const Json* const value = find_member(config, vertex); value != nullptr && !value->empty()) {
            body.member(openai == max_tokens ? limit : openai, *value);
        }
    }
    const std::string_view type = text_of(find_member(config, "responseMimeType"));
    if (type == "application/json") {
        body.key("response_format").begin_object().member("type", "json_object").end_object();
    } else if (!type.empty() && type != "text/plain") {
        openai_form.refuse("generationConfig.responseMimeType " + quote(type));
    }
    const Json* const modalities = find_member(config, "responseModalities");
    if (modalities != nullptr && !modalities->empty() && *modalities != Json::array({"TEXT"})) {
        openai_form.refuse("generationConfig.responseModalities other than [\"TEXT\"]");
    }
}

std::string_view finish_reason(std::string_view reason) {
    return reason == "stop" || reason == "tool_calls" || reason == "function_call" ? "STOP"
           : reason == "length"                                                    ? "MAX_TOKENS"
           : reason == "content_filter"                                            ? "SAFETY"
                                                                                   : "OTHER";
}

[[noreturn]] void not_understood(const std::string& why = "it is no chat completion") {
    throw UpstreamError{
        Failure{502, "upstream_answer_not_understood", "the upstream's answer is not understood: " + why, false, {}}};
}

/// The text of a message: a string, or a list of texts. Absent where there is nothing to say.
std::string content_of(const Json& message) {
    const Json* const content = find_member(message, "content");
    if (content == nullptr || content->is_string()) {
        return std::string{text_of(content)};
    }
    if (!content->is_array()) {
        not_understood();
    }
    std::string text;
    for (const Json& part : *content) {
        if (text_of(find_member(part, "type")) != "text") {
            not_understood("a part of its content is of type " + quote(text_of(find_member(part, "type"))));
        }
        text += text_of(find_member(part, "text"));
    }
    return text;
}

/// What the model wants to have called, with its arguments: {"name": "f", "arguments": "{\"x\": 1}"}.
struct Call {
    const Json* name;
    Json arguments;
};

Call read_call(const Json* function) {
    const Json* const name = function != nullptr ? find_member(*function, "name") : nullptr;
    if (name == nullptr || !name->is_string()) {
        not_understood("it calls a function without a name");
    }
    const std::string_view arguments = text_of(find_member(*function, "arguments"));
    try {
        return {name, arguments.empty() ? Json::object() : parse_json(arguments, max_answer_values)};
    } catch (const JsonError&) {
        not_understood("the arguments of its call of " + quote(name->get_ref<const std::string&>()) + " are not JSON");
    }
}

std::vector<Call> calls_of(const Json& message) {
    std::vector<Call> calls;
    if (const Json* const given = find_member(message, "tool_calls"); given != nullptr && given->is_array()) {
        for (const Json& call : *given) {
            calls.push_back(read_call(find_member(call, "function")));
        }
    }
    if (const Json* const call = find_member(message, "function_call")) {  // as it was before tools
        calls.push_back(read_call(call));
    }
    return calls;
}

void write_candidate(const Json& choice, std::size_t position, JsonWriter& response) {
    const Json* const message = find_member(choice, "message");
    if (message == nullptr || !message->is_object()) {
        not_understood();
    }
    const std::string_view refusal = text_of(find_member(*message, "refusal"));
    const std::string text = refusal.empty() ? content_of(*message) : std::string{refusal};
    const std::string_view reason =
        refusal.empty() ? finish_reason(text_of(find_member(choice, "finish_reason"))) : "SAFETY";
    const std::vector<Call> calls = calls_of(*message);
    // What was blocked has no parts, as with Vertex AI: an empty text would look like an answer.
    const bool has_text = !text.empty() || (calls.empty() && reason != "SAFETY");
    response.begin_object().key("content").begin_object().member("role", "model");
    if (has_text || !calls.empty()) {
        response.key("parts").begin_array();
        if (has_text) {
            response.begin_object().member("text", text).end_object();
        }
        for (const Call& call : calls) {
            response.begin_object().key("functionCall").begin_object();
            response.member("name", *call.name).member("args", call.arguments).end_object().end_object();
        }
        response.end_array();
    }
    response.end_object().member("finishReason", reason);
    if (!refusal.empty()) {
        response.member("finishMessage", "the model refused");
    }
    response.key("index");
    if (const Json* const index = find_member(choice, "index"); index != nullptr && index->is_number_unsigned()) {
        response.value(*index);
    } else {
        response.value(position);
    }
    response.end_object();
}

TokenUsage write_usage(const Json& usage, JsonWriter& response) {
    constexpr std::pair<std::string_view, std::string_view> names[] = {{"prompt_tokens", "promptTokenCount"},
                                                                       {"completion_tokens", "candidatesTokenCount"},
                                                                       {"total_tokens", "totalTokenCount"}};
    bool any = false;
    for (const auto& [openai, vertex] : names) {
        if (const Json* const count = find_member(usage, openai); count != nullptr && count->is_number_integer()) {
            if (!std::exchange(any, true)) {
                response.key("usageMetadata").begin_object();
            }
            response.member(vertex, *count);
        }
    }
    if (any) {
        response.end_object();
    }
    return {tokens_in(usage, "prompt_tokens"), tokens_in(usage, "completion_tokens")};
}

std::string with_limit_renamed(const Json& body) {
    JsonWriter renamed;
    renamed.begin_object();
    for (const auto& [name, value] : body.get_ref<const Json::object_t&>()) {
        renamed.member(name == max_tokens ? max_completion_tokens : std::string_view{name}, value);
    }
    return renamed.end_object().take();
}

}  // namespace

OpenAiApi::OpenAiApi(std::string_view base_path, std::string_view model)
    : target_{base_path.empty() ? "/v1" : base_path}, model_{model} {
    target_ += "/chat/completions";
}

std::string OpenAiApi::translate(const Json& request) const {
    constexpr std::string_view names[] = {"contents", "systemInstruction", "generationConfig", "labels"};
    openai_form.only(request, names, "");
    JsonWriter body;
    body.begin_object();
    if (!model_.empty()) {
        body.member("model", model_);
    }
    write_messages(request, body);
    if (const Json* const config = find_member(request, "generationConfig")) {
        write_config(*config, completion_tokens_ ? max_completion_tokens : max_tokens, body);
    }
    return body.end_object().take();
}

UpstreamRequest OpenAiApi::make_request(SharedText body) const {
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
        message.body() = with_limit_renamed(body);
        return true;
    } catch (const JsonError&) {
        return false;
    }
}

ModelAnswer OpenAiApi::read_response(const Json& body) const {
    const Json* const choices = find_member(body, "choices");
    if (choices == nullptr || !choices->is_array() || choices->empty()) {
        not_understood();
    }
    ModelAnswer answer;
    JsonWriter response;
    response.begin_object().key("candidates").begin_array();
    for (std::size_t i = 0; i < choices->size(); ++i) {
        write_candidate((*choices)[i], i, response);
    }
    response.end_array();
    if (const Json* const usage = find_member(body, "usage")) {
        answer.usage = write_usage(*usage, response);
    }
    if (const std::string_view model = text_of(find_member(body, "model")); !model.empty()) {
        response.member("modelVersion", model);
    }
    answer.text = response.end_object().take();
    return answer;
}

}  // namespace gateway
