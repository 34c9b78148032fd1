// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_OPTIONS_HPP
#define GATEWAY_HTTP_OPTIONS_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace gateway {

/// What an HttpServer allows its clients.
struct HttpServerOptions {
    /// An IP address to listen on.
    std::string address = "127.0.0.1";
    /// 0 takes any free port; HttpServer::start returns it.
    std::uint16_t port = 8080;
    /// Connections open at a time. Past it, a newcomer takes the place of the one that has been idle between two
    /// requests for longest, or has sent nothing since it was opened, or of whose request the rest does not arrive;
    /// where there is none, newcomers wait in the system's backlog until one ends. The time limits below see to it that
    /// one does, however slow the clients are on purpose.
    std::size_t max_connections = 1024;
    /// How long a new connection that has sent nothing yet is safe from that, and one since the beginning of the head
    /// that it sends, and since it has sent some of its body.
    std::chrono::milliseconds newcomer_grace = std::chrono::seconds{1};
    /// Request line and header fields together; past it, 431. Again for the trailer fields and, all together, the
    /// extensions of the chunks of a body.
    std::uint32_t header_limit = 16 * 1024;
    /// Past it, 413.
    std::uint64_t body_limit = 1024 * 1024;
    /// From the first byte of a request's head (on a new connection: from the accept) to its last, past which it is
    /// 408. The body has as long for each min_progress bytes, or for what is left of it; and so has the client to take
    /// the response, past which it is dropped. Of a response that comes in parts, the same holds for each; while the
    /// next is not there yet, a client is dropped that takes none of what was sent for as long.
    std::chrono::milliseconds request_timeout = std::chrono::seconds{10};
    std::uint64_t min_progress = 16 * 1024;
    /// How long a connection may stay open between two requests.
    std::chrono::milliseconds idle_timeout = std::chrono::seconds{60};
    /// How long a closing connection reads on, so that the client sees the last response and not a reset.
    std::chrono::milliseconds linger_timeout = std::chrono::seconds{1};
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_OPTIONS_HPP
