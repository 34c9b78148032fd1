// SPDX-License-Identifier: Apache-2.0
#include <gateway/conversation/find_member.hpp>

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

bool is_snake_case_of(std::string_view snake, std::string_view name) {
    std::size_t at = 0;
    for (const char c : name) {
        const bool upper = c >= 'A' && c <= 'Z';
        if (upper && (at >= snake.size() || snake[at++] != '_')) {
            return false;
        }
        if (at >= snake.size() || snake[at++] != (upper ? static_cast<char>(c - 'A' + 'a') : c)) {
            return false;
        }
    }
    return at == snake.size();
}

const Json* find_member(const Json& object, std::string_view name) {
    const auto* const members = object.get_ptr<const Json::object_t*>();
    if (members == nullptr) {
        return nullptr;
    }
    const Json* snake = nullptr;
    for (const auto& [key, value] : *members) {
        if (key == name) {
            return value.is_null() ? nullptr : &value;
        }
        // Of a name without capitals it is the name itself; of another it is longer.
        if (snake == nullptr && key.size() > name.size() && is_snake_case_of(key, name)) {
            snake = &value;
        }
    }
    return snake == nullptr || snake->is_null() ? nullptr : snake;
}

std::string_view text_of(const Json* value) {
    return value != nullptr && value->is_string() ? std::string_view{value->get_ref<const std::string&>()}
                                                  : std::string_view{};
}

std::string string_in(const Json& object, std::string_view name) {
    return std::string{text_of(find_member(object, name))};
}

std::optional<std::uint64_t> count_in(const Json& object, std::string_view name) {
    const Json* const value = find_member(object, name);
    return value != nullptr && value->is_number_unsigned() ? std::optional{value->get<std::uint64_t>()} : std::nullopt;
}

}  // namespace gateway
