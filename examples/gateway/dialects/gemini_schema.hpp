// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_DIALECTS_GEMINI_SCHEMA_HPP
#define GATEWAY_DIALECTS_GEMINI_SCHEMA_HPP

#include <gateway/base/json.hpp>

namespace gateway {

/// A Schema of Gemini's ({"type": "STRING", "nullable": true}) as JSON Schema ({"type": ["string", "null"]}). What is
/// not known here stays as it is; propertyOrdering is dropped, as the order of the properties says the same.
[[nodiscard]] Json json_schema_of(const Json& gemini);

}  // namespace gateway

#endif  // GATEWAY_DIALECTS_GEMINI_SCHEMA_HPP
