// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_VERTEX_HPP
#define GATEWAY_UPSTREAM_VERTEX_HPP

#include <string>
#include <string_view>

#include <gateway/http/url.hpp>
#include <gateway/upstream/api.hpp>

namespace gateway {

inline constexpr std::string_view default_vertex_model = "gemini-2.0-flash";

/// Where Vertex AI is served for a location such as "us-central1" or "global".
[[nodiscard]] Origin vertex_origin(std::string_view location);

/// Vertex AI's generateContent. Requests of its own dialect, and their responses, go through as they are; those of
/// another are translated.
class VertexApi : public Api {
  public:
    /// base_path: before the usual path; usually empty.
    VertexApi(std::string_view base_path, std::string_view project, std::string_view location, std::string_view model);

    [[nodiscard]] Dialect dialect() const override { return Dialect::gemini; }
    [[nodiscard]] std::string translate(Dialect dialect, Delivery delivery, const Json& request) const override;
    [[nodiscard]] UpstreamRequest make_request(Delivery delivery, SharedText body) const override;
    [[nodiscard]] ModelAnswer read_response(const Json& body, Dialect dialect, std::string_view id) const override;

  private:
    std::string target_;  ///< but for the method
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_VERTEX_HPP
