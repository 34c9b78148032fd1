// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_REFUSAL_HPP
#define GATEWAY_HTTP_REFUSAL_HPP

#include <string>
#include <utility>

#include <gateway/http/message.hpp>

namespace gateway {

/// Why a request does not reach the handler: what its client is told before the connection is closed.
struct Refusal {
    http::status status;
    std::string why;
};

inline Refusal bad_request(std::string why) { return {http::status::bad_request, std::move(why)}; }

}  // namespace gateway

#endif  // GATEWAY_HTTP_REFUSAL_HPP
