// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_HEAD_TEXT_HPP
#define GATEWAY_HTTP_HEAD_TEXT_HPP

#include <string>

#include <gateway/http/message.hpp>

namespace gateway {

/// What a message begins with, as it is sent: its first line, its fields, and the empty line. A message goes out as
/// this text and its body, in one write; Beast's serializer would send the same bytes from a buffer for each piece of
/// each field, and takes ten times the instructions for it. For messages whose length is known (prepare_payload()).
[[nodiscard]] std::string head_text(const http::request_header<>& head);
[[nodiscard]] std::string head_text(const http::response_header<>& head);

}  // namespace gateway

#endif  // GATEWAY_HTTP_HEAD_TEXT_HPP
