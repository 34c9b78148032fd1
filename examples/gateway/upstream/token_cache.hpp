// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_TOKEN_CACHE_HPP
#define GATEWAY_UPSTREAM_TOKEN_CACHE_HPP

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <gateway/upstream/access_token.hpp>
#include <gateway/upstream/token_error.hpp>

namespace gateway {

/// What is known of a token, and what that means at a time: no I/O, one thread at a time.
class TokenCache {
  public:
    /// So long before its end a token is refreshed; one that lives shorter, after half of its life.
    static constexpr std::chrono::seconds refresh_margin = std::chrono::minutes{5};
    /// So long a failure is the answer to all, lest a server in trouble be hammered.
    static constexpr std::chrono::seconds failure_pause{1};

    /// The token to use; nullopt: it is time to get a new one. Throws the latest failure, if that was just
    /// now and there is no valid token.
    [[nodiscard]] std::optional<std::string> usable(Clock::time_point now) const;

    /// The token, if it has not expired.
    [[nodiscard]] std::optional<std::string> valid(Clock::time_point now) const;

    /// asked: when the request for it was sent, for its life may have begun then.
    void store(AccessToken token, Clock::time_point asked);
    void fail(const TokenError& error, Clock::time_point now);

    /// Forgets token, if it is the one that is kept.
    void reject(std::string_view token);

  private:
    std::string token_;  // empty: none
    Clock::time_point refresh_at_;
    Clock::time_point expires_;
    std::optional<TokenError> failure_;
    Clock::time_point pause_until_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_TOKEN_CACHE_HPP
