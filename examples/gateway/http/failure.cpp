// SPDX-License-Identifier: Apache-2.0
#include <gateway/http/failure.hpp>

#include <boost/beast/http/status.hpp>

namespace gateway {

namespace {

/// "Not Found" to "not_found".
std::string word(std::string_view reason) {
    std::string result;
    for (const char c : reason) {
        result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == ' ' || c == '-' ? '_' : c;
    }
    return result;
}

}  // namespace

Failure failure_of_status(unsigned status, std::string_view message) {
    const auto reason = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
    Failure failure;
    failure.status = status;
    failure.code = word({reason.data(), reason.size()});
    failure.message = message;
    failure.retryable = status == 408 || status == 429 || status == 503 || status == 504;
    return failure;
}

Json to_json(const Failure& failure) {
    Json json;
    json["code"] = failure.code;
    json["status"] = failure.status;
    json["message"] = failure.message;
    json["retryable"] = failure.retryable;
    if (failure.retry_after) {
        json["retry_after_seconds"] = failure.retry_after->count();
    }
    return json;
}

std::string failure_text(const Failure& failure) { return dump(to_json(failure)); }

Failure read_failure(std::string_view text) {
    Failure failure;
    try {
        const Json json = parse_json(text);
        failure.code = json.at("code").get<std::string>();
        failure.status = json.at("status").get<unsigned>();
        failure.message = json.at("message").get<std::string>();
        failure.retryable = json.at("retryable").get<bool>();
        if (json.contains("retry_after_seconds")) {
            failure.retry_after = std::chrono::seconds{json.at("retry_after_seconds").get<std::int64_t>()};
        }
        return failure;
    } catch (const JsonError&) {
    } catch (const Json::exception&) {
    }
    failure.status = 502;
    failure.code = "unknown";
    failure.message = text;
    return failure;
}

}  // namespace gateway
