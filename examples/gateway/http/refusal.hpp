// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_REFUSAL_HPP
#define GATEWAY_HTTP_REFUSAL_HPP

#include <string>

#include "message.hpp"

namespace gateway {

/// Why a request does not reach the handler: what its client is told before the connection is closed.
struct Refusal {
    http::status status;
    std::string why;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_REFUSAL_HPP
