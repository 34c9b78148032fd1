// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_URL_HPP
#define GATEWAY_HTTP_URL_HPP

#include <cstdint>
#include <string>
#include <string_view>

namespace gateway {

/// Where a request goes.
struct Origin {
    bool tls = false;
    std::string host;
    std::uint16_t port = 0;

    friend bool operator==(const Origin&, const Origin&) = default;
};

/// A server, and what the targets of all requests to it begin with.
struct Url {
    Origin origin;
    /// As it is sent, so percent-encoded; empty, or from a slash to anything but one: "/v1".
    std::string path;

    friend bool operator==(const Url&, const Url&) = default;
};

/// The parts of an absolute http or https URL without user, query and fragment. The host is in lower
/// case, an IPv6 address without its brackets; the port is the scheme's if none is named.
///
/// Throws std::invalid_argument, which says what is wrong and what to write. It quotes nothing of a URL's
/// user, password and query, as these may be secrets.
[[nodiscard]] Url parse_url(std::string_view text);

/// Host and port as the Host header names them: an IPv6 address in brackets, the port unless it is the
/// scheme's.
[[nodiscard]] std::string authority(const Origin& origin);

/// "https://example.com:8443".
[[nodiscard]] std::string to_string(const Origin& origin);

}  // namespace gateway

#endif  // GATEWAY_HTTP_URL_HPP
