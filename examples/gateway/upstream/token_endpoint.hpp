// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_TOKEN_ENDPOINT_HPP
#define GATEWAY_UPSTREAM_TOKEN_ENDPOINT_HPP

#include <chrono>
#include <string>
#include <string_view>

#include "../json.hpp"
#include "access_token.hpp"
#include "http_transport.hpp"
#include "model.hpp"
#include "url.hpp"

namespace gateway {

/// For an answer of a token endpoint.
inline constexpr std::chrono::seconds token_deadline{30};

/// "cannot get an access token from HOST: WHY", as every failure of this part reads.
[[nodiscard]] UpstreamError token_error(const Origin& origin, std::string_view why);

/// The token in an answer that has it as token_field, with its lifetime; its value can stand in a header.
/// Throws token_error.
[[nodiscard]] std::string token_in(const Origin& origin, const Json& answer, const char* token_field);

/// {"access_token": ..., "expires_in": SECONDS}, as OAuth 2.0 has it. Throws token_error.
[[nodiscard]] AccessToken oauth_token(const Origin& origin, const Json& answer);

/// What a refusal of a token endpoint says, for people: only what its JSON gives as the error, bounded, and
/// without words that are so long that they may be a token which was echoed.
[[nodiscard]] std::string describe_refusal(const HttpResponse& response);

/// Tries once. The answer is JSON of a response with status 200; everything else is a token_error, and
/// status (if not null) tells what the server said, 0 when it said nothing.
///
/// origin must live until then. Executor: that of the awaiting coroutine. Cancellation: terminal.
[[nodiscard]] net::awaitable<Json> ask_token_endpoint(HttpTransport& transport, const Origin& origin,
                                                      HttpRequest request, unsigned* status = nullptr);

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_TOKEN_ENDPOINT_HPP
