// SPDX-License-Identifier: Apache-2.0
#include "request_rules.hpp"

#include <algorithm>
#include <string_view>

namespace gateway {

namespace {

bool is_digits(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<BrokenRule> bad(std::string why) { return BrokenRule{http::status::bad_request, std::move(why)}; }

}  // namespace

std::optional<BrokenRule> broken_rule(const HttpRequest& request) {
    if (request.version() != 10 && request.version() != 11) {
        return BrokenRule{http::status::http_version_not_supported, "HTTP/1.0 and HTTP/1.1 are spoken here"};
    }
    const std::size_t hosts = request.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && request.version() == 11)) {
        return bad("an HTTP/1.1 request has one Host");
    }
    const std::size_t encodings = request.count(http::field::transfer_encoding);
    if (encodings > 0) {
        if (request.count(http::field::content_length) > 0) {
            return bad("Content-Length and Transfer-Encoding exclude each other");
        }
        if (request.version() == 10) {
            return bad("HTTP/1.0 has no Transfer-Encoding");
        }
        if (encodings > 1 || !beast::iequals(request[http::field::transfer_encoding], "chunked")) {
            return BrokenRule{http::status::not_implemented, "the only Transfer-Encoding taken is chunked"};
        }
    }
    if (request.count(http::field::content_length) > 1) {
        return bad("Content-Length is there more than once");
    }
    if (request.count(http::field::content_length) == 1 && !is_digits(view(request[http::field::content_length]))) {
        return bad("Content-Length is not a number");
    }
    const std::string_view target = view(request.target());
    if (!target.starts_with('/') && target != "*") {
        return bad("the target of a request begins with /");
    }
    return std::nullopt;
}

}  // namespace gateway
