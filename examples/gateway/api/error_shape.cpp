// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/error_shape.hpp>

#include <algorithm>
#include <string>
#include <string_view>

#include <gateway/base/json_writer.hpp>

namespace gateway {

namespace {

/// As google.rpc.Code is written for a status of HTTP.
std::string_view rpc_status(unsigned status) {
    switch (status) {
        case 401:
            return "UNAUTHENTICATED";
        case 403:
            return "PERMISSION_DENIED";
        case 404:
            return "NOT_FOUND";
        case 405:
        case 501:
            return "UNIMPLEMENTED";
        case 409:
            return "ABORTED";
        case 499:
            return "CANCELLED";
        case 429:
            return "RESOURCE_EXHAUSTED";
        case 502:
        case 503:
            return "UNAVAILABLE";
        case 504:
            return "DEADLINE_EXCEEDED";
        default:
            return status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT";
    }
}

std::string_view openai_type(unsigned status) {
    switch (status) {
        case 401:
            return "authentication_error";
        case 403:
            return "permission_error";
        case 429:
            return "rate_limit_error";
        default:
            return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

std::string upper_case(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return text;
}

std::string openai_error(const Failure& failure) {
    JsonWriter json;
    json.begin_object().key("error").begin_object().member("message", failure.message);
    json.member("type", openai_type(failure.status)).key("param").raw("null").member("code", failure.code);
    return json.end_object().end_object().take();
}

std::string gemini_error(const Failure& failure) {
    JsonWriter json;
    json.begin_object().key("error").begin_object().member("code", failure.status);
    json.member("message", failure.message).member("status", rpc_status(failure.status));
    json.key("details").begin_array().begin_object();
    json.member("@type", "type.googleapis.com/google.rpc.ErrorInfo");
    json.member("reason", upper_case(failure.code)).member("domain", "gateway").end_object();
    if (failure.retry_after) {
        json.begin_object().member("@type", "type.googleapis.com/google.rpc.RetryInfo");
        json.member("retryDelay", std::to_string(failure.retry_after->count()) + 's').end_object();
    }
    return json.end_array().end_object().end_object().take();
}

}  // namespace

std::string error_text(ErrorShape shape, const Failure& failure) {
    switch (shape) {
        case ErrorShape::openai:
            return openai_error(failure);
        case ErrorShape::gemini:
            return gemini_error(failure);
        case ErrorShape::own:
            break;
    }
    return dump(Json{{"error", to_json(failure)}});
}

HttpResponse error_response(ErrorShape shape, const Failure& failure) {
    if (shape == ErrorShape::own) {
        return error_response(failure);
    }
    HttpResponse response = json_text_response(http::status::ok, error_text(shape, failure));
    response.result(failure.status);
    if (shape == ErrorShape::openai) {
        response.set("X-Should-Retry", failure.retryable ? "true" : "false");
    }
    if (failure.retry_after) {
        response.set(http::field::retry_after, std::to_string(failure.retry_after->count()));
    }
    return response;
}

}  // namespace gateway
