// SPDX-License-Identifier: Apache-2.0
// Keys made as the tests run: none is kept in the repository.
#ifndef GATEWAY_TESTS_SUPPORT_TEST_KEYS_HPP
#define GATEWAY_TESTS_SUPPORT_TEST_KEYS_HPP

#include <memory>
#include <string>
#include <string_view>

#include <openssl/types.h>

namespace test {

class TestKey {
  public:
    static TestKey rsa(unsigned bits);
    static TestKey elliptic_curve();

    /// The private key, in PEM; encrypted if there is a passphrase.
    [[nodiscard]] std::string pem(const std::string& passphrase = "") const;

    /// Whether signature is that of data with this key and SHA-256.
    [[nodiscard]] bool verifies(std::string_view data, std::string_view signature) const;

  private:
    explicit TestKey(EVP_PKEY* key);
    std::shared_ptr<EVP_PKEY> key_;
};

/// An RSA key of 2,048 bits, the same for the whole program, as it takes a while to make.
[[nodiscard]] const TestKey& rsa_key();

/// The key file of a service account with that private key.
[[nodiscard]] std::string service_account_file(const std::string& pem);

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_TEST_KEYS_HPP
