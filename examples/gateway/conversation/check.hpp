// SPDX-License-Identifier: Apache-2.0
// What the checks of requests have in common: they say what is there, and what must be.
#ifndef GATEWAY_CONVERSATION_CHECK_HPP
#define GATEWAY_CONVERSATION_CHECK_HPP

#include <span>
#include <string>
#include <string_view>

#include <gateway/base/json.hpp>

namespace gateway {

/// Throws BadRequest: "<where> <problem>".
[[noreturn]] void refuse(const std::string& where, std::string_view problem);

/// Throws BadRequest: "<where> is <value, in a few words>: it must be <rule>".
[[noreturn]] void refuse(const std::string& where, const Json& value, std::string_view rule);

/// A member that is a number.
struct NumberRule {
    std::string_view name;
    double low;
    double high;
    bool whole;
    std::string_view what;  ///< it must be
};

/// The members of object, which is at prefix, that have rules, are as they say, or not there. Throws BadRequest.
void check_numbers(const Json& object, std::span<const NumberRule> rules, const std::string& prefix);

/// The member of that name is a string, or not there. Throws BadRequest.
void check_string(const Json& object, std::string_view name, const std::string& prefix);

/// value is an array of strings that are not empty. Throws BadRequest.
void check_stops(const Json& value, const std::string& where);

/// data is base64, in either alphabet, with "=" at its end or without. Throws BadRequest.
void check_base64(std::string_view data, const std::string& where);

}  // namespace gateway

#endif  // GATEWAY_CONVERSATION_CHECK_HPP
