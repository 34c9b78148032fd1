// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/gemini_request_check.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <gateway/conversation/check.hpp>
#include <gateway/conversation/find_member.hpp>

namespace gateway {

namespace {

void check_part(const Json& part, const std::string& where) {
    if (!part.is_object()) {
        refuse(where, part, "an object such as {\"text\": \"...\"}");
    }
    check_string(part, "text", where + '.');
    if (const Json* const data = find_member(part, "inlineData")) {
        if (!data->is_object()) {
            refuse(where + ".inlineData", *data, R"(an object such as {"mimeType": "image/png", "data": "..."})");
        }
        for (const char* const name : {"mimeType", "data"}) {
            if (find_member(*data, name) == nullptr) {
                refuse(where + ".inlineData." + name, "is missing: it must be a string");
            }
            check_string(*data, name, where + ".inlineData.");
        }
        check_base64(text_of(find_member(*data, "data")), where + ".inlineData.data");
    }
}

void check_parts(const Json& content, const std::string& where) {
    constexpr std::string_view rule = "an array such as [{\"text\": \"...\"}]";
    const Json* const parts = find_member(content, "parts");
    if (parts == nullptr) {
        refuse(where + ".parts", "is missing: it must be " + std::string{rule});
    }
    if (!parts->is_array() || parts->empty()) {
        refuse(where + ".parts", *parts, rule);
    }
    for (std::size_t i = 0; i < parts->size(); ++i) {
        check_part((*parts)[i], where + ".parts[" + std::to_string(i) + ']');
    }
}

void check_contents(const Json& request) {
    constexpr std::string_view rule = R"(an array such as [{"role": "user", "parts": [{"text": "..."}]}])";
    const Json* const contents = find_member(request, "contents");
    if (contents == nullptr) {
        refuse("contents", "is missing: it must be " + std::string{rule});
    }
    if (!contents->is_array() || contents->empty()) {
        refuse("contents", *contents, rule);
    }
    for (std::size_t i = 0; i < contents->size(); ++i) {
        const std::string where = "contents[" + std::to_string(i) + ']';
        const Json& content = (*contents)[i];
        if (!content.is_object()) {
            refuse(where, content, R"(an object such as {"role": "user", "parts": [{"text": "..."}]})");
        }
        const Json* const role = find_member(content, "role");
        if (role != nullptr && *role != "user" && *role != "model") {
            refuse(where + ".role", *role, R"("user" or "model")");
        }
        check_parts(content, where);
    }
}

constexpr double many = std::numeric_limits<std::int32_t>::max();
constexpr NumberRule number_rules[] = {
    {"temperature", 0, 2, false, "a number from 0 to 2"},
    {"topP", 0, 1, false, "a number from 0 to 1"},
    {"topK", 0, many, false, "a number from 0 to 2147483647"},
    {"candidateCount", 1, 8, true, "a whole number from 1 to 8"},
    {"maxOutputTokens", 1, many, true, "a whole number from 1 to 2147483647"},
    {"seed", -many - 1, many, true, "a whole number of 32 bits"},
    {"presencePenalty", -2, 2, false, "a number from -2 to 2"},
    {"frequencyPenalty", -2, 2, false, "a number from -2 to 2"},
};

void check_config(const Json& config) {
    if (!config.is_object()) {
        refuse("generationConfig", config, "an object such as {\"maxOutputTokens\": 256}");
    }
    check_numbers(config, number_rules, "generationConfig.");
    if (const Json* const stops = find_member(config, "stopSequences")) {
        check_stops(*stops, "generationConfig.stopSequences");
    }
    check_string(config, "responseMimeType", "generationConfig.");
}

}  // namespace

void check_gemini_request(const Json& request) {
    if (!request.is_object()) {
        refuse("the request", request, "an object with an array \"contents\"");
    }
    check_contents(request);
    if (const Json* const config = find_member(request, "generationConfig")) {
        check_config(*config);
    }
    if (const Json* const system = find_member(request, "systemInstruction")) {
        if (!system->is_object()) {
            refuse("systemInstruction", *system, "an object such as {\"parts\": [{\"text\": \"...\"}]}");
        }
        check_parts(*system, "systemInstruction");
    }
}

}  // namespace gateway
