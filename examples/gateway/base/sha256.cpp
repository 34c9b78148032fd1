// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/sha256.hpp>

#include <stdexcept>

#include <openssl/evp.h>

namespace gateway {

Sha256 sha256(std::string_view text) {
    Sha256 digest{};
    unsigned int size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
        throw std::runtime_error{"OpenSSL could not compute a SHA-256"};
    }
    return digest;
}

std::string hex(const Sha256& digest) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : digest) {
        text += digits[byte >> 4U];
        text += digits[byte & 0xfU];
    }
    return text;
}

}  // namespace gateway
