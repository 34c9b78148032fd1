// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_PEER_HPP
#define GATEWAY_HTTP_PEER_HPP

#include <gateway/base/net.hpp>

namespace gateway {

/// Whoever has sent the request that is being handled.
class HttpPeer {
  public:
    /// Completes when the client has closed its connection, or its half of it, in which case it can still read a
    /// response. Not where it has sent more requests meanwhile: they may be meant. To be awaited by the handler, on
    /// the connection's strand, once at a time; it may be cancelled. Throws nothing else.
    virtual net::awaitable<void> departure() = 0;

  protected:
    ~HttpPeer() = default;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_PEER_HPP
