// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/bearer.hpp>

#include <algorithm>

#include <boost/beast/core/string.hpp>
#include <openssl/crypto.h>

#include <gateway/base/sha256.hpp>

namespace gateway {

bool is_bearer(std::string_view authorization, std::string_view token) {
    constexpr std::string_view scheme = "Bearer ";
    if (!boost::beast::iequals(authorization.substr(0, scheme.size()), scheme)) {
        return false;
    }
    std::string_view given = authorization.substr(scheme.size());
    given.remove_prefix(std::min(given.find_first_not_of(' '), given.size()));
    return same_secret(given, token);
}

bool same_secret(std::string_view given, std::string_view secret) {
    // Digests, so that not even the secret's length shows.
    const Sha256 left = sha256(given);
    const Sha256 right = sha256(secret);
    return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace gateway
