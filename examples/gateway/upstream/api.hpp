// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_API_HPP
#define GATEWAY_UPSTREAM_API_HPP

#include <gateway/base/json.hpp>
#include <gateway/http/message.hpp>

namespace gateway {

/// How an upstream is spoken to: generateContent requests to its own form, and its responses back. Thread-safe.
class Api {
  public:
    Api() = default;
    Api(const Api&) = delete;
    Api& operator=(const Api&) = delete;
    virtual ~Api() = default;

    /// Throws what make_request() would.
    virtual void check(const Json& /*request*/) const {}

    /// The HTTP request that asks for request, without credentials. Throws BadRequest when that has no form for it.
    [[nodiscard]] virtual HttpRequest make_request(const Json& request) const = 0;

    /// A generateContent response from the body of a response with status 200. Throws UpstreamError when it is none.
    [[nodiscard]] virtual Json read_response(const Json& body) const = 0;

    /// The upstream refused message. If it would take it in another form, makes it that, and those to come. False: not.
    [[nodiscard]] virtual bool amend(HttpRequest& /*message*/, const HttpResponse& /*refusal*/) { return false; }
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_API_HPP
