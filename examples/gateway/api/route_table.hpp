// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_ROUTE_TABLE_HPP
#define GATEWAY_API_ROUTE_TABLE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <gateway/api/error_shape.hpp>
#include <gateway/http/message.hpp>
#include <gateway/http/target.hpp>
#include <gateway/page/page.hpp>

namespace gateway {

/// The paths that there are; none: any other.
enum class Route : std::uint8_t {
    generate,
    job,
    chat,
    openai_models,
    openai_model,
    gemini_call,
    vertex_call,
    gemini_models,
    gemini_model,
    metrics,
    healthz,
    readyz,
    page,
    events,
    openapi,
    none
};

/// What is known of a route before any request: for whoever routes, and whoever counts.
struct RouteRule {
    std::string_view name;     ///< in the metrics
    std::string_view methods;  ///< for Allow
    ErrorShape errors = ErrorShape::own;
    bool probe = false;  ///< for balancers: reveals nothing, so anybody may ask
    bool open = false;   ///< has no secrets, so no token is wanted
};

/// In the order of Route.
inline constexpr std::array<RouteRule, 16> route_table{{
    {"/generate", "POST"},
    {"/jobs/{id}", "DELETE, GET, HEAD"},
    {"/v1/chat/completions", "POST", ErrorShape::openai},
    {"/v1/models", "GET, HEAD", ErrorShape::openai},
    {"/v1/models/{id}", "GET, HEAD", ErrorShape::openai},
    {"/v1beta/models/{model}:{method}", "POST", ErrorShape::gemini},
    {"/v1/projects/.../models/{model}:{method}", "POST", ErrorShape::gemini},
    {"/v1beta/models", "GET, HEAD", ErrorShape::gemini},
    {"/v1beta/models/{model}", "GET, HEAD", ErrorShape::gemini},
    {"/metrics", "GET, HEAD"},
    {"/healthz", "GET, HEAD", ErrorShape::own, true},
    {"/readyz", "GET, HEAD", ErrorShape::own, true},
    {"/", "GET, HEAD", ErrorShape::own, false, true},
    {"/events", "GET, HEAD"},
    {"/openapi.json", "GET, HEAD"},
    {"none", ""},
}};

inline constexpr const RouteRule& rule_of(Route route) { return route_table[static_cast<std::size_t>(route)]; }

inline constexpr std::string_view jobs_path = "/jobs/";
inline constexpr std::string_view openai_models_path = "/v1/models/";
inline constexpr std::string_view gemini_models_path = "/v1beta/models/";
/// Of Vertex AI, after project and location.
inline constexpr std::string_view publisher_models_path = "/publishers/google/models/";

/// The end of a path that asks something of a model: "gemini-2.0-flash:generateContent".
struct ModelCall {
    std::string_view model;   ///< as it is in the path, so percent-encoded
    std::string_view method;  ///< of the API
};

inline ModelCall split_model_call(std::string_view path) {
    const std::string_view call = path.substr(path.rfind('/') + 1);
    const std::size_t colon = call.rfind(':');
    return {call.substr(0, colon), colon == std::string_view::npos ? std::string_view{} : call.substr(colon + 1)};
}

inline Route route_of(std::string_view path) {
    for (const Route route : {Route::generate, Route::chat, Route::openai_models, Route::gemini_models, Route::metrics,
                              Route::healthz, Route::readyz, Route::events, Route::openapi}) {
        if (path == rule_of(route).name) {
            return route;
        }
    }
    if (find_page_file(path) != nullptr) {
        return Route::page;
    }
    if (path.starts_with(jobs_path)) {
        return Route::job;
    }
    if (path.starts_with(openai_models_path)) {
        return Route::openai_model;
    }
    const bool is_call = !split_model_call(path).method.empty();
    if (path.starts_with(gemini_models_path)) {
        return is_call ? Route::gemini_call : Route::gemini_model;
    }
    const bool has_project = path.starts_with("/v1/projects/") || path.starts_with("/v1beta1/projects/");
    return has_project && is_call && path.find(publisher_models_path) != std::string_view::npos ? Route::vertex_call
                                                                                                : Route::none;
}

/// Whether a request of that method has a body.
inline bool takes_body(http::verb method) { return method == http::verb::post; }

inline bool takes(Route route, http::verb method) {
    return rule_of(route).methods.find(view(http::to_string(method))) != std::string_view::npos;
}

}  // namespace gateway

#endif  // GATEWAY_API_ROUTE_TABLE_HPP
