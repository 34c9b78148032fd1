// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_JWT_HPP
#define GATEWAY_UPSTREAM_JWT_HPP

#include <memory>
#include <string>
#include <string_view>

#include <openssl/types.h>

#include <gateway/base/json.hpp>

namespace gateway {

/// A private RSA key. Its text is in no error.
class RsaKey {
  public:
    /// Throws std::invalid_argument when pem is not a private RSA key of at least 2,048 bits, or is one
    /// that needs a passphrase.
    explicit RsaKey(std::string_view pem);

    /// RSASSA-PKCS1-v1_5 with SHA-256 ("RS256"), about a millisecond of work. Throws std::runtime_error.
    /// Thread-safe.
    [[nodiscard]] std::string sign(std::string_view data) const;

  private:
    struct Free {
        void operator()(EVP_PKEY* key) const;
    };

    std::unique_ptr<EVP_PKEY, Free> key_;
};

/// A JSON Web Token (RFC 7515) of claims, signed by key. key_id may be empty. Throws std::runtime_error.
[[nodiscard]] std::string signed_jwt(const RsaKey& key, const std::string& key_id, const Json& claims);

/// Base64 with - and _, and without padding.
[[nodiscard]] std::string base64url(std::string_view bytes);

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_JWT_HPP
