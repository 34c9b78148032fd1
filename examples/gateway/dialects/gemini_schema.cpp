// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/gemini_schema.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include <gateway/conversation/find_member.hpp>

namespace gateway {

namespace {

std::string lower_case(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return text;
}

/// Protocol Buffers write 64 bits as text.
Json number_of(const Json& value) {
    const std::string_view text = text_of(&value);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return !text.empty() && error == std::errc{} && end == text.data() + text.size() ? Json(number) : value;
}

/// The name that JSON Schema has for a member, in either of Gemini's spellings.
std::string_view name_of(std::string_view key) {
    constexpr std::array<std::string_view, 12> names{
        "anyOf",         "minItems", "maxItems", "minLength", "maxLength",   "minProperties",
        "maxProperties", "minimum",  "maximum",  "title",     "prefixItems", "additionalProperties"};
    const auto* const found =
        std::ranges::find_if(names, [&](std::string_view name) { return is_snake_case_of(key, name); });
    return found != names.end() ? *found : key;
}

Json each(const Json& list) {
    Json made = list;
    for (Json& element : made) {
        element = json_schema_of(element);
    }
    return made;
}

}  // namespace

Json json_schema_of(const Json& gemini) {
    if (!gemini.is_object()) {
        return gemini;
    }
    Json schema = Json::object();
    bool nullable = false;
    for (const auto& [key, value] : gemini.get_ref<const Json::object_t&>()) {
        const std::string_view name = name_of(key);
        if (name == "type" && value.is_string()) {
            if (const std::string type = lower_case(value.get<std::string>()); type != "type_unspecified") {
                schema["type"] = type;
            }
        } else if (name == "nullable") {
            nullable = value == true;
        } else if (name == "properties" || name == "anyOf" || name == "prefixItems") {
            schema[std::string{name}] = each(value);
        } else if (name == "items" || name == "additionalProperties") {
            schema[std::string{name}] = json_schema_of(value);
        } else if (name.starts_with("min") || name.starts_with("max")) {
            schema[std::string{name}] = number_of(value);
        } else if (name != "propertyOrdering" && name != "property_ordering") {
            schema[std::string{name}] = value;
        }
    }
    if (nullable && schema.contains("type")) {
        schema["type"] = Json::array({schema["type"], "null"});
    }
    return schema;
}

}  // namespace gateway
