// SPDX-License-Identifier: Apache-2.0
#include "find_member.hpp"

namespace gateway {

std::string snake_case(std::string_view name) {
    std::string result;
    for (const char c : name) {
        if (c >= 'A' && c <= 'Z') {
            result += '_';
            result += static_cast<char>(c - 'A' + 'a');
        } else {
            result += c;
        }
    }
    return result;
}

const Json* find_member(const Json& object, std::string_view name) {
    if (!object.is_object()) {
        return nullptr;
    }
    auto member = object.find(std::string{name});
    if (member == object.end()) {
        member = object.find(snake_case(name));
    }
    return member == object.end() || member->is_null() ? nullptr : &*member;
}

std::string text_of(const Json* value) {
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string{};
}

}  // namespace gateway
