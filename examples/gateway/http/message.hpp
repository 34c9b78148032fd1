// SPDX-License-Identifier: Apache-2.0
// HTTP requests and responses, of the server and of the upstream client alike.
#ifndef GATEWAY_HTTP_MESSAGE_HPP
#define GATEWAY_HTTP_MESSAGE_HPP

#include <string>
#include <string_view>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <gateway/base/json.hpp>
#include <gateway/http/failure.hpp>
#include <gateway/http/shared_text_body.hpp>

namespace gateway {

namespace beast = boost::beast;
namespace http = boost::beast::http;

using HttpRequest = http::request<http::string_body>;
/// One that is sent to an upstream, perhaps more than once.
using UpstreamRequest = http::request<SharedTextBody>;
using HttpResponse = http::response<http::string_body>;

/// Beast's string view as the standard's, whichever type this Boost uses.
inline std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

/// A response with a JSON body. The server sets version and keep-alive.
[[nodiscard]] HttpResponse json_response(http::status status, const Json& body);

/// The same, of a text that is JSON already.
[[nodiscard]] HttpResponse json_text_response(http::status status, std::string body);

/// {"error": {...}}, as to_json(Failure) has it, and Retry-After if that is known.
[[nodiscard]] HttpResponse error_response(const Failure& failure);

/// The same of failure_of_status().
[[nodiscard]] HttpResponse error_response(http::status status, std::string_view why);

}  // namespace gateway

#endif  // GATEWAY_HTTP_MESSAGE_HPP
