// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_API_HPP
#define GATEWAY_UPSTREAM_API_HPP

#include <string>

#include <gateway/base/json.hpp>
#include <gateway/base/shared_text.hpp>
#include <gateway/http/message.hpp>
#include <gateway/upstream/model.hpp>

namespace gateway {

/// How an upstream is spoken to: generateContent requests to its own form, and its responses back. Thread-safe.
class Api {
  public:
    Api() = default;
    Api(const Api&) = delete;
    Api& operator=(const Api&) = delete;
    virtual ~Api() = default;

    /// The body that asks for request. Throws BadRequest when the upstream has no form for it.
    [[nodiscard]] virtual std::string translate(const Json& request) const = 0;

    /// The HTTP request with that body, without credentials.
    [[nodiscard]] virtual UpstreamRequest make_request(SharedText body) const = 0;

    /// A generateContent response from the body of a response with status 200. Throws UpstreamError when it is none.
    [[nodiscard]] virtual ModelAnswer read_response(const Json& body) const = 0;

    /// The upstream refused message. If it would take it in another form, makes it that, and those to come. False: not.
    [[nodiscard]] virtual bool amend(UpstreamRequest& /*message*/, const HttpResponse& /*refusal*/) { return false; }
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_API_HPP
