// SPDX-License-Identifier: Apache-2.0
#include <gateway/http/url.hpp>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include <boost/url/grammar/alnum_chars.hpp>
#include <boost/url/grammar/ci_string.hpp>
#include <boost/url/grammar/lut_chars.hpp>
#include <boost/url/host_type.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/scheme.hpp>
#include <boost/url/url_view.hpp>

namespace gateway {
namespace {

namespace urls = boost::urls;

constexpr std::string_view example = "write it like https://example.com/v1 or http://127.0.0.1:8000";

std::uint16_t default_port(bool tls) { return tls ? 443 : 80; }

/// What may be shown of text: a user and a password stand before an @, keys in the query.
std::string quoted(std::string_view text) {
    if (text.find('@') != std::string_view::npos) {
        return "the URL (not shown, as it may hold a password)";
    }
    const std::size_t end = text.find_first_of("?#");
    constexpr std::size_t longest = 200;
    const std::string_view shown = text.substr(0, std::min(end, longest));
    std::string result{'"'};
    result += shown;
    result += shown.size() < text.size() ? "...\"" : "\"";
    return result;
}

[[noreturn]] void refuse_url(std::string_view text, std::string_view why) {
    throw std::invalid_argument{quoted(text) + " cannot be used: " + std::string{why} + "; " + std::string{example}};
}

std::string host_of(const urls::url_view& url, std::string_view text) {
    switch (url.host_type()) {
        case urls::host_type::ipv4:
        case urls::host_type::name:
            break;
        case urls::host_type::ipv6:
            return url.host_ipv6_address().to_string();
        case urls::host_type::none:
            refuse_url(text, "it names no host");
        default:
            refuse_url(text, "its host is neither a name nor an address");
    }
    const auto encoded = url.encoded_host();
    std::string host{encoded.data(), encoded.size()};
    if (host.empty()) {
        refuse_url(text, "it names no host");
    }
    constexpr auto valid = urls::grammar::alnum_chars + urls::grammar::lut_chars{"-._"};
    if (!std::ranges::all_of(host, valid)) {
        refuse_url(text, "its host has other characters than letters, digits, '-', '_' and '.'");
    }
    std::ranges::transform(host, host.begin(), urls::grammar::to_lower);
    return host;
}

std::uint16_t port_of(const urls::url_view& url, bool tls, std::string_view text) {
    // Boost 1.81 ends a port at the first character that is no digit, and has a path begin there.
    if (!url.encoded_path().empty() && url.encoded_path().front() != '/') {
        refuse_url(text, "its port is not a number");
    }
    if (url.port().empty()) {
        return default_port(tls);
    }
    const std::uint16_t port = url.port_number();  // 0: too large, or 0
    if (port == 0) {
        refuse_url(text, "its port is not between 1 and 65535");
    }
    return port;
}

}  // namespace

Url parse_url(std::string_view text) {
    const auto parsed = urls::parse_uri({text.data(), text.size()});
    if (!parsed) {
        refuse_url(text, "it is not an absolute URL");
    }
    const urls::url_view url = *parsed;
    if (url.scheme_id() != urls::scheme::http && url.scheme_id() != urls::scheme::https) {
        refuse_url(text, "it begins with neither http:// nor https://");
    }
    if (url.has_userinfo()) {
        refuse_url(text, "it has a user or a password in it");
    }
    if (url.has_query() || url.has_fragment()) {
        refuse_url(text, "it has a query or a fragment ('?' or '#')");
    }
    Url result;
    result.origin.tls = url.scheme_id() == urls::scheme::https;
    result.origin.host = host_of(url, text);
    result.origin.port = port_of(url, result.origin.tls, text);
    const auto path = url.encoded_path();
    result.path.assign(path.data(), path.size());
    result.path.erase(result.path.find_last_not_of('/') + 1);
    return result;
}

std::string authority(const Origin& origin) {
    std::string text = origin.host;
    if (text.find(':') != std::string::npos) {  // an IPv6 address
        text.insert(text.begin(), '[');
        text += ']';
    }
    if (origin.port != default_port(origin.tls)) {
        text += ':';
        text += std::to_string(origin.port);
    }
    return text;
}

std::string to_string(const Origin& origin) { return (origin.tls ? "https://" : "http://") + authority(origin); }

}  // namespace gateway
