// SPDX-License-Identifier: Apache-2.0
#include "message.hpp"

namespace gateway {

HttpResponse json_response(http::status status, const Json& body) {
    HttpResponse response;
    response.result(status);
    response.set(http::field::content_type, "application/json");
    response.body() = dump(body);
    response.body() += '\n';
    response.prepare_payload();
    return response;
}

HttpResponse error_response(http::status status, std::string_view why) {
    Json body;
    body["error"] = why;
    return json_response(status, body);
}

}  // namespace gateway
