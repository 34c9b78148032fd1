// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_IMPERSONATION_HPP
#define GATEWAY_UPSTREAM_IMPERSONATION_HPP

#include <memory>
#include <string>

#include <gateway/upstream/access_token.hpp>
#include <gateway/upstream/http_transport.hpp>
#include <gateway/upstream/service_account.hpp>
#include <gateway/upstream/token_source.hpp>

namespace gateway {

/// Tokens of one service account for another identity that may act as it.
class Impersonation final : public TokenFetcher {
  public:
    /// own: the tokens of that identity. email: the service account to act as; letters, digits, - . _ @.
    Impersonation(
        HttpTransport& transport, std::unique_ptr<TokenSource> own, const std::string& email,
        WallClock now = [] { return std::chrono::system_clock::now(); });

    net::awaitable<AccessToken> fetch() override;

  private:
    HttpTransport& transport_;
    std::unique_ptr<TokenSource> own_;
    Origin origin_;
    std::string target_;
    WallClock now_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_IMPERSONATION_HPP
