// SPDX-License-Identifier: Apache-2.0
#include "fake_apis.hpp"

#include <cstdint>
#include <ctime>
#include <optional>
#include <sstream>
#include <utility>

#include <gateway/base/json.hpp>

namespace test {
namespace {

namespace http = gateway::http;
using gateway::HttpRequest;
using gateway::HttpResponse;
using gateway::Json;

constexpr std::string_view generate_suffix = ":generateContent";
constexpr std::string_view chat_path = "/v1/chat/completions";
constexpr std::string_view exchange_path = "/token";
constexpr std::string_view metadata_path = "/computeMetadata/v1/instance/service-accounts/default/token";
constexpr std::string_view impersonate_prefix = "/v1/projects/-/serviceAccounts/";
constexpr std::string_view impersonate_suffix = ":generateAccessToken";
constexpr int token_lifetime = 3600;  // seconds

std::int64_t words(const std::string& text) {
    std::istringstream stream{text};
    std::int64_t count = 0;
    for (std::string word; stream >> word;) {
        ++count;
    }
    return count;
}

bool is_chat(std::string_view target) { return target.ends_with(chat_path); }

/// The model's name: what is between "/models/" and ":generateContent".
std::optional<std::string> vertex_model(std::string_view target) {
    constexpr std::string_view models = "/models/";
    const std::size_t start = target.rfind(models);
    if (!target.ends_with(generate_suffix) || start == std::string_view::npos) {
        return std::nullopt;
    }
    target.remove_suffix(generate_suffix.size());
    return std::string{target.substr(start + models.size())};
}

HttpResponse generate(const std::string& model, const Json& request) {
    const Json& last = request.at("contents").back().at("parts").back();
    const bool is_result = last.contains("functionResponse");
    const std::string prompt =
        is_result ? last.at("functionResponse").at("response").dump() : last.at("text").get<std::string>();
    const std::string text = "echo: " + prompt;
    Json part;
    if (request.contains("tools") && !is_result) {
        const Json& function = request.at("tools").at(0).at("functionDeclarations").at(0);
        part["functionCall"] = {{"name", function.at("name")}, {"args", {{"text", prompt}}}};
    } else {
        part["text"] = text;
    }
    Json candidate;
    candidate["content"]["role"] = "model";
    candidate["content"]["parts"] = Json::array({part});
    candidate["finishReason"] = "STOP";
    Json body;
    body["candidates"] = Json::array({candidate});
    body["usageMetadata"]["promptTokenCount"] = words(prompt);
    body["usageMetadata"]["candidatesTokenCount"] = words(text);
    body["usageMetadata"]["totalTokenCount"] = words(prompt) + words(text);
    body["modelVersion"] = model;
    return gateway::json_response(http::status::ok, body);
}

HttpResponse chat(const Json& request, unsigned serial) {
    const Json& last = request.at("messages").back();
    const std::string prompt = last.at("content").get<std::string>();
    const std::string text = "echo: " + prompt;
    Json choice;
    choice["index"] = 0;
    choice["message"]["role"] = "assistant";
    if (request.contains("tools") && last.at("role") != "tool") {
        Json call = {{"id", "call-" + std::to_string(serial)}, {"type", "function"}};
        call["function"] = {{"name", request.at("tools").at(0).at("function").at("name")},
                            {"arguments", Json{{"text", prompt}}.dump()}};
        choice["message"]["content"] = nullptr;
        choice["message"]["tool_calls"] = Json::array({call});
        choice["finish_reason"] = "tool_calls";
    } else {
        choice["message"]["content"] = text;
        choice["finish_reason"] = "stop";
    }
    Json body;
    body["id"] = "chatcmpl-" + std::to_string(serial);
    body["object"] = "chat.completion";
    body["created"] = std::time(nullptr);
    body["model"] = request.at("model");
    body["choices"] = Json::array({choice});
    body["usage"]["prompt_tokens"] = words(prompt);
    body["usage"]["completion_tokens"] = words(text);
    body["usage"]["total_tokens"] = words(prompt) + words(text);
    return gateway::json_response(http::status::ok, body);
}

HttpResponse token_response(std::string token) {
    Json body;
    body["access_token"] = std::move(token);
    body["expires_in"] = token_lifetime;
    body["token_type"] = "Bearer";
    return gateway::json_response(http::status::ok, body);
}

HttpResponse exchange(const HttpRequest& request, unsigned serial) {
    const bool is_jwt =
        request.body().find("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer") != std::string::npos &&
        request.body().find("assertion=") != std::string::npos;
    if (!is_jwt) {
        Json body;
        body["error"] = "unsupported_grant_type";
        return gateway::json_response(http::status::bad_request, body);
    }
    return token_response("token-" + std::to_string(serial));
}

HttpResponse metadata(const HttpRequest& request, unsigned serial) {
    if (gateway::view(request["Metadata-Flavor"]) != "Google") {
        return gateway::error_response(http::status::forbidden, "Missing Metadata-Flavor:Google header.");
    }
    return token_response("metadata-token-" + std::to_string(serial));
}

HttpResponse impersonate(const HttpRequest& request, const Json& asked, unsigned serial) {
    if (!gateway::view(request[http::field::authorization]).starts_with("Bearer ")) {
        return api_error(gateway::view(request.target()), 401, "Request is missing a credential.");
    }
    if (asked.at("scope").empty()) {
        return api_error(gateway::view(request.target()), 400, "Scope is required.");
    }
    const std::time_t expiry = std::time(nullptr) + token_lifetime;
    std::tm parts{};
    ::gmtime_r(&expiry, &parts);
    char text[sizeof "2000-01-01T00:00:00Z"];
    (void)std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    Json body;
    body["accessToken"] = "impersonated-token-" + std::to_string(serial);
    body["expireTime"] = std::string{text};
    return gateway::json_response(http::status::ok, body);
}

bool impersonates(std::string_view target) {
    return target.starts_with(impersonate_prefix) && target.ends_with(impersonate_suffix);
}

HttpResponse answer_post(const HttpRequest& request, unsigned serial) {
    const std::string_view target = gateway::view(request.target());
    if (target == exchange_path) {
        return exchange(request, serial);
    }
    const std::optional<std::string> model = vertex_model(target);
    if (!model && !is_chat(target) && !impersonates(target)) {
        return api_error(target, 404, "Nothing is served at " + std::string{target});
    }
    try {
        const Json body = gateway::parse_json(request.body());
        if (model) {
            return generate(*model, body);
        }
        return is_chat(target) ? chat(body, serial) : impersonate(request, body, serial);
    } catch (const gateway::JsonError& error) {
        return api_error(target, 400, error.what());
    } catch (const Json::exception& error) {
        return api_error(target, 400, error.what());
    }
}

}  // namespace

bool gives_token(std::string_view target) {
    return target == exchange_path || target == metadata_path || impersonates(target);
}

HttpResponse answer(const HttpRequest& request, unsigned serial) {
    if (request.method() == http::verb::get && gateway::view(request.target()) == metadata_path) {
        return metadata(request, serial);
    }
    if (request.method() == http::verb::post) {
        return answer_post(request, serial);
    }
    return api_error(gateway::view(request.target()), 404,
                     "Nothing is served at " + std::string{gateway::view(request.target())});
}

HttpResponse api_error(std::string_view target, unsigned status, const std::string& message) {
    Json body;
    if (is_chat(target)) {
        body["error"]["message"] = message;
        body["error"]["type"] = "server_error";
        body["error"]["code"] = status;
    } else {
        body["error"]["code"] = status;
        body["error"]["message"] = message;
        body["error"]["status"] = std::string{gateway::view(http::obsolete_reason(http::int_to_status(status)))};
    }
    HttpResponse response = gateway::json_response(http::status::ok, body);
    response.result(status);
    return response;
}

}  // namespace test
