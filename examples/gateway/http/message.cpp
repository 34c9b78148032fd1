// SPDX-License-Identifier: Apache-2.0
#include <gateway/http/message.hpp>

#include <utility>

namespace gateway {

HttpResponse json_response(http::status status, const Json& body) { return json_text_response(status, dump(body)); }

HttpResponse json_text_response(http::status status, std::string body) {
    HttpResponse response;
    response.result(status);
    response.set(http::field::content_type, "application/json");
    response.body() = std::move(body);
    response.body() += '\n';
    response.prepare_payload();
    return response;
}

HttpResponse error_response(const Failure& failure) {
    Json body;
    body["error"] = to_json(failure);
    HttpResponse response = json_response(http::int_to_status(failure.status), body);
    response.result(failure.status);  // also one without a name
    if (failure.retry_after) {
        response.set(http::field::retry_after, std::to_string(failure.retry_after->count()));
    }
    return response;
}

HttpResponse error_response(http::status status, std::string_view why) {
    return error_response(failure_of_status(static_cast<unsigned>(status), why));
}

}  // namespace gateway
