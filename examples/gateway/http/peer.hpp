// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_PEER_HPP
#define GATEWAY_HTTP_PEER_HPP

#include <functional>
#include <string_view>

#include <gateway/base/net.hpp>

namespace gateway {

/// Whoever has sent the request that is being handled.
class HttpPeer {
  public:
    /// Has departed called when the client has closed its connection, or its half of it, in which case it can still
    /// read a response. Not where it has sent more requests meanwhile: they may be meant. Empty: nobody wants to know
    /// any more, which has to be said before the handler ends. To be called by the handler, on the connection's strand,
    /// where departed is called as well, once at most, and perhaps within this call.
    virtual void watch(std::function<void()> departed) = 0;

    /// Sends a field of the response that is already known, in an interim response (103 Early Hints), which a client
    /// that has not asked for it may not understand; to one of HTTP/1.0 nothing. To be called by the handler, on the
    /// connection's strand, while it does not watch. Completes when that is sent, or cannot be.
    virtual net::awaitable<void> hint(std::string_view name, std::string_view value) = 0;

    /// The request's body is counted by somebody else from now on, or gone: it takes no more of HttpHandlers::bodies,
    /// of which it otherwise holds its part until the handler ends. To be called by the handler, on the connection's
    /// strand.
    virtual void release_body() = 0;

  protected:
    ~HttpPeer() = default;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_PEER_HPP
