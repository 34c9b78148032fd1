// SPDX-License-Identifier: Apache-2.0
#include "openai.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include "../quote.hpp"
#include "find_member.hpp"
#include "model.hpp"

namespace gateway {

namespace {

[[noreturn]] void refuse(const std::string& what, std::string_view instead = "leave it out") {
    throw UpstreamError{"this upstream, which speaks OpenAI's chat completions, cannot be given " + what + ": " +
                        std::string{instead}};
}

constexpr std::string_view takes = "it takes text, and images as inlineData";

/// Refuses members other than these, unless they are empty.
void only(const Json& object, std::span<const std::string_view> names, const std::string& where,
          std::string_view instead = "leave it out") {
    for (const auto& member : object.items()) {
        const std::string& key = member.key();
        const auto is_key = [&key](std::string_view name) { return key == name || key == snake_case(name); };
        if (!member.value().empty() && std::ranges::none_of(names, is_key)) {
            refuse(quote(where + key), instead);
        }
    }
}

/// Whether a part is what a model thought on its way to an answer, which it need not be told again.
bool is_thought(const Json& part) {
    const Json* const thought = find_member(part, "thought");
    return thought != nullptr && thought->is_boolean() && thought->get<bool>();
}

/// A part as OpenAI writes it.
Json translate_part(const Json& part, const std::string& where) {
    constexpr std::string_view names[] = {"text", "inlineData", "thought", "thoughtSignature"};
    if (!part.is_object()) {
        refuse(where + ", which is no object", takes);
    }
    only(part, names, where + '.', takes);
    const Json* const text = find_member(part, "text");
    const Json* const data = find_member(part, "inlineData");
    if ((text != nullptr) == (data != nullptr)) {
        refuse(where + (text == nullptr ? ", which is empty" : ", which has text and inlineData"), takes);
    }
    Json result;
    if (data != nullptr) {
        const std::string type = text_of(find_member(*data, "mimeType"));
        if (!type.starts_with("image/")) {
            refuse(where + ".inlineData of type " + quote(type), takes);
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
    only(content, names, where + '.');
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
                                                                     {"maxOutputTokens", "max_tokens"},
                                                                     {"stopSequences", "stop"},
                                                                     {"candidateCount", "n"},
                                                                     {"seed", "seed"},
                                                                     {"presencePenalty", "presence_penalty"},
                                                                     {"frequencyPenalty", "frequency_penalty"}};
    std::vector<std::string_view> names{"responseMimeType", "responseModalities"};
    std::ranges::copy(settings | std::views::keys, std::back_inserter(names));
    only(config, names, "generationConfig.");
    for (const auto& [vertex, openai] : settings) {
        if (const Json* const value = find_member(config, vertex); value != nullptr && !value->empty()) {
            body[openai] = *value;
        }
    }
    const std::string type = text_of(find_member(config, "responseMimeType"));
    if (type == "application/json") {
        body["response_format"]["type"] = "json_object";
    } else if (!type.empty() && type != "text/plain") {
        refuse("generationConfig.responseMimeType " + quote(type));
    }
    const Json* const modalities = find_member(config, "responseModalities");
    if (modalities != nullptr && !modalities->empty() && *modalities != Json::array({"TEXT"})) {
        refuse("generationConfig.responseModalities other than [\"TEXT\"]");
    }
}

std::string_view finish_reason(std::string_view reason) {
    return reason == "stop"             ? "STOP"
           : reason == "length"         ? "MAX_TOKENS"
           : reason == "content_filter" ? "SAFETY"
                                        : "OTHER";
}

[[noreturn]] void not_understood() { throw UpstreamError{"the upstream's answer is no chat completion"}; }

Json translate_choice(const Json& choice, std::size_t position) {
    const Json* const message = find_member(choice, "message");
    if (message == nullptr || !message->is_object()) {
        not_understood();
    }
    // Absent where there is nothing to say, as after a content filter.
    const Json* const content = find_member(*message, "content");
    if (content != nullptr && !content->is_string()) {
        not_understood();
    }
    const Json* const index = find_member(choice, "index");
    Json candidate;
    candidate["content"]["role"] = "model";
    candidate["content"]["parts"][0]["text"] = text_of(content);
    candidate["finishReason"] = finish_reason(text_of(find_member(choice, "finish_reason")));
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

OpenAiApi::OpenAiApi(std::string_view base_path, std::string_view model) : target_{base_path}, model_{model} {
    target_ += base_path.ends_with("/v1") ? "/chat/completions" : "/v1/chat/completions";
}

HttpRequest OpenAiApi::make_request(const Json& request) const {
    constexpr std::string_view names[] = {"contents", "systemInstruction", "generationConfig", "labels"};
    only(request, names, "");
    Json body;
    if (!model_.empty()) {
        body["model"] = model_;
    }
    body["messages"] = translate_contents(request);
    if (const Json* const config = find_member(request, "generationConfig")) {
        translate_config(*config, body);
    }
    HttpRequest message{http::verb::post, target_, 11};
    message.set(http::field::content_type, "application/json");
    message.body() = dump(body);
    return message;
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
