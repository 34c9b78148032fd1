// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_HTTP_SERVER_SHA256_HPP
#define EXAMPLES_HTTP_SERVER_SHA256_HPP

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/evp.h>

namespace example {

/// The SHA-256 of data as 64 lower-case hexadecimal digits.
inline std::string sha256_hex(std::string_view data) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    if (EVP_Digest(data.data(), data.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
        throw std::runtime_error{"OpenSSL could not compute a SHA-256"};
    }
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    hex.reserve(2 * length);
    for (unsigned int i = 0; i < length; ++i) {
        hex += digits[digest[i] >> 4U];
        hex += digits[digest[i] & 15U];
    }
    return hex;
}

}  // namespace example

#endif  // EXAMPLES_HTTP_SERVER_SHA256_HPP
