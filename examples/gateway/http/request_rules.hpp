// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_REQUEST_RULES_HPP
#define GATEWAY_HTTP_REQUEST_RULES_HPP

#include <optional>
#include <string>

#include "message.hpp"

namespace gateway {

struct BrokenRule {
    http::status status;
    std::string why;
};

/// What is wrong with a request that Beast's parser takes and HTTP/1.1 (RFC 9112) does not, or that two parties might
/// understand differently, which is how requests are smuggled past a proxy; nothing, if it is in order.
[[nodiscard]] std::optional<BrokenRule> broken_rule(const HttpRequest& request);

}  // namespace gateway

#endif  // GATEWAY_HTTP_REQUEST_RULES_HPP
