// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/token_endpoint.hpp>

#include <algorithm>
#include <sstream>
#include <string_view>
#include <utility>

namespace gateway {
namespace {

constexpr std::size_t longest_token = 16 * 1024;
constexpr std::size_t longest_word = 100;
constexpr std::size_t longest_description = 300;

std::string without_secrets(std::string_view text) {
    std::string printable{text.substr(0, 4 * longest_description)};
    std::ranges::replace_if(printable, [](char c) { return c < ' ' || c > '~'; }, ' ');
    std::string result;
    std::istringstream words{printable};
    for (std::string word; words >> word;) {
        result += result.empty() ? "" : " ";
        result += word.size() > longest_word ? "(...)" : word;
    }
    if (result.size() > longest_description) {
        result.replace(longest_description, std::string::npos, "...");
    }
    return result;
}

std::string text_of(const Json& object, const char* member) {
    const auto found = object.find(member);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// {"error": "invalid_grant", "error_description": "..."}, or {"error": {"message": "..."}}.
std::string error_in(const std::string& body) {
    Json answer;
    try {
        answer = parse_json(body);
    } catch (const JsonError&) {
        return "";
    }
    if (!answer.is_object() || !answer.contains("error")) {
        return "";
    }
    if (answer["error"].is_object()) {
        return text_of(answer["error"], "message");
    }
    std::string text = text_of(answer, "error");
    if (const std::string description = text_of(answer, "error_description"); !description.empty()) {
        text.append(": ").append(description);
    }
    return text;
}

}  // namespace

TokenError token_error(const Origin& origin, const std::string& why, bool temporary, unsigned status) {
    return {"cannot get an access token from " + origin.host + ": " + why, temporary, status};
}

std::string describe_refusal(const HttpResponse& response) {
    const http::status status = http::int_to_status(response.result_int());  // unknown, if it is none of HTTP's
    std::string text = "it answers " + std::to_string(response.result_int());
    if (status != http::status::unknown) {
        text += ' ';
        text += view(http::obsolete_reason(status));
    }
    if (const std::string error = without_secrets(error_in(response.body())); !error.empty()) {
        text.append(" (").append(error).append(")");
    }
    return text;
}

net::awaitable<Json> ask_token_endpoint(HttpTransport& transport, const Origin& origin, UpstreamRequest request) {
    HttpResponse response;
    try {
        response = co_await transport.send(origin, std::move(request), Clock::now() + token_deadline);
    } catch (const TransportError& error) {
        throw token_error(origin, error.what(), true);
    }
    const unsigned status = response.result_int();
    if (status != 200) {
        throw token_error(origin, describe_refusal(response), status == 429 || status >= 500, status);
    }
    try {
        co_return parse_json(response.body());
    } catch (const JsonError&) {  // which quotes what it read: perhaps the token
        throw token_error(origin, "its answer is not JSON");
    }
}

std::string token_in(const Origin& origin, const Json& answer, const char* member) {
    std::string token = answer.is_object() ? text_of(answer, member) : std::string{};
    const auto fits = [](char c) { return c > ' ' && c <= '~'; };
    if (token.empty() || token.size() > longest_token || !std::ranges::all_of(token, fits)) {
        throw token_error(origin, std::string{"its answer has no "} + member + " that can be used");
    }
    return token;
}

AccessToken oauth_token(const Origin& origin, const Json& answer) {
    AccessToken token;
    token.value = token_in(origin, answer, "access_token");
    const auto lifetime = answer.find("expires_in");
    // A week at most, which also keeps the number in its type.
    const std::chrono::seconds longest = std::chrono::weeks{1};
    if (lifetime == answer.end() || !lifetime->is_number() || !(lifetime->get<double>() >= 1)) {
        throw token_error(origin, "its answer does not say in how many seconds the token expires");
    }
    const double seconds = std::min(lifetime->get<double>(), static_cast<double>(longest.count()));
    token.lifetime = std::chrono::seconds{static_cast<std::int64_t>(seconds)};
    return token;
}

}  // namespace gateway
