// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/jwt.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace gateway {
namespace {

constexpr int fewest_bits = 2048;

/// TLS connections of this thread would take what is left in OpenSSL's queue for their own errors.
struct ErrorQueue {
    ErrorQueue() = default;
    ErrorQueue(const ErrorQueue&) = delete;
    ErrorQueue& operator=(const ErrorQueue&) = delete;
    ~ErrorQueue() { ERR_clear_error(); }
};

/// Without it OpenSSL asks for the passphrase of an encrypted key at the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

}  // namespace

void RsaKey::Free::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

RsaKey::RsaKey(std::string_view pem) {
    const ErrorQueue cleared;
    if (pem.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        throw std::invalid_argument{"it is too long for a key"};
    }
    const std::unique_ptr<BIO, decltype(&BIO_free)> text{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                         &BIO_free};
    if (!text) {
        throw std::bad_alloc{};
    }
    key_.reset(PEM_read_bio_PrivateKey(text.get(), nullptr, &no_passphrase, nullptr));
    if (!key_) {
        throw std::invalid_argument{"it is not a private key in PEM without a passphrase"};
    }
    if (EVP_PKEY_get_base_id(key_.get()) != EVP_PKEY_RSA) {
        throw std::invalid_argument{"it is not an RSA key"};
    }
    if (const int bits = EVP_PKEY_get_bits(key_.get()); bits < fewest_bits) {
        throw std::invalid_argument{"it has " + std::to_string(bits) + " bits: " + std::to_string(fewest_bits) +
                                    " are needed"};
    }
}

std::string RsaKey::sign(std::string_view data) const {
    const ErrorQueue cleared;
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
    const auto* const bytes = reinterpret_cast<const unsigned char*>(data.data());
    std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())), '\0');
    std::size_t size = signature.size();
    if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, data.size()) !=
            1) {
        throw std::runtime_error{"the key cannot sign"};
    }
    signature.resize(size);
    return signature;
}

std::string base64url(std::string_view bytes) {
    // What EVP_EncodeBlock writes: four characters for each three bytes begun, and a zero.
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    text.erase(text.find_last_not_of('=') + 1);
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    return text;
}

std::string signed_jwt(const RsaKey& key, const std::string& key_id, const Json& claims) {
    Json header;
    header["alg"] = "RS256";
    header["typ"] = "JWT";
    if (!key_id.empty()) {
        header["kid"] = key_id;
    }
    std::string text = base64url(dump(header)) + "." + base64url(dump(claims));
    const std::string signature = key.sign(text);
    return text + "." + base64url(signature);
}

}  // namespace gateway
