// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/model_list.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include <gateway/base/json_writer.hpp>

namespace gateway {

std::string openai_model(const ServedModel& model) {
    JsonWriter json;
    json.begin_object().member("id", model.name).member("object", "model");
    json.member("created", std::int64_t{model.since}).member("owned_by", "gateway");
    return json.end_object().take();
}

std::string openai_models(const ServedModel& model) {
    JsonWriter json;
    json.begin_object().member("object", "list").key("data").begin_array().raw(openai_model(model));
    return json.end_array().end_object().take();
}

std::string gemini_model(const ServedModel& model) {
    JsonWriter json;
    json.begin_object().member("name", "models/" + model.name).member("displayName", model.name);
    json.key("supportedGenerationMethods").begin_array().value("generateContent").end_array();
    return json.end_object().take();
}

std::string gemini_models(const ServedModel& model) {
    JsonWriter json;
    json.begin_object().key("models").begin_array().raw(gemini_model(model));
    return json.end_array().end_object().take();
}

std::string percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned char byte = 0;
        const std::string_view digits = text.substr(i + 1, 2);
        if (text[i] == '%' && digits.size() == 2) {
            const auto [end, error] = std::from_chars(digits.data(), digits.data() + 2, byte, 16);
            if (error == std::errc{} && end == digits.data() + 2) {
                decoded += static_cast<char>(byte);
                i += 2;
                continue;
            }
        }
        decoded += text[i];
    }
    return decoded;
}

}  // namespace gateway
