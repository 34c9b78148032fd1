// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/service_account.hpp>

#include <stdexcept>
#include <utility>

#include <gateway/base/quote.hpp>
#include <gateway/base/small_file.hpp>
#include <gateway/config/config.hpp>
#include <gateway/http/loopback.hpp>
#include <gateway/upstream/token_endpoint.hpp>

namespace gateway {
namespace {

/// As text stands in a body of the type application/x-www-form-urlencoded.
constexpr const char* grant_type = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";

std::string text_member(const Json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_string() || found->get_ref<const std::string&>().empty()) {
        throw ConfigError{std::string{"it has no \""} + name + "\""};
    }
    return found->get<std::string>();
}

RsaKey private_key(const std::string& pem) {
    try {
        return RsaKey{pem};
    } catch (const std::invalid_argument& error) {
        throw ConfigError{std::string{"its \"private_key\": "} + error.what()};
    }
}

Url token_url(const std::string& uri) {
    Url url;
    try {
        url = parse_url(uri);
    } catch (const std::invalid_argument& error) {
        throw ConfigError{std::string{"its \"token_uri\": "} + error.what()};
    }
    // What goes there is as good as the key for an hour.
    if (!is_private(url.origin)) {
        throw ConfigError{"its \"token_uri\": " + quote(uri) + " is not an https:// URL"};
    }
    return url;
}

}  // namespace

ServiceAccountKey parse_service_account_key(std::string_view text) {
    Json file;
    try {
        file = parse_json(text);
    } catch (const JsonError&) {  // which quotes what it read: perhaps the key
        throw ConfigError{"it is not JSON"};
    }
    if (!file.is_object()) {
        throw ConfigError{"it is not a JSON object"};
    }
    if (const std::string type = text_member(file, "type"); type != "service_account") {
        throw ConfigError{"it is of the type " + quote(type) +
                          ": only a key of a service account (\"service_account\") can be used"};
    }
    const std::string uri = file.contains("token_uri") ? text_member(file, "token_uri")  //
                                                       : "https://oauth2.googleapis.com/token";
    return {text_member(file, "client_email"),
            file.contains("private_key_id") ? text_member(file, "private_key_id") : std::string{},
            private_key(text_member(file, "private_key")), uri, token_url(uri)};
}

ServiceAccountKey read_service_account_key(const std::string& path) {
    std::string text;
    try {
        text = read_small_file(path);
    } catch (const std::runtime_error& error) {
        throw ConfigError{std::string{"the credentials file: "} + error.what()};
    }
    try {
        return parse_service_account_key(text);
    } catch (const ConfigError& error) {
        throw ConfigError{"the credentials file " + quote(path) + " cannot be used: " + error.what()};
    }
}

Json service_account_claims(const ServiceAccountKey& key, std::chrono::system_clock::time_point now) {
    using std::chrono::seconds;
    const auto issued = std::chrono::floor<seconds>(now.time_since_epoch());
    Json claims;
    claims["iss"] = key.email;
    claims["scope"] = cloud_platform_scope;
    claims["aud"] = key.token_uri;
    claims["iat"] = issued.count();
    claims["exp"] = (issued + std::chrono::hours{1}).count();  // the most that Google takes
    return claims;
}

ServiceAccount::ServiceAccount(HttpTransport& transport, ServiceAccountKey key, WallClock now)
    : transport_{transport}, key_{std::move(key)}, now_{std::move(now)} {}

net::awaitable<AccessToken> ServiceAccount::fetch() {
    UpstreamRequest request;
    request.method(http::verb::post);
    request.target(key_.token_url.path.empty() ? "/" : key_.token_url.path);
    request.set(http::field::content_type, "application/x-www-form-urlencoded");
    try {
        request.body() = std::string{"grant_type="} + grant_type +
                         "&assertion=" + signed_jwt(key_.key, key_.key_id, service_account_claims(key_, now_()));
    } catch (const std::runtime_error& error) {
        throw token_error(key_.token_url.origin, error.what());
    }
    const Json answer = co_await ask_token_endpoint(transport_, key_.token_url.origin, std::move(request));
    co_return oauth_token(key_.token_url.origin, answer);
}

}  // namespace gateway
