// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_REQUEST_ID_HPP
#define GATEWAY_HTTP_REQUEST_ID_HPP

#include <string>

#include <gateway/http/message.hpp>

namespace gateway {

/// The field in which a client may give its request an id, and in which each response has it.
inline constexpr std::string_view request_id_field = "X-Request-Id";

inline constexpr std::size_t longest_request_id = 128;

/// The id that the client has given its request, if it has given one, of letters, digits and - . _ ~ : / + = @, and not
/// too long; else a random one of 32 hexadecimal digits. It tells requests apart, and proves nothing.
[[nodiscard]] std::string request_id(const HttpRequest& head);

}  // namespace gateway

#endif  // GATEWAY_HTTP_REQUEST_ID_HPP
