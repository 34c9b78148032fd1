// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_API_HPP
#define GATEWAY_UPSTREAM_API_HPP

#include <string>
#include <string_view>

#include <gateway/base/json.hpp>
#include <gateway/base/shared_text.hpp>
#include <gateway/conversation/answer.hpp>
#include <gateway/conversation/delivery.hpp>
#include <gateway/conversation/dialect.hpp>
#include <gateway/http/message.hpp>
#include <gateway/upstream/model.hpp>

namespace gateway {

/// How an upstream is spoken to: requests in its own dialect, and responses in the client's. Thread-safe.
class Api {
  public:
    Api() = default;
    Api(const Api&) = delete;
    Api& operator=(const Api&) = delete;
    virtual ~Api() = default;

    /// Its own.
    [[nodiscard]] virtual Dialect dialect() const = 0;

    /// The body that asks for request, which is in dialect. Throws BadRequest when the upstream has no form for it.
    [[nodiscard]] virtual std::string translate(Dialect dialect, Delivery delivery, const Json& request) const = 0;

    /// The HTTP request with that body, without credentials. An answer in parts comes as server-sent events.
    [[nodiscard]] virtual UpstreamRequest make_request(Delivery delivery, SharedText body) const = 0;

    /// A response in dialect from the body of a response with status 200. id: of the job that it answers. Throws
    /// NotUnderstood when it is none.
    [[nodiscard]] virtual ModelAnswer read_response(const Json& body, Dialect dialect, std::string_view id) const = 0;

    /// The upstream refused message. If it would take it in another form, makes it that, and those to come. False: not.
    [[nodiscard]] virtual bool amend(UpstreamRequest& /*message*/, const HttpResponse& /*refusal*/) { return false; }
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_API_HPP
