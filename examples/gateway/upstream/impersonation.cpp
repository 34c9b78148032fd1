// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/impersonation.hpp>

#include <algorithm>
#include <utility>

#include <gateway/base/rfc3339.hpp>
#include <gateway/upstream/token_endpoint.hpp>

namespace gateway {
namespace {

/// By when the answer's token expires, as seen at now.
std::chrono::seconds lifetime_in(const Origin& origin, const Json& answer, std::chrono::system_clock::time_point now) {
    const auto member = answer.find("expireTime");
    const auto expiry = member != answer.end() && member->is_string()
                            ? from_rfc3339(member->get_ref<const std::string&>())
                            : std::nullopt;
    if (!expiry) {
        throw token_error(origin, "its answer does not say when the token expires");
    }
    const auto lifetime = std::chrono::floor<std::chrono::seconds>(*expiry - now);
    if (lifetime < std::chrono::seconds{1}) {
        throw token_error(origin, "its token is expired already: is this machine's clock right?");
    }
    return std::min<std::chrono::seconds>(lifetime, std::chrono::weeks{1});
}

}  // namespace

Impersonation::Impersonation(HttpTransport& transport, std::unique_ptr<TokenSource> own, const std::string& email,
                             WallClock now)
    : transport_{transport},
      own_{std::move(own)},
      origin_{true, "iamcredentials.googleapis.com", 443},
      target_{"/v1/projects/-/serviceAccounts/" + email + ":generateAccessToken"},
      now_{std::move(now)} {}

net::awaitable<AccessToken> Impersonation::fetch() {
    const std::string own = co_await own_->token();
    Json body;
    body["scope"] = Json::array({cloud_platform_scope});
    body["lifetime"] = "3600s";
    UpstreamRequest request;
    request.method(http::verb::post);
    request.target(target_);
    request.set(http::field::content_type, "application/json");
    request.set(http::field::authorization, "Bearer " + own);
    request.body() = dump(body);
    Json answer;
    try {
        answer = co_await ask_token_endpoint(transport_, origin_, std::move(request));
    } catch (const TokenError& error) {
        if (error.status() == 401) {
            own_->reject(own);
        }
        throw;
    }
    AccessToken token;
    token.value = token_in(origin_, answer, "accessToken");
    token.lifetime = lifetime_in(origin_, answer, now_());
    co_return token;
}

}  // namespace gateway
