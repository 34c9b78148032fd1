// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_BEARER_HPP
#define GATEWAY_API_BEARER_HPP

#include <string_view>

namespace gateway {

/// Whether authorization (the header's value) is `Bearer <token>`. The time that it takes tells nothing of token.
[[nodiscard]] bool is_bearer(std::string_view authorization, std::string_view token);

/// Whether given is secret. The time that it takes tells nothing of secret.
[[nodiscard]] bool same_secret(std::string_view given, std::string_view secret);

}  // namespace gateway

#endif  // GATEWAY_API_BEARER_HPP
