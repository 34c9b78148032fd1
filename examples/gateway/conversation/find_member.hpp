// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_CONVERSATION_FIND_MEMBER_HPP
#define GATEWAY_CONVERSATION_FIND_MEMBER_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <gateway/base/json.hpp>

namespace gateway {

/// "topP" to "top_p".
[[nodiscard]] std::string snake_case(std::string_view name);

/// Whether snake is snake_case(name).
[[nodiscard]] bool is_snake_case_of(std::string_view snake, std::string_view name);

/// The member of object by name ("topP") or, as generateContent takes both spellings, by its snake case ("top_p").
/// Null: it has none, or null stands there, which means the same (Protocol Buffers' JSON), or object is no object.
[[nodiscard]] const Json* find_member(const Json& object, std::string_view name);

/// *value, whose own text it is, if it is a string, else empty. value may be null.
[[nodiscard]] std::string_view text_of(const Json* value);

/// A copy of the text of that member of object; empty: it has none.
[[nodiscard]] std::string string_in(const Json& object, std::string_view name);

/// The member of object of that name, if it is a number of 0 or more.
[[nodiscard]] std::optional<std::uint64_t> count_in(const Json& object, std::string_view name);

}  // namespace gateway

#endif  // GATEWAY_CONVERSATION_FIND_MEMBER_HPP
