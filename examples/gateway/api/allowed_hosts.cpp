// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/allowed_hosts.hpp>

#include <algorithm>

#include <boost/algorithm/string/split.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <boost/url/grammar/ci_string.hpp>

#include <gateway/http/loopback.hpp>

namespace gateway {

namespace {

std::string lower(std::string_view text) {
    std::string result{text};
    std::ranges::transform(result, result.begin(), boost::urls::grammar::to_lower);
    return result;
}

/// A host's name or address: without brackets, the port, and the dot of a name that is absolute.
std::string host_of(std::string_view authority) {
    if (authority.starts_with('[')) {
        return lower(authority.substr(1, authority.find(']') - 1));
    }
    // More than one colon: an IPv6 address that has no brackets, and so no port.
    const std::size_t colon = authority.find(':');
    if (colon == authority.rfind(':')) {
        authority = authority.substr(0, colon);
    }
    if (authority.ends_with('.')) {
        authority.remove_suffix(1);
    }
    return lower(authority);
}

/// Empty: it has none.
std::string port_of(std::string_view authority) {
    const std::size_t end = authority.starts_with('[') ? authority.find(']') : 0;
    const std::size_t colon = authority.find(':', std::min(end, authority.size()));
    return colon != std::string_view::npos && colon == authority.rfind(':') ? std::string{authority.substr(colon + 1)}
                                                                            : std::string{};
}

}  // namespace

AllowedHosts::AllowedHosts(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        names_.push_back({host_of(name), port_of(name)});
    }
}

bool AllowedHosts::has_host(std::string_view host) const {
    if (host.empty()) {
        return true;
    }
    const std::string name = host_of(host);
    const std::string port = port_of(host);
    return is_loopback(name) || std::ranges::any_of(names_, [&](const Name& allowed) {
               return allowed.host == name && (allowed.port.empty() || allowed.port == port);
           });
}

bool AllowedHosts::has_origin(std::string_view origin) const {
    constexpr std::string_view mark = "://";
    const std::size_t scheme = origin.find(mark);
    // "null" is what a page says that hides where it is from.
    return scheme != std::string_view::npos && scheme + mark.size() < origin.size() &&
           has_host(origin.substr(scheme + mark.size()));
}

std::vector<std::string> split_names(std::string_view list) {
    std::vector<std::string> names;
    boost::split(names, list, [](char c) { return c == ','; });
    std::ranges::for_each(names, [](std::string& name) { boost::trim(name); });
    std::erase(names, "");
    return names;
}

}  // namespace gateway
