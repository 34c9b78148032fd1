// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_ALLOWED_HOSTS_HPP
#define GATEWAY_API_ALLOWED_HOSTS_HPP

#include <string>
#include <string_view>
#include <vector>

namespace gateway {

/// Under which names a gateway without a token may be reached: those of this machine (localhost, loopback addresses),
/// and those that it is given.
///
/// Any page that a user of this machine looks at can make the browser send requests here. The browser says so: in Host,
/// which holds the page's name where that was made to point here (DNS rebinding), and in Origin.
class AllowedHosts {
  public:
    /// names: of hosts; upper and lower case are the same. One with a port, as in gateway.example:8443, stands for that
    /// port alone, and one without for each.
    explicit AllowedHosts(const std::vector<std::string>& names = {});

    /// host: the value of Host. An empty one is allowed: no browser sends it.
    [[nodiscard]] bool has_host(std::string_view host) const;

    /// origin: the value of Origin, such as https://example.com:8443.
    [[nodiscard]] bool has_origin(std::string_view origin) const;

  private:
    struct Name {
        std::string host;
        std::string port;  ///< empty: any
    };

    std::vector<Name> names_;
};

/// The names in a list with commas, without the spaces around them.
[[nodiscard]] std::vector<std::string> split_names(std::string_view list);

}  // namespace gateway

#endif  // GATEWAY_API_ALLOWED_HOSTS_HPP
