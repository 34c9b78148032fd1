// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_EXCHANGE_HPP
#define GATEWAY_HTTP_EXCHANGE_HPP

#include <cstdint>
#include <string_view>

#include <gateway/base/net.hpp>
#include <gateway/http/message.hpp>

namespace gateway {

/// What there is to say of a request when its response has been sent, or could not be.
struct HttpExchange {
    const HttpRequest& request;    ///< its head, which is empty where none could be made out
    const HttpResponse& response;  ///< its head
    std::string_view request_id;
    tcp::endpoint client;
    std::uint64_t received = 0;    ///< bytes of the request; without a head that could be read: all that had arrived
    std::uint64_t sent = 0;        ///< bytes that the system has taken, interim responses included
    Clock::duration first_byte{};  ///< from the request's first byte until the response began to be sent
    Clock::duration took{};        ///< until it had been sent
    bool complete = false;         ///< it had: the client did not leave before
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_EXCHANGE_HPP
