// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_TLS_CONTEXT_HPP
#define GATEWAY_UPSTREAM_TLS_CONTEXT_HPP

#include <string>

#include <boost/asio/ssl/context.hpp>

#include <gateway/base/net.hpp>

namespace gateway {

/// For clients: TLS 1.2 or later, and a server must show a certificate signed by an authority of ca_file (PEM;
/// empty: of the system). Throws std::invalid_argument if ca_file cannot be used.
[[nodiscard]] net::ssl::context client_tls_context(const std::string& ca_file);

/// Before the handshake: names host (SNI, unless it is an address) and demands that the certificate is for it.
/// An error: host cannot be one.
[[nodiscard]] error_code expect_host(SSL* session, const std::string& host);

/// Why the handshake failed with error: what is wrong with the server's certificate, if it is that.
[[nodiscard]] std::string handshake_problem(const SSL* session, const error_code& error);

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_TLS_CONTEXT_HPP
