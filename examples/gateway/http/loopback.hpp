// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_LOOPBACK_HPP
#define GATEWAY_HTTP_LOOPBACK_HPP

#include <string_view>

#include <gateway/http/url.hpp>

namespace gateway {

/// Whether host is a loopback address, or "localhost".
[[nodiscard]] bool is_loopback(std::string_view host);

/// Whether others can not read what is sent there: it goes over TLS, or stays on this machine.
[[nodiscard]] inline bool is_private(const Origin& origin) { return origin.tls || is_loopback(origin.host); }

}  // namespace gateway

#endif  // GATEWAY_HTTP_LOOPBACK_HPP
