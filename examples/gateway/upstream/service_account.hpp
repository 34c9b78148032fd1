// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_SERVICE_ACCOUNT_HPP
#define GATEWAY_UPSTREAM_SERVICE_ACCOUNT_HPP

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include <gateway/http/url.hpp>
#include <gateway/upstream/access_token.hpp>
#include <gateway/upstream/http_transport.hpp>
#include <gateway/upstream/jwt.hpp>

namespace gateway {

using WallClock = std::function<std::chrono::system_clock::time_point()>;

/// What Google Cloud gives as a service account's key file.
struct ServiceAccountKey {
    std::string email;
    std::string key_id;  ///< may be empty
    RsaKey key;
    std::string token_uri;
    Url token_url;  ///< the same, taken apart
};

/// Throws ConfigError, which says what of text is wrong, but quotes nothing of a key.
[[nodiscard]] ServiceAccountKey parse_service_account_key(std::string_view text);

/// The same of a file, which the error names.
[[nodiscard]] ServiceAccountKey read_service_account_key(const std::string& path);

/// What is signed to ask for a token at a time.
[[nodiscard]] Json service_account_claims(const ServiceAccountKey& key, std::chrono::system_clock::time_point now);

/// Signs a claim to be the service account, and changes it into a token (RFC 7523).
class ServiceAccount final : public TokenFetcher {
  public:
    ServiceAccount(
        HttpTransport& transport, ServiceAccountKey key,
        WallClock now = [] { return std::chrono::system_clock::now(); });

    net::awaitable<AccessToken> fetch() override;

  private:
    HttpTransport& transport_;
    ServiceAccountKey key_;
    WallClock now_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_SERVICE_ACCOUNT_HPP
