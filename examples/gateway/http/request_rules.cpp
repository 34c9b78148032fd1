// SPDX-License-Identifier: Apache-2.0
#include <gateway/http/request_rules.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace gateway {

namespace {

/// Whether text may be a host and a port. It is not taken apart: what is kept out is what does not belong to either.
bool is_authority(std::string_view text) {
    return text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()*+;=:[]") ==
           std::string_view::npos;
}

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<Refusal> wrong_host(const HttpRequest& request) {
    const std::size_t hosts = request.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && request.version() == 11)) {
        return bad_request("an HTTP/1.1 request has one Host, this one " + std::to_string(hosts));
    }
    if (!is_authority(view(request[http::field::host]))) {
        return bad_request("Host is not a host");
    }
    return std::nullopt;
}

struct AbsoluteForm {
    std::string_view authority;
    std::string_view path;  ///< and query
};

std::optional<AbsoluteForm> absolute_form(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (beast::iequals(target.substr(0, scheme.size()), scheme)) {
            target.remove_prefix(scheme.size());
            const std::size_t end = std::min(target.find_first_of("/?"), target.size());
            return AbsoluteForm{target.substr(0, end), target.substr(end)};
        }
    }
    return std::nullopt;
}

std::optional<Refusal> wrong_target(std::string_view target) {
    const std::optional<AbsoluteForm> absolute = absolute_form(target);
    if (absolute ? absolute->authority.empty() || !is_authority(absolute->authority)
                 : !target.starts_with('/') && target != "*") {
        return bad_request("the target of a request is a path, or an http:// address with a host");
    }
    return std::nullopt;
}

std::optional<Refusal> wrong_framing(const HttpRequest& request) {
    const std::size_t lengths = request.count(http::field::content_length);
    const std::size_t encodings = request.count(http::field::transfer_encoding);
    if (lengths > 0 && encodings > 0) {
        return bad_request("Content-Length and Transfer-Encoding exclude each other");
    }
    if (lengths > 1) {
        return bad_request("Content-Length is there more than once");
    }
    if (lengths == 1 && !is_number(view(request[http::field::content_length]))) {
        return bad_request("Content-Length is not a number");
    }
    if (encodings > 0 && request.version() == 10) {
        return bad_request("HTTP/1.0 has no Transfer-Encoding");
    }
    if (encodings > 1 || (encodings == 1 && !beast::iequals(request[http::field::transfer_encoding], "chunked"))) {
        return Refusal{http::status::not_implemented, "the only Transfer-Encoding taken is chunked"};
    }
    return std::nullopt;
}

}  // namespace

std::optional<Refusal> broken_rule(const HttpRequest& request) {
    if (std::optional<Refusal> refusal = wrong_host(request)) {
        return refusal;
    }
    if (std::optional<Refusal> refusal = wrong_target(view(request.target()))) {
        return refusal;
    }
    if (std::optional<Refusal> refusal = wrong_framing(request)) {
        return refusal;
    }
    if (request.count(http::field::expect) > 0 && !beast::iequals(request[http::field::expect], "100-continue")) {
        return Refusal{http::status::expectation_failed, "the only Expect taken is 100-continue"};
    }
    return std::nullopt;
}

void to_origin_form(HttpRequest& request) {
    const std::string target{view(request.target())};
    if (const std::optional<AbsoluteForm> absolute = absolute_form(target)) {
        request.set(http::field::host, absolute->authority);
        request.target(absolute->path.starts_with('/') ? std::string{absolute->path}
                                                       : '/' + std::string{absolute->path});
    }
}

}  // namespace gateway
