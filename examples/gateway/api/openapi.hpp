// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_OPENAPI_HPP
#define GATEWAY_API_OPENAPI_HPP

#include <string_view>

namespace gateway {

/// The description of all that the gateway answers to, in OpenAPI 3.1: openapi.json in this folder, which is built in.
[[nodiscard]] std::string_view openapi_text();

}  // namespace gateway

#endif  // GATEWAY_API_OPENAPI_HPP
