// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/vertex.hpp>

#include <gateway/upstream/find_member.hpp>
#include <gateway/upstream/model.hpp>

namespace gateway {

Origin vertex_origin(std::string_view location) {
    Origin origin;
    origin.tls = true;
    origin.host = location == "global" ? "" : std::string{location} + '-';
    origin.host += "aiplatform.googleapis.com";
    origin.port = 443;
    return origin;
}

VertexApi::VertexApi(std::string_view base_path, std::string_view project, std::string_view location,
                     std::string_view model)
    : target_{base_path} {
    target_.append("/v1/projects/").append(project).append("/locations/").append(location);
    target_.append("/publishers/google/models/").append(model).append(":generateContent");
}

UpstreamRequest VertexApi::make_request(SharedText body) const {
    UpstreamRequest message{http::verb::post, target_, 11};
    message.set(http::field::content_type, "application/json");
    message.body() = std::move(body);
    return message;
}

ModelAnswer VertexApi::read_response(const Json& body) const {
    // No candidates is an answer, too: promptFeedback says why.
    const Json* const candidates = find_member(body, "candidates");
    const Json* const feedback = find_member(body, "promptFeedback");
    if (candidates == nullptr ? feedback == nullptr || !feedback->is_object() : !candidates->is_array()) {
        throw UpstreamError{Failure{502, "upstream_answer_not_understood",
                                    "the upstream's answer is no generateContent response", false, std::nullopt}};
    }
    return {dump(body), usage_of(body)};
}

}  // namespace gateway
