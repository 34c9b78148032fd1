// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/vertex.hpp>

#include <gateway/conversation/token_usage.hpp>
#include <gateway/dialects/gemini_answer_reader.hpp>
#include <gateway/dialects/gemini_request_writer.hpp>
#include <gateway/dialects/translate.hpp>

namespace gateway {

namespace {

constexpr UpstreamForm vertex_form{"this upstream, which is Vertex AI,"};

}  // namespace

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
    target_.append("/publishers/google/models/").append(model).append(":");
}

UpstreamRequest VertexApi::make_request(Delivery delivery, SharedText body) const {
    const std::string method = delivery == Delivery::whole ? "generateContent" : "streamGenerateContent?alt=sse";
    UpstreamRequest message{http::verb::post, target_ + method, 11};
    message.set(http::field::content_type, "application/json");
    message.body() = std::move(body);
    return message;
}

std::string VertexApi::translate(Dialect dialect, Delivery /*delivery*/, const Json& request) const {
    return dialect == Dialect::gemini ? dump(request)
                                      : write_gemini_request(read_request(dialect, request, vertex_form), vertex_form);
}

ModelAnswer VertexApi::read_response(const Json& body, Dialect dialect, std::string_view id) const {
    if (dialect == Dialect::gemini) {
        check_gemini_answer(body);
        return {dump(body), tokens_of(gemini_usage(body))};
    }
    const Answer answer = read_gemini_answer(body);
    return {write_answer(dialect, answer, id), tokens_of(answer.usage)};
}

}  // namespace gateway
