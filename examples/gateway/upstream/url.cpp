// SPDX-License-Identifier: Apache-2.0
#include "url.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace gateway {

std::optional<Url> parse_url(std::string_view text) {
    const auto parsed = boost::urls::parse_uri(boost::urls::string_view{text.data(), text.size()});
    if (!parsed) {
        return std::nullopt;
    }
    const boost::urls::url_view& url = *parsed;
    const bool tls = url.scheme_id() == boost::urls::scheme::https;
    if (!tls && url.scheme_id() != boost::urls::scheme::http) {
        return std::nullopt;
    }
    const std::string host = url.host_address();
    // A name that only decodes to a host, and a port that no number was made of.
    const bool encoded = host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") !=
                         std::string::npos;
    const bool bad_port = url.has_port() && url.port_number() == 0;
    if (host.empty() || encoded || bad_port || url.has_userinfo() || url.has_fragment()) {
        return std::nullopt;
    }
    Url result;
    result.origin.tls = tls;
    result.origin.host = host;
    result.origin.port = url.has_port() ? url.port_number() : static_cast<std::uint16_t>(tls ? 443 : 80);
    result.target = url.encoded_path().empty() ? "/" : std::string{url.encoded_path()};
    if (url.has_query()) {
        result.target += '?';
        result.target += std::string{url.encoded_query()};
    }
    return result;
}

bool is_private(const Origin& origin) { return origin.tls || is_loopback(origin.host); }

bool is_loopback(std::string_view host) {
    if (host == "localhost") {
        return true;
    }
    error_code error;
    const auto address = net::ip::make_address(std::string{host}, error);
    return !error && address.is_loopback();
}

}  // namespace gateway
