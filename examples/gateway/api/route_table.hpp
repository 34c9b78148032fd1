// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_ROUTE_TABLE_HPP
#define GATEWAY_API_ROUTE_TABLE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <gateway/http/message.hpp>

namespace gateway {

/// The paths that there are; none: any other.
enum class Route : std::uint8_t { generate, job, metrics, healthz, readyz, none };

/// What is known of a route before any request: for whoever routes, and whoever counts.
struct RouteRule {
    std::string_view name;     ///< in the metrics
    std::string_view path;     ///< what it is, or begins with
    std::string_view methods;  ///< for Allow
    bool prefix = false;
    bool probe = false;  ///< for balancers: reveals nothing, so anybody may ask
};

/// In the order of Route.
inline constexpr std::array<RouteRule, 6> route_table{{
    {"/generate", "/generate", "POST"},
    {"/jobs/{id}", "/jobs/", "GET, HEAD", true},
    {"/metrics", "/metrics", "GET, HEAD"},
    {"/healthz", "/healthz", "GET, HEAD", false, true},
    {"/readyz", "/readyz", "GET, HEAD", false, true},
    {"none", "", ""},
}};

inline constexpr const RouteRule& rule_of(Route route) { return route_table[static_cast<std::size_t>(route)]; }

/// A request's target in two: the path, and what follows the question mark.
struct Target {
    std::string_view path;
    std::string_view query;
};

inline Target split_target(std::string_view target) {
    const std::size_t mark = target.find('?');
    return {target.substr(0, mark), mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1)};
}

inline Route route_of(std::string_view path) {
    for (std::size_t i = 0; i + 1 < route_table.size(); ++i) {
        if (route_table[i].prefix ? path.starts_with(route_table[i].path) : path == route_table[i].path) {
            return static_cast<Route>(i);
        }
    }
    return Route::none;
}

inline bool takes(Route route, http::verb method) {
    return route == Route::generate ? method == http::verb::post
                                    : method == http::verb::get || method == http::verb::head;
}

}  // namespace gateway

#endif  // GATEWAY_API_ROUTE_TABLE_HPP
