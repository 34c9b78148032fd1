// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_HANDLERS_HPP
#define GATEWAY_HTTP_HANDLERS_HPP

#include <functional>
#include <optional>

#include <gateway/base/net.hpp>
#include <gateway/http/body_bound.hpp>
#include <gateway/http/exchange.hpp>
#include <gateway/http/failure.hpp>
#include <gateway/http/message.hpp>
#include <gateway/http/peer.hpp>
#include <gateway/http/reply.hpp>

namespace gateway {

/// Turns a request, which lives until the response is there, into a response. Called on the connection's strand, for
/// one request of a connection at a time. What it throws is logged, and becomes a 500. It is not cancelled when the
/// client leaves, nor when the server stops: the response is then dropped. One that takes long should end when its peer
/// has left. Version, keep-alive, Date, X-Request-Id and, where it is missing, Content-Length are set by the server,
/// which also leaves out the body for HEAD. The request has X-Request-Id as well, given by its client or made up.
///
/// A body that comes in parts (HttpReply::rest) is sent in chunks, each as soon as it is there; to a client of HTTP/1.0
/// as it is, up to the end of the connection. The peer is watched meanwhile: whoever leaves, or closes its half of the
/// connection, wants no more of it.
using HttpHandler = std::function<net::awaitable<HttpReply>(HttpRequest&, HttpPeer&)>;

/// Looks at a request's head before a byte of its body is read. A response refuses the request: its body is not read,
/// so that whoever has no business here cannot make the server hold one. Called as the handler is.
using HttpScreen = std::function<std::optional<HttpResponse>(const HttpRequest& head)>;

/// The response that tells of a failure of which the server knows, and no handler: the request broke a rule, or its
/// handler failed. head is that of the request, which is empty where none could be made out. Called as the handler is.
using HttpExplainer = std::function<HttpResponse(const HttpRequest& head, const Failure& failure)>;

/// Is told of each response, with the head that it answers, which is empty where none could be made out. Must not
/// throw. Called as the handler is.
using HttpObserver = std::function<void(const HttpRequest& head, http::status status)>;

/// Is told of each request when its response has been sent, or could not be, which ends it. Must not throw. Called as
/// the handler is.
using HttpRecorder = std::function<void(const HttpExchange&)>;

/// What an HttpServer serves.
struct HttpHandlers {
    HttpHandler respond;
    HttpScreen screen = {};      ///< empty: all may pass
    HttpObserver answered = {};  ///< empty: nobody wants to know
    HttpExplainer explain = {};  ///< empty: error_response()
    HttpRecorder ended = {};     ///< empty: nobody wants to know
    /// Where there is no room for a body, its request is refused with 503. Null: each may be as long as body_limit.
    BodyBound* bodies = nullptr;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_HANDLERS_HPP
