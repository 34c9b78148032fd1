// SPDX-License-Identifier: Apache-2.0
#include <gateway/dialects/gemini_schema.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

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

/// The schema of each element, or member, of list.
Json each(const Json& list) {
    if (const auto* const elements = list.get_ptr<const Json::array_t*>()) {
        Json::array_t made;
        made.reserve(elements->size());
        std::ranges::transform(*elements, std::back_inserter(made), json_schema_of);
        return made;
    }
    if (const auto* const members = list.get_ptr<const Json::object_t*>()) {
        Json::object_t made;
        made.reserve(members->size());
        for (const auto& [key, value] : *members) {
            made.emplace_back(key, json_schema_of(value));
        }
        return made;
    }
    return list;
}

}  // namespace

Json json_schema_of(const Json& gemini) {
    const auto* const members = gemini.get_ptr<const Json::object_t*>();
    if (members == nullptr) {
        return gemini;
    }
    // A member that is added by its name alone is first looked for among all of them. Here each name comes once: of a
    // member in both of Gemini's spellings, the one with underscores is left out.
    Json::object_t made;
    made.reserve(members->size());
    bool nullable = false;
    for (const auto& [key, value] : *members) {
        const std::string_view name = name_of(key);
        if (name != key && gemini.contains(name)) {
            continue;
        }
        if (name == "type" && value.is_string()) {
            if (std::string type = lower_case(value.get<std::string>()); type != "type_unspecified") {
                made.emplace_back(name, std::move(type));
            }
        } else if (name == "nullable") {
            nullable = value == true;
        } else if (name == "properties" || name == "anyOf" || name == "prefixItems") {
            made.emplace_back(name, each(value));
        } else if (name == "items" || name == "additionalProperties") {
            made.emplace_back(name, json_schema_of(value));
        } else if (name.starts_with("min") || name.starts_with("max")) {
            made.emplace_back(name, number_of(value));
        } else if (name != "propertyOrdering" && name != "property_ordering") {
            made.emplace_back(name, value);
        }
    }
    Json schema = std::move(made);
    if (nullable && schema.contains("type")) {
        schema["type"] = Json::array({schema["type"], "null"});
    }
    return schema;
}

}  // namespace gateway
