// SPDX-License-Identifier: Apache-2.0
#include <gateway/conversation/check.hpp>

#include <algorithm>
#include <cstddef>

#include <gateway/base/quote.hpp>
#include <gateway/conversation/bad_request.hpp>
#include <gateway/conversation/find_member.hpp>

namespace gateway {

namespace {

/// value in a few words.
std::string describe(const Json& value) {
    switch (value.type()) {
        case Json::value_t::object:
            return "an object";
        case Json::value_t::array:
            return value.empty() ? "an empty array" : "an array";
        case Json::value_t::string:
            return quote(value.get_ref<const std::string&>());
        default:
            return dump(value);
    }
}

void check_number(const Json& value, const NumberRule& rule, const std::string& prefix) {
    const bool right_type = rule.whole ? value.is_number_integer() : value.is_number();
    const double number = right_type ? value.get<double>() : 0;
    if (!right_type || !(number >= rule.low && number <= rule.high)) {
        refuse(prefix + std::string{rule.name}, value, rule.what);
    }
}

}  // namespace

void refuse(const std::string& where, std::string_view problem) {
    throw BadRequest{where + ' ' + std::string{problem}};
}

void refuse(const std::string& where, const Json& value, std::string_view rule) {
    refuse(where, "is " + describe(value) + ": it must be " + std::string{rule});
}

void check_numbers(const Json& object, std::span<const NumberRule> rules, const std::string& prefix) {
    for (const NumberRule& rule : rules) {
        if (const Json* const value = find_member(object, rule.name)) {
            check_number(*value, rule, prefix);
        }
    }
}

void check_string(const Json& object, std::string_view name, const std::string& prefix) {
    const Json* const value = find_member(object, name);
    if (value != nullptr && !value->is_string()) {
        refuse(prefix + std::string{name}, *value, "a string");
    }
}

void check_base64(std::string_view data, const std::string& where) {
    const auto is_digit = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
               c == '-' || c == '_';
    };
    const std::string_view symbols = data.substr(0, std::min(data.find('='), data.size()));
    const std::string_view padding = data.substr(symbols.size());
    const bool right_length = padding.empty() ? symbols.size() % 4 != 1 : data.size() % 4 == 0;
    if (!std::ranges::all_of(symbols, is_digit) || (!padding.empty() && padding != "=" && padding != "==") ||
        !right_length) {
        refuse(where, "is not base64");
    }
}

void check_stops(const Json& value, const std::string& where) {
    if (!value.is_array()) {
        refuse(where, value, "an array of strings that are not empty");
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (!value[i].is_string() || value[i].get_ref<const std::string&>().empty()) {
            refuse(where + '[' + std::to_string(i) + ']', value[i], "a string that is not empty");
        }
    }
}

}  // namespace gateway
