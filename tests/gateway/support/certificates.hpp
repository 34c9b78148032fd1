// SPDX-License-Identifier: Apache-2.0
// Certificates for tests, made as they are needed: none is kept in a file, and none runs out.
#ifndef GATEWAY_TESTS_SUPPORT_CERTIFICATES_HPP
#define GATEWAY_TESTS_SUPPORT_CERTIFICATES_HPP

#include <chrono>
#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/x509.h>

namespace test {

/// A certificate and its key, as PEM.
struct Identity {
    std::string certificate;
    std::string key;
};

/// What a certificate is for, and from when to when, as seen from now.
struct CertificateRequest {
    std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";  ///< subjectAltName as OpenSSL writes it
    std::chrono::hours from{-24};
    std::chrono::hours until{24};
};

/// Signs certificates with a key (P-256) that it makes for itself.
class CertificateAuthority {
  public:
    CertificateAuthority();

    /// Its own certificate, as PEM: for a client's ca_file.
    [[nodiscard]] std::string certificate() const;

    [[nodiscard]] Identity issue(const CertificateRequest& request = {}) const;
    [[nodiscard]] Identity issue_expired() const;
    [[nodiscard]] Identity issue_for_another_host() const;

  private:
    struct Free {
        void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
        void operator()(X509* certificate) const { ::X509_free(certificate); }
    };
    using Key = std::unique_ptr<EVP_PKEY, Free>;
    using Certificate = std::unique_ptr<X509, Free>;

    static Key make_key();
    [[nodiscard]] Certificate sign(EVP_PKEY* subject, const std::string& name, const CertificateRequest& request,
                                   bool is_authority) const;

    Key key_;
    Certificate certificate_;
};

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_CERTIFICATES_HPP
