// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_BODY_SOURCE_HPP
#define GATEWAY_HTTP_BODY_SOURCE_HPP

#include <optional>
#include <string>

#include <gateway/base/net.hpp>

namespace gateway {

/// Where a response's body comes from that is sent as it is made, part by part. Destroyed as soon as nobody wants the
/// rest: the body has been sent, its client has left, or the server drops the client.
class BodySource {
  public:
    BodySource() = default;
    BodySource(const BodySource&) = delete;
    BodySource& operator=(const BodySource&) = delete;
    virtual ~BodySource() = default;

    /// The next part, which is asked for when the one before has been written to the socket; nothing: that was all.
    /// What it throws is logged, and cuts the body off, which a client of HTTP/1.1 can see.
    ///
    /// Executor: the connection's strand. Cancellation: terminal, when nobody wants the rest; it has to end soon then.
    virtual net::awaitable<std::optional<std::string>> next() = 0;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_BODY_SOURCE_HPP
