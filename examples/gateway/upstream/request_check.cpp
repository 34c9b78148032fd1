// SPDX-License-Identifier: Apache-2.0
#include "request_check.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "member.hpp"

namespace gateway {

namespace {

[[noreturn]] void refuse(const std::string& where, std::string_view what) {
    throw BadRequest{where + ' ' + std::string{what}};
}

void check_parts(const Json& content, const std::string& where) {
    const Json* const parts = find_member(content, "parts");
    if (parts == nullptr) {
        refuse(where + ".parts", "is missing: it must be an array such as [{\"text\": \"...\"}]");
    }
    if (!parts->is_array() || parts->empty()) {
        refuse(where + ".parts", "must be an array that is not empty");
    }
    for (std::size_t i = 0; i < parts->size(); ++i) {
        const std::string part = where + ".parts[" + std::to_string(i) + ']';
        if (!(*parts)[i].is_object()) {
            refuse(part, "must be an object such as {\"text\": \"...\"}");
        }
        if (const Json* const text = find_member((*parts)[i], "text"); text != nullptr && !text->is_string()) {
            refuse(part + ".text", "must be a string");
        }
    }
}

void check_contents(const Json& request) {
    const Json* const contents = find_member(request, "contents");
    if (contents == nullptr) {
        refuse("contents",
               "is missing: it must be an array such as [{\"role\": \"user\", \"parts\": [{\"text\": "
               "\"...\"}]}]");
    }
    if (!contents->is_array() || contents->empty()) {
        refuse("contents", "must be an array that is not empty");
    }
    for (std::size_t i = 0; i < contents->size(); ++i) {
        const std::string where = "contents[" + std::to_string(i) + ']';
        const Json& content = (*contents)[i];
        if (!content.is_object()) {
            refuse(where, "must be an object");
        }
        if (const Json* const role = find_member(content, "role");
            role != nullptr && *role != "user" && *role != "model") {
            refuse(where + ".role", "must be \"user\" or \"model\"");
        }
        check_parts(content, where);
    }
}

struct NumberRule {
    const char* name;
    const char* snake_name;
    double low;
    double high;
    bool whole;
    const char* what;
};

constexpr double many = std::numeric_limits<std::int32_t>::max();
constexpr NumberRule number_rules[] = {
    {"temperature", nullptr, 0, 2, false, "must be a number from 0 to 2"},
    {"topP", "top_p", 0, 1, false, "must be a number from 0 to 1"},
    {"topK", "top_k", 0, many, false, "must be a number that is not negative"},
    {"candidateCount", "candidate_count", 1, 8, true, "must be a whole number from 1 to 8"},
    {"maxOutputTokens", "max_output_tokens", 1, many, true, "must be a whole number from 1 to 2147483647"},
    {"seed", nullptr, -many - 1, many, true, "must be a whole number of 32 bits"},
    {"presencePenalty", "presence_penalty", -2, 2, false, "must be a number from -2 to 2"},
    {"frequencyPenalty", "frequency_penalty", -2, 2, false, "must be a number from -2 to 2"},
};

void check_config(const Json& config) {
    const std::string where = "generationConfig";
    if (!config.is_object()) {
        refuse(where, "must be an object");
    }
    for (const NumberRule& rule : number_rules) {
        const Json* const value = find_member(config, rule.name, rule.snake_name);
        if (value == nullptr) {
            continue;
        }
        const bool right_type = rule.whole ? value->is_number_integer() : value->is_number();
        const double number = right_type ? value->get<double>() : 0;
        if (!right_type || !(number >= rule.low && number <= rule.high)) {
            refuse(where + '.' + rule.name, rule.what);
        }
    }
    if (const Json* const stops = find_member(config, "stopSequences", "stop_sequences"); stops != nullptr) {
        bool strings = stops->is_array();
        for (std::size_t i = 0; strings && i < stops->size(); ++i) {
            strings = (*stops)[i].is_string() && !(*stops)[i].get_ref<const std::string&>().empty();
        }
        if (!strings) {
            refuse(where + ".stopSequences", "must be an array of strings that are not empty");
        }
    }
}

}  // namespace

void check_request(const Json& request) {
    if (!request.is_object()) {
        throw BadRequest{"the request must be a JSON object with an array \"contents\""};
    }
    check_contents(request);
    if (const Json* const config = find_member(request, "generationConfig", "generation_config"); config != nullptr) {
        check_config(*config);
    }
    if (const Json* const system = find_member(request, "systemInstruction", "system_instruction"); system != nullptr) {
        if (!system->is_object()) {
            refuse("systemInstruction", "must be an object");
        }
        check_parts(*system, "systemInstruction");
    }
}

}  // namespace gateway
