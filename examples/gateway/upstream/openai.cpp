// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/openai.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include <gateway/base/quote.hpp>
#include <gateway/upstream/find_member.hpp>
#include <gateway/upstream/model.hpp>
#include <gateway/upstream/upstream_form.hpp>

namespace gateway {

namespace {

// Servers know the one or the other; OpenAI's own models from o1 on refuse the first.
constexpr const char* max_tokens = "max_tokens";
constexpr const char* max_completion_tokens = "max_completion_tokens";

constexpr UpstreamForm openai_form{"this upstream, which speaks OpenAI's chat completions,"};
constexpr std::string_view takes = "it takes text, and images as inlineData";

/// Whether a part is what a model thought on its way to an answer, which it need not be told again.
bool is_thought(const Json& part) {
    const Json* const thought = find_member(part, "thought");
    return thought != nullptr && thought->is_boolean() && thought->get<bool>();
}

/// A part as OpenAI writes it.
Json translate_part(const Json& part, const std::string& where) {
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
    Json result;
    if (data != nullptr) {
        const std::string type = text_of(find_member(*data, "mimeType"));
        if (!type.starts_with("image/")) {
            openai_form.refuse(where + ".inlineData of type " + quote(type), takes);
        }
        result["type"] = "image_url";
        result["image_url"]["url"] = "data:" + type + ";base64," + text_of(find_member(*data, "data"));
    } else {
        result["type"] = "text";
        result["text"] = text_of(text);
    }
    return result;
}

/// All parts as one text if they are texts, else as a list.
Json translate_parts(const Json& content, const std::string& where) {
    constexpr std::string_view names[] = {"role", "parts"};
    openai_form.only(content, names, where + '.');
    Json parts = Json::array();
    std::string text;
    bool only_text = true;
    if (const Json* const given = find_member(content, "parts"); given != nullptr && given->is_array()) {
        for (std::size_t i = 0; i < given->size(); ++i) {
            if (is_thought((*given)[i])) {
                continue;
            }
            parts.push_back(translate_part((*given)[i], where + ".parts[" + std::to_string(i) + ']'));
            only_text = only_text && parts.back()["type"] == "text";
            text += text_of(find_member(parts.back(), "text"));
        }
    }
    return only_text ? Json(text) : parts;
}

Json message_of(std::string_view role, const Json& content, const std::string& where) {
    Json message;
    message["role"] = role;
    message["content"] = translate_parts(content, where);
    return message;
}

Json translate_contents(const Json& request) {
    Json messages = Json::array();
    if (const Json* const system = find_member(request, "systemInstruction")) {
        messages.push_back(message_of("system", *system, "systemInstruction"));
    }
    if (const Json* const contents = find_member(request, "contents"); contents != nullptr && contents->is_array()) {
        for (std::size_t i = 0; i < contents->size(); ++i) {
            const Json& content = (*contents)[i];
            const bool is_model = text_of(find_member(content, "role")) == "model";
            messages.push_back(
                message_of(is_model ? "assistant" : "user", content, "contents[" + std::to_string(i) + ']'));
        }
    }
    return messages;
}

void translate_config(const Json& config, Json& body) {
    // OpenAI has no top_k, but the others have; who does not know it says so.
    constexpr std::pair<std::string_view, const char*> settings[] = {{"temperature", "temperature"},
                                                                     {"topP", "top_p"},
                                                                     {"topK", "top_k"},
                                                                     {"maxOutputTokens", max_tokens},
                                                                     {"stopSequences", "stop"},
                                                                     {"candidateCount", "n"},
                                                                     {"seed", "seed"},
                                                                     {"presencePenalty", "presence_penalty"},
                                                                     {"frequencyPenalty", "frequency_penalty"}};
    std::vector<std::string_view> names{"responseMimeType", "responseModalities"};
    std::ranges::copy(settings | std::views::keys, std::back_inserter(names));
    openai_form.only(config, names, "generationConfig.");
    for (const auto& [vertex, openai] : settings) {
        if (const Json* const value = find_member(config, vertex); value != nullptr && !value->empty()) {
            body[openai] = *value;
        }
    }
    const std::string type = text_of(find_member(config, "responseMimeType"));
    if (type == "application/json") {
        body["response_format"]["type"] = "json_object";
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
        return text_of(content);
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

/// What the model wants to have called: {"name": "f", "arguments": "{\"x\": 1}"}.
Json translate_call(const Json* function) {
    const Json* const name = function != nullptr ? find_member(*function, "name") : nullptr;
    if (name == nullptr || !name->is_string()) {
        not_understood("it calls a function without a name");
    }
    Json part;
    part["functionCall"]["name"] = *name;
    const std::string arguments = text_of(find_member(*function, "arguments"));
    try {
        part["functionCall"]["args"] = arguments.empty() ? Json::object() : parse_json(arguments, max_answer_values);
    } catch (const JsonError&) {
        not_understood("the arguments of its call of " + quote(name->get_ref<const std::string&>()) + " are not JSON");
    }
    return part;
}

void add_calls(const Json& message, Json& parts) {
    if (const Json* const calls = find_member(message, "tool_calls"); calls != nullptr && calls->is_array()) {
        for (const Json& call : *calls) {
            parts.push_back(translate_call(find_member(call, "function")));
        }
    }
    if (const Json* const call = find_member(message, "function_call")) {  // as it was before tools
        parts.push_back(translate_call(call));
    }
}

Json translate_choice(const Json& choice, std::size_t position) {
    const Json* const message = find_member(choice, "message");
    if (message == nullptr || !message->is_object()) {
        not_understood();
    }
    const std::string refusal = text_of(find_member(*message, "refusal"));
    const std::string text = refusal.empty() ? content_of(*message) : refusal;
    std::string_view reason = finish_reason(text_of(find_member(choice, "finish_reason")));
    reason = refusal.empty() ? reason : "SAFETY";
    Json parts = Json::array();
    add_calls(*message, parts);
    // What was blocked has no parts, as with Vertex AI: an empty text would look like an answer.
    if (!text.empty() || (parts.empty() && reason != "SAFETY")) {
        Json part;
        part["text"] = text;
        parts.insert(parts.begin(), std::move(part));
    }
    const Json* const index = find_member(choice, "index");
    Json candidate;
    candidate["content"]["role"] = "model";
    if (!parts.empty()) {
        candidate["content"]["parts"] = std::move(parts);
    }
    candidate["finishReason"] = reason;
    if (!refusal.empty()) {
        candidate["finishMessage"] = "the model refused";
    }
    candidate["index"] = index != nullptr && index->is_number_unsigned() ? *index : Json(position);
    return candidate;
}

void translate_usage(const Json& usage, Json& response) {
    constexpr std::pair<const char*, const char*> names[] = {{"prompt_tokens", "promptTokenCount"},
                                                             {"completion_tokens", "candidatesTokenCount"},
                                                             {"total_tokens", "totalTokenCount"}};
    for (const auto& [openai, vertex] : names) {
        if (const Json* const count = find_member(usage, openai); count != nullptr && count->is_number_integer()) {
            response["usageMetadata"][vertex] = *count;
        }
    }
}

}  // namespace

OpenAiApi::OpenAiApi(std::string_view base_path, std::string_view model)
    : target_{base_path.empty() ? "/v1" : base_path}, model_{model} {
    target_ += "/chat/completions";
}

Json OpenAiApi::translate(const Json& request) const {
    constexpr std::string_view names[] = {"contents", "systemInstruction", "generationConfig", "labels"};
    openai_form.only(request, names, "");
    Json body;
    if (!model_.empty()) {
        body["model"] = model_;
    }
    body["messages"] = translate_contents(request);
    if (const Json* const config = find_member(request, "generationConfig")) {
        translate_config(*config, body);
        rename_limit(body);
    }
    return body;
}

HttpRequest OpenAiApi::make_request(const Json& request) const {
    HttpRequest message{http::verb::post, target_, 11};
    message.set(http::field::content_type, "application/json");
    message.body() = dump(translate(request));
    return message;
}

void OpenAiApi::rename_limit(Json& body) const {
    if (const auto limit = body.find(max_tokens); limit != body.end() && completion_tokens_) {
        Json value = std::move(*limit);
        body.erase(limit);
        body[max_completion_tokens] = std::move(value);
    }
}

bool OpenAiApi::amend(HttpRequest& message, const HttpResponse& refusal) {
    // "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    try {
        const Json why = parse_json(refusal.body());
        const Json* const error = find_member(why, "error");
        if (error == nullptr || text_of(find_member(*error, "param")) != max_tokens ||
            text_of(find_member(*error, "message")).find(max_completion_tokens) == std::string::npos) {
            return false;
        }
        Json body = parse_json(message.body(), max_answer_values);
        if (!body.contains(max_tokens)) {
            return false;
        }
        completion_tokens_ = true;
        rename_limit(body);
        message.body() = dump(body);
        return true;
    } catch (const JsonError&) {
        return false;
    }
}

Json OpenAiApi::read_response(const Json& body) const {
    const Json* const choices = find_member(body, "choices");
    if (choices == nullptr || !choices->is_array() || choices->empty()) {
        not_understood();
    }
    Json response;
    response["candidates"] = Json::array();
    for (std::size_t i = 0; i < choices->size(); ++i) {
        response["candidates"].push_back(translate_choice((*choices)[i], i));
    }
    if (const Json* const usage = find_member(body, "usage")) {
        translate_usage(*usage, response);
    }
    if (const std::string model = text_of(find_member(body, "model")); !model.empty()) {
        response["modelVersion"] = model;
    }
    return response;
}

}  // namespace gateway
