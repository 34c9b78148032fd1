// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_URL_HPP
#define GATEWAY_UPSTREAM_URL_HPP

#include <optional>
#include <string>
#include <string_view>

#include "http_transport.hpp"

namespace gateway {

/// A URL as an HTTP client needs it.
struct Url {
    Origin origin;       ///< an IPv6 address stands without its brackets
    std::string target;  ///< path and query, encoded; at least "/"
};

/// nullopt: text is not an http:// or https:// URL, or has what none of ours may have: a user (and with
/// it perhaps a password), or a fragment.
[[nodiscard]] std::optional<Url> parse_url(std::string_view text);

/// Whether what is sent to origin stays unread on its way: with TLS, or on this machine.
[[nodiscard]] bool is_private(const Origin& origin);

/// Whether host is a loopback address or "localhost".
[[nodiscard]] bool is_loopback(std::string_view host);

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_URL_HPP
