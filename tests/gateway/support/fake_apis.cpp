// SPDX-License-Identifier: Apache-2.0
#include "fake_apis.hpp"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include <gateway/base/json.hpp>

namespace test {
namespace {

namespace http = gateway::http;
using gateway::HttpRequest;
using gateway::HttpResponse;
using gateway::Json;
using namespace nlohmann::literals;

constexpr std::string_view generate_suffix = ":generateContent";
constexpr std::string_view stream_suffix = ":streamGenerateContent?alt=sse";
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

/// The model's name: what is between "/models/" and ":generateContent" or ":streamGenerateContent?alt=sse".
std::optional<std::string> vertex_model(std::string_view target) {
    constexpr std::string_view models = "/models/";
    const std::size_t start = target.rfind(models);
    const bool is_call = target.ends_with(generate_suffix) || target.ends_with(stream_suffix);
    if (!is_call || start == std::string_view::npos) {
        return std::nullopt;
    }
    target.remove_prefix(start + models.size());
    return std::string{target.substr(0, target.rfind(':'))};
}

/// "a b c" in "a", " b", " c".
std::vector<std::string> split_words(const std::string& text) {
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find(' ', begin + 1), text.size());
        words.push_back(text.substr(begin, end - begin));
        begin = end;
    }
    return words;
}

HttpResponse event_stream(const std::vector<Json>& events, const char* last) {
    HttpResponse response{http::status::ok, 11};
    response.set(http::field::content_type, "text/event-stream");
    for (const Json& event : events) {
        response.body() += "data: " + event.dump() + "\n\n";
    }
    response.body() += last;
    response.prepare_payload();
    return response;
}

/// A generateContent response word by word; the last part has all that comes once.
HttpResponse generate_stream(const HttpResponse& whole) {
    const Json body = Json::parse(whole.body());
    const Json& part = body.at("candidates").at(0).at("content").at("parts").at(0);
    std::vector<Json> events;
    if (part.contains("text")) {
        for (const std::string& word : split_words(part.at("text"))) {
            Json event;
            event["candidates"][0]["content"] = {{"role", "model"}, {"parts", {{{"text", word}}}}};
            event["modelVersion"] = body.at("modelVersion");
            events.push_back(event);
        }
        Json last = body;
        last["candidates"][0]["content"]["parts"] = {{{"text", ""}}};
        events.push_back(last);
    } else {
        events.push_back(body);
    }
    return event_stream(events, "");
}

/// The same of a chat completion. A call of a tool comes in pieces, too.
HttpResponse chat_stream(const HttpResponse& whole, bool usage) {
    const Json body = Json::parse(whole.body());
    const Json& message = body.at("choices").at(0).at("message");
    Json chunk = body;
    chunk.erase("usage");
    chunk["object"] = "chat.completion.chunk";
    std::vector<Json> events;
    const auto add = [&](const Json& delta, const Json& finish) {
        chunk["choices"] = {{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}};
        events.push_back(chunk);
    };
    add({{"role", "assistant"}, {"content", ""}}, nullptr);
    if (message.contains("tool_calls")) {
        const Json& call = message.at("tool_calls").at(0);
        const std::string arguments = call.at("function").at("arguments");
        add({{"tool_calls",
              {{{"index", 0},
                {"id", call.at("id")},
                {"type", "function"},
                {"function", {{"name", call.at("function").at("name")}, {"arguments", ""}}}}}}},
            nullptr);
        for (const std::string& piece : split_words(arguments)) {
            add({{"tool_calls", {{{"index", 0}, {"function", {{"arguments", piece}}}}}}}, nullptr);
        }
    } else {
        for (const std::string& word : split_words(message.at("content"))) {
            add({{"content", word}}, nullptr);
        }
    }
    add(Json::object(), body.at("choices").at(0).at("finish_reason"));
    if (usage) {
        chunk["choices"] = Json::array();
        chunk["usage"] = body.at("usage");
        events.push_back(chunk);
    }
    return event_stream(events, "data: [DONE]\n\n");
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
            const HttpResponse response = generate(*model, body);
            return target.ends_with(stream_suffix) ? generate_stream(response) : response;
        }
        if (is_chat(target)) {
            const HttpResponse response = chat(body, serial);
            const bool usage = body.value("/stream_options/include_usage"_json_pointer, false);
            return body.value("stream", false) ? chat_stream(response, usage) : response;
        }
        return impersonate(request, body, serial);
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
