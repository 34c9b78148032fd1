// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_ACCESS_TOKEN_HPP
#define GATEWAY_UPSTREAM_ACCESS_TOKEN_HPP

#include <chrono>
#include <string>

#include <gateway/base/net.hpp>

namespace gateway {

/// What a token endpoint hands out.
struct AccessToken {
    std::string value;
    std::chrono::seconds lifetime{0};  ///< from about the time of the request on
};

/// Gets new tokens, one for each call; CachedTokenSource keeps them.
class TokenFetcher {
  public:
    TokenFetcher() = default;
    TokenFetcher(const TokenFetcher&) = delete;
    TokenFetcher& operator=(const TokenFetcher&) = delete;
    virtual ~TokenFetcher() = default;

    /// Throws TokenError. Executor: that of the awaiting coroutine. Cancellation: terminal. One call at
    /// a time.
    virtual net::awaitable<AccessToken> fetch() = 0;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_ACCESS_TOKEN_HPP
