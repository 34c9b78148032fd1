// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/verdict.hpp>

#include <string>

#include <boost/algorithm/string/replace.hpp>

#include <gateway/base/utf8.hpp>
#include <gateway/upstream/retry.hpp>

namespace gateway {

namespace {

constexpr std::size_t longest_quote = 500;

using Next = Verdict::Next;

/// The start of the upstream's own words.
std::string quote_start(std::string message, std::initializer_list<std::string_view> secrets) {
    // An upstream may quote the token that it does not take, or say where it is.
    for (const std::string_view secret : secrets) {
        boost::replace_all(message, secret, "(...)");
    }
    const std::string_view start = utf8_start(message, longest_quote);
    return ": " + std::string{start} + (start.size() < message.size() ? "..." : "");
}

/// The same, where its body has the usual form {"error": {"message": ...}}; else nothing.
std::string message_of(const std::string& body, std::initializer_list<std::string_view> secrets) {
    Json json;
    try {
        json = parse_json(body);
    } catch (const JsonError&) {
        return {};
    }
    for (const char* const path : {"/error/message", "/0/error/message", "/error", "/message"}) {
        const Json::json_pointer pointer{path};
        if (json.contains(pointer) && json.at(pointer).is_string()) {
            return quote_start(json.at(pointer).get<std::string>(), secrets);
        }
    }
    return {};
}

/// What the client is told of a status, but for the message.
Failure failure_of(unsigned status) {
    Failure failure;
    failure.status = 502;
    failure.code = "upstream_failed";
    switch (status) {
        case 401:
        case 403:
        case 407:
            failure.code = "upstream_denied";
            break;
        case 408:
        case 504:
            failure.status = 504;
            failure.code = "upstream_timeout";
            failure.retryable = true;
            break;
        case 429:
            failure.status = 429;
            failure.code = "upstream_rate_limited";
            failure.retryable = true;
            break;
        case 503:
            failure.status = 503;
            failure.code = "upstream_unavailable";
            failure.retryable = true;
            break;
        default:
            if (status >= 400 && status < 500) {
                failure.status = status;
                failure.code = "upstream_rejected";
            }
            failure.retryable = status >= 500;
            break;
    }
    return failure;
}

Next next_after(http::status status) {
    switch (status) {
        case http::status::bad_request:
            return Next::amend;
        case http::status::unauthorized:
            return Next::renew_token;
        case http::status::too_many_requests:
            return Next::wait;
        default:
            return may_retry(status) ? Next::retry : Next::give_up;
    }
}

}  // namespace

Verdict judge_status(const HttpResponse& response, std::initializer_list<std::string_view> secrets, std::time_t now) {
    Verdict verdict;
    verdict.next = next_after(response.result());
    verdict.retry_after = parse_retry_after(view(response[http::field::retry_after]), now);
    verdict.failure = failure_of(response.result_int());
    verdict.failure.message = "the upstream answered with status " + std::to_string(response.result_int()) +
                              message_of(response.body(), secrets);
    if (verdict.retry_after && verdict.failure.retryable) {
        verdict.failure.retry_after = std::chrono::ceil<std::chrono::seconds>(*verdict.retry_after);
    }
    return verdict;
}

Verdict judge(const TransportError& error) {
    Verdict verdict;
    verdict.next = may_retry(error) ? Next::retry : Next::give_up;
    verdict.failure.status = error.timed_out() ? 504 : 502;
    verdict.failure.code = error.timed_out()                                    ? "upstream_timeout"
                           : error.stage() == TransportError::Stage::connecting ? "upstream_unreachable"
                                                                                : "upstream_failed";
    verdict.failure.message = "the upstream: " + error.problem();
    verdict.failure.retryable = true;
    return verdict;
}

Failure judge(const BrokenOff& error, std::initializer_list<std::string_view> secrets) {
    return {502, "upstream_broke_off", "the upstream broke off its answer" + quote_start(error.what(), secrets), true,
            std::nullopt};
}

Verdict judge(const TokenError& error) {
    Verdict verdict;
    verdict.next = error.temporary() ? Next::retry : Next::give_up;
    verdict.failure.status = 502;
    verdict.failure.code = "upstream_denied";
    verdict.failure.message = "the gateway has no access token for the upstream";
    verdict.failure.retryable = error.temporary();
    return verdict;
}

}  // namespace gateway
