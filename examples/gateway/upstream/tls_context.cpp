// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/tls_context.hpp>

#include <stdexcept>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace gateway {
namespace {

error_code last_error() { return {static_cast<int>(::ERR_get_error()), net::error::get_ssl_category()}; }

}  // namespace

net::ssl::context client_tls_context(const std::string& ca_file) {
    net::ssl::context context{net::ssl::context::tls_client};
    ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    context.set_verify_mode(net::ssl::verify_peer);
    if (ca_file.empty()) {
        context.set_default_verify_paths();
        return context;
    }
    error_code error;
    context.load_verify_file(ca_file, error);
    if (error) {
        throw std::invalid_argument{"the file of certificate authorities \"" + ca_file + "\" cannot be used (" +
                                    error.message() + "); it must be a readable file of PEM certificates"};
    }
    return context;
}

error_code expect_host(SSL* session, const std::string& host) {
    error_code not_an_address;
    net::ip::make_address(host, not_an_address);
    ::ERR_clear_error();
    // With OpenSSL's own check, unlike with a callback, the session knows afterwards that it was the name.
    if (!not_an_address) {
        const bool set = ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(session), host.c_str()) == 1;
        return set ? error_code{} : last_error();
    }
    ::SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool set =
        ::SSL_set1_host(session, host.c_str()) == 1 && SSL_set_tlsext_host_name(session, host.c_str()) == 1;
    return set ? error_code{} : last_error();
}

std::string handshake_problem(const SSL* session, const error_code& error) {
    switch (const long result = ::SSL_get_verify_result(session)) {
        case X509_V_OK:
            break;
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return "its certificate has expired";
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return "its certificate is not valid yet; is this machine's clock right?";
        case X509_V_ERR_CERT_REVOKED:
            return "its certificate has been revoked";
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "its certificate is for another host";
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return "its certificate is signed by an unknown authority";
        default:
            return std::string{"its certificate is not valid: "} + ::X509_verify_cert_error_string(result);
    }
    const bool no_tls = error.category() == net::error::get_ssl_category() &&
                        ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_WRONG_VERSION_NUMBER;
    if (no_tls) {
        return "it does not speak TLS; is its URL http://...?";
    }
    if (error == net::error::eof || error == net::ssl::error::stream_truncated) {
        return "it closed the connection";
    }
    return error.message();
}

}  // namespace gateway
