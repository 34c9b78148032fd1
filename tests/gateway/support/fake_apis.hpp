// SPDX-License-Identifier: Apache-2.0
// What a good upstream answers: Vertex AI, an OpenAI-compatible server, and Google's three ways to a token.
#ifndef GATEWAY_TESTS_SUPPORT_FAKE_APIS_HPP
#define GATEWAY_TESTS_SUPPORT_FAKE_APIS_HPP

#include <string>
#include <string_view>

#include <gateway/http/message.hpp>

namespace test {

/// POST .../models/{model}:generateContent and POST .../v1/chat/completions. The text generated is "echo: "
/// and the last text of the request; a token is a word. If the request has functions, and does not end with the result
/// of one, the first is called instead, with that text as its argument. "stream": true and
/// :streamGenerateContent?alt=sse get the same word by word.
///
/// POST /token, GET /computeMetadata/v1/instance/service-accounts/default/token and POST
/// /v1/projects/-/serviceAccounts/{email}:generateAccessToken: tokens that differ from one another, by
/// serial: "token-1", "metadata-token-2", "impersonated-token-3", valid for an hour.
///
/// A request that is not as it has to be is answered with 400, 401, 403 or 404.
[[nodiscard]] gateway::HttpResponse answer(const gateway::HttpRequest& request, unsigned serial);

/// Whether target is one of those that hand out tokens.
[[nodiscard]] bool gives_token(std::string_view target);

/// What an API answers with this status, in the style of the API that target is of.
[[nodiscard]] gateway::HttpResponse api_error(std::string_view target, unsigned status, const std::string& message);

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_FAKE_APIS_HPP
