// SPDX-License-Identifier: Apache-2.0
// What an upstream's answer means: what the client is told of it, and whether to try again. Decisions only.
#ifndef GATEWAY_UPSTREAM_VERDICT_HPP
#define GATEWAY_UPSTREAM_VERDICT_HPP

#include <chrono>
#include <cstdint>
#include <ctime>
#include <initializer_list>
#include <optional>
#include <string_view>

#include <gateway/conversation/answer.hpp>
#include <gateway/http/failure.hpp>
#include <gateway/http/message.hpp>
#include <gateway/upstream/http_transport.hpp>
#include <gateway/upstream/token_error.hpp>

namespace gateway {

struct Verdict {
    enum class Next : std::uint8_t {
        give_up,
        retry,        ///< it was a fault, and is safe to send again
        wait,         ///< it was too much for the upstream: 429
        renew_token,  ///< 401
        amend,        ///< 400: another form of the request may do
    };

    Next next = Next::give_up;
    Failure failure;
    std::optional<std::chrono::milliseconds> retry_after = {};
};

/// Of a response with another status than 200. Statuses of the upstream that are about the request become the client's
/// (400, 404, 413, ...). 401 and 403 do not: they are about the gateway's own credentials, which the client can do
/// nothing about (502). secrets: what is not quoted of the upstream's own words.
[[nodiscard]] Verdict judge_status(const HttpResponse& response, std::initializer_list<std::string_view> secrets,
                                   std::time_t now);

/// Of no response.
[[nodiscard]] Verdict judge(const TransportError& error);

/// Of a response that broke off. secrets: as above.
[[nodiscard]] Failure judge(const BrokenOff& error, std::initializer_list<std::string_view> secrets);

/// Of no token to ask with.
[[nodiscard]] Verdict judge(const TokenError& error);

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_VERDICT_HPP
