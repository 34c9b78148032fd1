// SPDX-License-Identifier: Apache-2.0
#include "test_keys.hpp"

#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <gateway/base/json.hpp>

namespace test {

TestKey::TestKey(EVP_PKEY* key) : key_{key, &EVP_PKEY_free} {
    if (key == nullptr) {
        throw std::runtime_error{"cannot make a key"};
    }
}

TestKey TestKey::rsa(unsigned bits) { return TestKey{EVP_RSA_gen(bits)}; }

TestKey TestKey::elliptic_curve() { return TestKey{EVP_EC_gen("P-256")}; }

std::string TestKey::pem(const std::string& passphrase) const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> text{BIO_new(BIO_s_mem()), &BIO_free};
    const EVP_CIPHER* const cipher = passphrase.empty() ? nullptr : EVP_aes_256_cbc();
    if (PEM_write_bio_PKCS8PrivateKey(text.get(), key_.get(), cipher, passphrase.data(),
                                      static_cast<int>(passphrase.size()), nullptr, nullptr) != 1) {
        throw std::runtime_error{"cannot write a key"};
    }
    char* data = nullptr;
    const long size = BIO_get_mem_data(text.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

bool TestKey::verifies(std::string_view data, std::string_view signature) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
    return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
           EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                            reinterpret_cast<const unsigned char*>(data.data()), data.size()) == 1;
}

const TestKey& rsa_key() {
    static const TestKey key = TestKey::rsa(2048);
    return key;
}

std::string service_account_file(const std::string& pem) {
    gateway::Json file;
    file["type"] = "service_account";
    file["project_id"] = "p";
    file["private_key_id"] = "key-1";
    file["private_key"] = pem;
    file["client_email"] = "robot@p.iam.gserviceaccount.com";
    file["token_uri"] = "https://oauth2.example/token";
    return gateway::dump(file);
}

}  // namespace test
