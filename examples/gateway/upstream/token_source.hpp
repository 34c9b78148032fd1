// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_TOKEN_SOURCE_HPP
#define GATEWAY_UPSTREAM_TOKEN_SOURCE_HPP

#include <string>
#include <string_view>

#include <gateway/base/net.hpp>

namespace gateway {

/// Where the bearer token of a request to the upstream comes from.
class TokenSource {
  public:
    TokenSource() = default;
    TokenSource(const TokenSource&) = delete;
    TokenSource& operator=(const TokenSource&) = delete;
    virtual ~TokenSource() = default;

    /// A token that is valid for a while yet; empty: send none. Throws UpstreamError. Executor: that of
    /// the awaiting coroutine. Cancellation: terminal. Thread-safe.
    virtual net::awaitable<std::string> token() = 0;

    /// The upstream said 401 to this token: do not hand it out again if another can be had.
    virtual void reject(std::string_view token) = 0;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_TOKEN_SOURCE_HPP
