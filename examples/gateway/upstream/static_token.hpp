// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_STATIC_TOKEN_HPP
#define GATEWAY_UPSTREAM_STATIC_TOKEN_HPP

#include <string>
#include <string_view>
#include <utility>

#include <gateway/upstream/token_source.hpp>

namespace gateway {

/// A token that never changes: an API key, a ready access token, or empty for none.
class StaticToken final : public TokenSource {
  public:
    explicit StaticToken(std::string token) : token_{std::move(token)} {}

    net::awaitable<std::string> token() override { co_return token_; }

    /// Does nothing: there is no other one.
    void reject(std::string_view /*token*/) override {}

  private:
    std::string token_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_STATIC_TOKEN_HPP
