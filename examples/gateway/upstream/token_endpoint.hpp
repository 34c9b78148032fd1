// SPDX-License-Identifier: Apache-2.0
// What the servers that hand out access tokens have in common.
#ifndef GATEWAY_UPSTREAM_TOKEN_ENDPOINT_HPP
#define GATEWAY_UPSTREAM_TOKEN_ENDPOINT_HPP

#include <chrono>
#include <string>

#include <gateway/base/json.hpp>
#include <gateway/upstream/access_token.hpp>
#include <gateway/upstream/http_transport.hpp>
#include <gateway/upstream/token_error.hpp>

namespace gateway {

/// What every token is asked for.
inline constexpr const char* cloud_platform_scope = "https://www.googleapis.com/auth/cloud-platform";

/// For an answer of a token endpoint.
inline constexpr std::chrono::seconds token_deadline{30};

/// "cannot get an access token from HOST: WHY": how every one of them reads.
[[nodiscard]] TokenError token_error(const Origin& origin, const std::string& why, bool temporary = false,
                                     unsigned status = 0);

/// The JSON of the answer to request, if it has status 200; all else is a TokenError. Tries once.
///
/// origin must live until then. Executor: that of the awaiting coroutine. Cancellation: terminal.
[[nodiscard]] net::awaitable<Json> ask_token_endpoint(HttpTransport& transport, const Origin& origin,
                                                      UpstreamRequest request);

/// The member of an answer that is the token: text that a header can carry. Throws TokenError.
[[nodiscard]] std::string token_in(const Origin& origin, const Json& answer, const char* member);

/// An answer as OAuth 2.0 has it: {"access_token": TEXT, "expires_in": SECONDS}. Throws TokenError.
[[nodiscard]] AccessToken oauth_token(const Origin& origin, const Json& answer);

/// What a refusal says, for people: its status and the error in its JSON, bounded, and without words so
/// long that they may be a token that the server echoes.
[[nodiscard]] std::string describe_refusal(const HttpResponse& response);

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_TOKEN_ENDPOINT_HPP
