// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JSON_HPP
#define GATEWAY_JSON_HPP

#include <stdexcept>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace gateway {

/// Keeps the order of an object's members, so that what passes through looks as it did.
using Json = nlohmann::ordered_json;

/// Text that is not the JSON it has to be; what() says why, and quotes little of it.
class JsonError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Arrays and objects within one another that parse_json takes. What handles JSON recurses into it,
/// so deeper text, which costs a client a byte a level, would exhaust the stack.
inline constexpr int max_json_depth = 64;

/// Throws JsonError.
[[nodiscard]] Json parse_json(std::string_view text);

/// The text of value. Bytes that are not UTF-8 (a session id may hold any) become U+FFFD.
[[nodiscard]] std::string dump(const Json& value);

}  // namespace gateway

#endif  // GATEWAY_JSON_HPP
