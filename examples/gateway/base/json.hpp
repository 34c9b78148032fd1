// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_JSON_HPP
#define GATEWAY_BASE_JSON_HPP

#include <cstddef>
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

/// Values that a request may have: arrays, objects, and all that is in them. One of two bytes of text ("0,") takes up
/// to a hundred bytes once it is parsed.
inline constexpr std::size_t max_json_values = 100'000;

/// Values that an answer of an upstream may have. The probabilities of each token come to hundreds of thousands.
inline constexpr std::size_t max_answer_values = 1'000'000;

/// What parse_json did: a step is a value taken, a name taken, or two names compared. For tests of what it costs.
struct JsonEffort {
    std::size_t steps = 0;
};

/// Takes time in proportion to the text, whatever its shape (n log n where an object has n members). Throws JsonError;
/// also for an object that has two members of one name, of which others would see now the one and now the other.
[[nodiscard]] Json parse_json(std::string_view text, std::size_t max_values = max_json_values,
                              JsonEffort* effort = nullptr);

/// The text of value. Bytes that are not UTF-8 (a session id may hold any) become U+FFFD.
[[nodiscard]] std::string dump(const Json& value);

}  // namespace gateway

#endif  // GATEWAY_BASE_JSON_HPP
