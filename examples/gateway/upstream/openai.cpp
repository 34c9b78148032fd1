// SPDX-License-Identifier: Apache-2.0
#include "openai.hpp"

#include <cstddef>
#include <utility>

#include "../quote.hpp"
#include "member.hpp"
#include "model.hpp"

namespace gateway {

namespace {

std::string text_of(const Json* value) {
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string{};
}

/// A part as OpenAI writes it.
Json translate_part(const Json& part) {
    Json result;
    if (const Json* const text = find_member(part, "text")) {
        result["type"] = "text";
        result["text"] = *text;
        return result;
    }
    if (const Json* const data = find_member(part, "inlineData", "inline_data")) {
        const std::string type = text_of(find_member(*data, "mimeType", "mime_type"));
        if (type.starts_with("image/")) {
            result["type"] = "image_url";
            result["image_url"]["url"] = "data:" + type + ";base64," + text_of(find_member(*data, "data"));
            return result;
        }
        throw UpstreamError{"this upstream takes images only, not inlineData of type " + quote(type)};
    }
    const std::string name = part.is_object() && !part.empty() ? part.begin().key() : "";
    throw UpstreamError{"this upstream cannot be given a part " + quote(name) + ": only text and inlineData"};
}

/// All parts as one text if they are texts, else as a list.
Json translate_parts(const Json& content) {
    Json parts = Json::array();
    std::string text;
    bool only_text = true;
    if (const Json* const given = find_member(content, "parts"); given != nullptr && given->is_array()) {
        for (const Json& part : *given) {
            parts.push_back(translate_part(part));
            only_text = only_text && parts.back()["type"] == "text";
            text += text_of(find_member(parts.back(), "text"));
        }
    }
    return only_text ? Json(text) : parts;
}

Json message_of(std::string_view role, const Json& content) {
    Json message;
    message["role"] = role;
    message["content"] = translate_parts(content);
    return message;
}

struct Name {
    const char* vertex;
    const char* vertex_snake;
    const char* openai;
};

constexpr Name config_names[] = {
    {"temperature", nullptr, "temperature"},
    {"topP", "top_p", "top_p"},
    {"maxOutputTokens", "max_output_tokens", "max_tokens"},
    {"stopSequences", "stop_sequences", "stop"},
    {"candidateCount", "candidate_count", "n"},
    {"seed", nullptr, "seed"},
    {"presencePenalty", "presence_penalty", "presence_penalty"},
    {"frequencyPenalty", "frequency_penalty", "frequency_penalty"},
};

/// What changes the answer so much that none is better than one without it.
void refuse(const Json& object, const char* name, const char* snake_name = nullptr) {
    if (find_member(object, name, snake_name) != nullptr) {
        throw UpstreamError{"this upstream cannot be given \"" + std::string{name} + '"'};
    }
}

void translate_config(const Json& config, Json& body) {
    refuse(config, "responseSchema", "response_schema");
    for (const Name& name : config_names) {
        if (const Json* const value = find_member(config, name.vertex, name.vertex_snake)) {
            body[name.openai] = *value;
        }
    }
    if (text_of(find_member(config, "responseMimeType", "response_mime_type")) == "application/json") {
        body["response_format"]["type"] = "json_object";
    }
}

const char* finish_reason(const std::string& reason) {
    return reason == "stop"             ? "STOP"
           : reason == "length"         ? "MAX_TOKENS"
           : reason == "content_filter" ? "SAFETY"
                                        : "OTHER";
}

[[noreturn]] void not_understood() { throw UpstreamError{"the upstream's answer is no chat completion"}; }

}  // namespace

OpenAiApi::OpenAiApi(std::string_view base_path, std::string_view model) : target_{base_path}, model_{model} {
    target_ += base_path.ends_with("/v1") ? "/chat/completions" : "/v1/chat/completions";
}

HttpRequest OpenAiApi::make_request(const Json& request) const {
    Json body;
    if (!model_.empty()) {
        body["model"] = model_;
    }
    Json messages = Json::array();
    if (const Json* const system = find_member(request, "systemInstruction", "system_instruction")) {
        messages.push_back(message_of("system", *system));
    }
    if (const Json* const contents = find_member(request, "contents"); contents != nullptr && contents->is_array()) {
        for (const Json& content : *contents) {
            messages.push_back(
                message_of(text_of(find_member(content, "role")) == "model" ? "assistant" : "user", content));
        }
    }
    body["messages"] = std::move(messages);
    refuse(request, "tools");
    refuse(request, "cachedContent", "cached_content");
    if (const Json* const config = find_member(request, "generationConfig", "generation_config")) {
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
        const Json* const message = find_member((*choices)[i], "message");
        if (message == nullptr || !message->is_object()) {
            not_understood();
        }
        Json candidate;
        candidate["content"]["role"] = "model";
        candidate["content"]["parts"][0]["text"] = text_of(find_member(*message, "content"));
        candidate["finishReason"] = finish_reason(text_of(find_member((*choices)[i], "finish_reason")));
        candidate["index"] = i;
        response["candidates"].push_back(std::move(candidate));
    }
    if (const Json* const usage = find_member(body, "usage"); usage != nullptr && usage->is_object()) {
        constexpr std::pair<const char*, const char*> names[] = {{"prompt_tokens", "promptTokenCount"},
                                                                 {"completion_tokens", "candidatesTokenCount"},
                                                                 {"total_tokens", "totalTokenCount"}};
        for (const auto& [openai, vertex] : names) {
            if (const Json* const count = find_member(*usage, openai); count != nullptr && count->is_number_integer()) {
                response["usageMetadata"][vertex] = *count;
            }
        }
    }
    if (const std::string model = text_of(find_member(body, "model")); !model.empty()) {
        response["modelVersion"] = model;
    }
    return response;
}

}  // namespace gateway
