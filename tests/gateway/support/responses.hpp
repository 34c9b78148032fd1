// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_RESPONSES_HPP
#define GATEWAY_TESTS_SUPPORT_RESPONSES_HPP

#include <string>
#include <string_view>

#include <gateway/base/json.hpp>
#include <gateway/http/message.hpp>

namespace test {

/// A body; throws, if it is no JSON.
inline gateway::Json json_of(const gateway::HttpResponse& response) { return gateway::parse_json(response.body()); }

/// The value of a header field; empty: there is none.
inline std::string field(const gateway::HttpResponse& response, std::string_view name) {
    return std::string{gateway::view(response[name])};
}

/// What the body of an error in the gateway's own form says.
inline std::string error_of(const gateway::HttpResponse& response) {
    return json_of(response).at("error").at("message").get<std::string>();
}

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_RESPONSES_HPP
