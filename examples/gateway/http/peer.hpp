// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_PEER_HPP
#define GATEWAY_HTTP_PEER_HPP

#include <functional>

namespace gateway {

/// Whoever has sent the request that is being handled.
class HttpPeer {
  public:
    /// Has departed called when the client has closed its connection, or its half of it, in which case it can still
    /// read a response. Not where it has sent more requests meanwhile: they may be meant. Empty: nobody wants to know
    /// any more, which has to be said before the handler ends. To be called by the handler, on the connection's strand,
    /// where departed is called as well, once at most, and perhaps within this call.
    virtual void watch(std::function<void()> departed) = 0;

  protected:
    ~HttpPeer() = default;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_PEER_HPP
