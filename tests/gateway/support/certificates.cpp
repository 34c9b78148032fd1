// SPDX-License-Identifier: Apache-2.0
#include "certificates.hpp"

#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace test {
namespace {

void require(bool done) {
    if (!done) {
        throw std::runtime_error{"OpenSSL could not make a certificate for the tests"};
    }
}

template <typename Write>
std::string pem(Write write) {
    struct Free {
        void operator()(BIO* bio) const { ::BIO_free(bio); }
    };
    const std::unique_ptr<BIO, Free> bio{::BIO_new(::BIO_s_mem())};
    require(bio != nullptr && write(bio.get()) == 1);
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

std::string certificate_pem(X509* certificate) {
    return pem([certificate](BIO* bio) { return ::PEM_write_bio_X509(bio, certificate); });
}

std::string key_pem(EVP_PKEY* key) {
    return pem(
        [key](BIO* bio) { return ::PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    struct Free {
        void operator()(X509_EXTENSION* extension) const { ::X509_EXTENSION_free(extension); }
    };
    const std::unique_ptr<X509_EXTENSION, Free> extension{
        ::X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str())};
    require(extension != nullptr && ::X509_add_ext(certificate, extension.get(), -1) == 1);
}

void set_name(X509_NAME* name, const std::string& common_name) {
    const auto* const text = reinterpret_cast<const unsigned char*>(common_name.c_str());
    require(::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1);
}

}  // namespace

CertificateAuthority::CertificateAuthority() : key_{make_key()} {
    certificate_ = sign(key_.get(), "Test authority", CertificateRequest{}, true);
}

std::string CertificateAuthority::certificate() const { return certificate_pem(certificate_.get()); }

Identity CertificateAuthority::issue(const CertificateRequest& request) const {
    const Key key = make_key();
    const Certificate certificate = sign(key.get(), "Test server", request, false);
    return Identity{certificate_pem(certificate.get()), key_pem(key.get())};
}

Identity CertificateAuthority::issue_expired() const {
    CertificateRequest request;
    request.from = std::chrono::hours{-48};
    request.until = std::chrono::hours{-24};
    return issue(request);
}

Identity CertificateAuthority::issue_for_another_host() const {
    CertificateRequest request;
    request.names = "DNS:another.example,IP:192.0.2.1";
    return issue(request);
}

CertificateAuthority::Key CertificateAuthority::make_key() {
    Key key{EVP_EC_gen("P-256")};
    require(key != nullptr);
    return key;
}

CertificateAuthority::Certificate CertificateAuthority::sign(EVP_PKEY* subject, const std::string& name,
                                                             const CertificateRequest& request,
                                                             bool is_authority) const {
    Certificate certificate{::X509_new()};
    X509* const made = certificate.get();
    require(made != nullptr && ::X509_set_version(made, X509_VERSION_3) == 1);
    std::uint64_t serial = 0;
    require(::RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
    require(::ASN1_INTEGER_set_uint64(::X509_get_serialNumber(made), serial) == 1);
    const auto seconds = [](std::chrono::hours hours) {
        return static_cast<long>(std::chrono::seconds{hours}.count());
    };
    require(::X509_gmtime_adj(X509_getm_notBefore(made), seconds(request.from)) != nullptr);
    require(::X509_gmtime_adj(X509_getm_notAfter(made), seconds(request.until)) != nullptr);
    set_name(::X509_get_subject_name(made), name);
    require(::X509_set_pubkey(made, subject) == 1);
    X509* const issuer = is_authority ? made : certificate_.get();
    require(::X509_set_issuer_name(made, ::X509_get_subject_name(issuer)) == 1);
    if (is_authority) {
        add_extension(made, issuer, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(made, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
        add_extension(made, issuer, NID_subject_key_identifier, "hash");
    } else {
        add_extension(made, issuer, NID_subject_alt_name, request.names);
        add_extension(made, issuer, NID_ext_key_usage, "serverAuth");
        add_extension(made, issuer, NID_authority_key_identifier, "keyid");
    }
    require(::X509_sign(made, key_.get(), ::EVP_sha256()) != 0);
    return certificate;
}

}  // namespace test
