// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_REQUEST_RULES_HPP
#define GATEWAY_HTTP_REQUEST_RULES_HPP

#include <optional>

#include <gateway/http/message.hpp>
#include <gateway/http/refusal.hpp>

namespace gateway {

/// What is wrong with the head of a request that Beast's parser takes and HTTP/1.1 (RFC 9112) does not, or that two
/// parties might understand differently, which is how requests are smuggled past a proxy; nothing, if it is in order.
[[nodiscard]] std::optional<Refusal> broken_rule(const HttpRequest& request);

/// Turns a target in absolute form (http://host/path), which every server has to take, into a path, and Host into the
/// target's host, whatever it was before (RFC 9112, 3.2.2). For a request that breaks no rule.
void to_origin_form(HttpRequest& request);

}  // namespace gateway

#endif  // GATEWAY_HTTP_REQUEST_RULES_HPP
