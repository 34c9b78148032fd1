// SPDX-License-Identifier: Apache-2.0
#include "connection.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include "../log.hpp"
#include "date.hpp"
#include "request_rules.hpp"

namespace gateway {

namespace {

constexpr std::size_t first_read = 4096;

}  // namespace

HttpConnection::HttpConnection(tcp::socket socket, const Shared& shared)
    : socket_{std::move(socket)},
      shared_{shared},
      watchdog_{socket_.get_executor(), std::min({shared.options.request_timeout, shared.options.idle_timeout,
                                                  shared.options.linger_timeout})} {}

net::awaitable<void> HttpConnection::run() {
    using namespace net::experimental::awaitable_operators;
    co_await (serve() || watchdog_.watch([this] { on_expiry(); }));
}

void HttpConnection::close_when_idle() {
    idle_since_ = Clock::time_point::max();
    net::post(get_executor(), [self = shared_from_this()] {
        if (self->phase_ == Phase::idle) {
            self->stop_reading();
        }
    });
}

void HttpConnection::abort() {
    net::post(get_executor(), [self = shared_from_this()] { self->close(); });
}

net::awaitable<void> HttpConnection::serve() {
    std::chrono::milliseconds limit = shared_.options.request_timeout;
    for (;;) {  // not co_await a && co_await b: GCC 12 gets that wrong in a condition
        if (const bool arrived = co_await await_request(limit); !arrived) {
            break;
        }
        if (const bool keep = co_await serve_request(); !keep) {
            break;
        }
        limit = shared_.options.idle_timeout;
        idle_since_ = Clock::now();
    }
    co_await finish();
}

/// Waits for the first bytes of a request. False: there will be none.
net::awaitable<bool> HttpConnection::await_request(std::chrono::milliseconds limit) {
    bool arrived = buffer_.size() > 0;  // pipelined
    if (!arrived && !shared_.stopping) {
        enter(Phase::idle, limit);
        error_code error;
        const std::size_t size = co_await socket_.async_read_some(buffer_.prepare(first_read),
                                                                  net::redirect_error(net::use_awaitable, error));
        buffer_.commit(size);
        arrived = !error;
    }
    idle_since_ = Clock::time_point::max();
    co_return arrived;
}

/// Reads a request and answers it. False: the connection is to be closed.
net::awaitable<bool> HttpConnection::serve_request() {
    enter(Phase::reading, shared_.options.request_timeout);
    Parser parser;
    parser.header_limit(shared_.options.header_limit);
    parser.body_limit(shared_.options.body_limit);
    error_code error;
    co_await http::async_read_header(socket_, buffer_, parser, net::redirect_error(net::use_awaitable, error));
    std::optional<HttpResponse> response;
    if (std::optional<BrokenRule> rule = error ? std::nullopt : broken_rule(parser.get())) {
        response = refuse(rule->status, rule->why);
    } else {
        if (!error && !parser.is_done()) {
            error = co_await read_body(parser);
        }
        if (!error) {
            response = co_await respond(parser.get());
        } else {
            response = refusal(error);
        }
    }
    if (!response) {
        co_return false;
    }
    response->set(http::field::date, http_date());
    const bool written = co_await write(*response);
    co_return written && response->keep_alive();
}

net::awaitable<error_code> HttpConnection::read_body(Parser& parser) {
    error_code error;
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await net::async_write(socket_, net::buffer(go_on), net::redirect_error(net::use_awaitable, error));
    }
    if (!error) {
        co_await http::async_read(socket_, buffer_, parser, net::redirect_error(net::use_awaitable, error));
    }
    co_return error;
}

/// The handler's response, with the version and what becomes of the connection.
net::awaitable<HttpResponse> HttpConnection::respond(HttpRequest& request) {
    ++shared_.counters.requests;
    phase_ = Phase::handling;
    watchdog_.expires_never();
    HttpResponse response;
    try {
        response = co_await shared_.handler(request);
    } catch (const std::exception& error) {
        ++shared_.counters.failed;
        log::error("a request failed", {{"target", view(request.target())}, {"error", reason(error)}});
        response = error_response(http::status::internal_server_error, "the request failed");
    }
    response.version(request.version());
    // A header that a client sees before it sends the next request: do not keep a connection that is about to be
    // closed.
    response.keep_alive(request.keep_alive() && !shared_.stopping);
    if (request.method() == http::verb::head) {
        response.body().clear();  // Content-Length stays
    }
    co_return response;
}

/// What to say, before the connection is closed, to a client whose request could not be read; nothing if it is gone.
std::optional<HttpResponse> HttpConnection::refusal(error_code error) const {
    if (watchdog_.expired()) {
        return refuse(http::status::request_timeout, "the request took too long to arrive");
    }
    if (error == http::error::header_limit) {
        return refuse(http::status::request_header_fields_too_large,
                      "the header is over " + std::to_string(shared_.options.header_limit) + " bytes");
    }
    if (error == http::error::body_limit) {
        return refuse(http::status::payload_too_large,
                      "the body is over " + std::to_string(shared_.options.body_limit) + " bytes");
    }
    if (error == http::error::bad_version) {
        return refuse(http::status::http_version_not_supported, "HTTP/1.0 and HTTP/1.1 are spoken here");
    }
    if (error != http::error::end_of_stream && error != http::error::partial_message &&
        error.category() == error_code{http::error::bad_method}.category()) {
        return refuse(http::status::bad_request, "not an HTTP request: " + error.message());
    }
    return std::nullopt;
}

/// Where a request ends that is not in order is uncertain: the connection does not go on.
HttpResponse HttpConnection::refuse(http::status status, const std::string& why) const {
    ++shared_.counters.malformed;
    HttpResponse response = error_response(status, why);
    response.keep_alive(false);
    return response;
}

net::awaitable<bool> HttpConnection::write(HttpResponse& response) {
    enter(Phase::writing, shared_.options.request_timeout);
    error_code error;
    co_await http::async_write(socket_, response, net::redirect_error(net::use_awaitable, error));
    co_return !error;
}

/// Closes in order: says that nothing more will be sent, and takes in what the client is still
/// sending. Closing with bytes unread makes TCP send a reset, which can overtake the response.
net::awaitable<void> HttpConnection::finish() {
    enter(Phase::closing, shared_.options.linger_timeout);
    error_code error;
    socket_.shutdown(tcp::socket::shutdown_send, error);
    std::array<char, 4096> ignored{};
    while (!error && !watchdog_.expired()) {
        co_await socket_.async_read_some(net::buffer(ignored), net::redirect_error(net::use_awaitable, error));
    }
    close();
}

void HttpConnection::enter(Phase phase, std::chrono::milliseconds limit) {
    phase_ = phase;
    watchdog_.expires_after(limit);
}

void HttpConnection::on_expiry() {
    if (phase_ == Phase::reading || phase_ == Phase::writing) {
        ++shared_.counters.timed_out;
    }
    if (phase_ == Phase::idle || phase_ == Phase::reading) {
        stop_reading();
    } else {
        close();
    }
}

/// Makes the pending read, and those to come, end as if the client had sent no more. Cancelling
/// would miss a read that is between two parts of its work; and this leaves the way back open.
void HttpConnection::stop_reading() {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_receive, ignored);
}

void HttpConnection::close() {
    error_code ignored;
    socket_.close(ignored);
}

}  // namespace gateway
