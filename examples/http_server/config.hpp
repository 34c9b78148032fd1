// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_HTTP_SERVER_CONFIG_HPP
#define EXAMPLES_HTTP_SERVER_CONFIG_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace example {

/// What the HTTP side allows its clients. The pool has options of its own.
struct ServerConfig {
    /// An IP address to listen on.
    std::string address = "127.0.0.1";
    /// 0 takes any free port; HttpServer::start returns it.
    std::uint16_t port = 8080;
    /// Connections open at a time. Past it the server stops accepting, and newcomers wait in the
    /// system's backlog until one ends.
    std::size_t max_connections = 1024;
    /// Request line and header fields together; past it, 431.
    std::uint32_t header_limit = 8 * 1024;
    /// Past it, 413.
    std::uint64_t body_limit = 1024 * 1024;
    /// From a request's first byte (on a new connection: from the accept) to its last, and again for
    /// the client to take the response.
    std::chrono::milliseconds request_timeout = std::chrono::seconds{10};
    /// How long a connection may stay open between two requests.
    std::chrono::milliseconds idle_timeout = std::chrono::seconds{30};
    /// How long a closing connection reads on, so that the client sees the last response and not a reset.
    std::chrono::milliseconds linger_timeout = std::chrono::seconds{1};
    /// How long HttpServer::stop waits for accepted requests before it stops the pool.
    std::chrono::milliseconds drain_timeout = std::chrono::seconds{10};
};

}  // namespace example

#endif  // EXAMPLES_HTTP_SERVER_CONFIG_HPP
