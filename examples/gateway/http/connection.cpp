// SPDX-License-Identifier: Apache-2.0
#include <gateway/http/connection.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include <gateway/base/write_at_once.hpp>
#include <gateway/http/date.hpp>
#include <gateway/http/head_text.hpp>
#include <gateway/http/request_id.hpp>
#include <gateway/http/target.hpp>
#include <gateway/log/log.hpp>

namespace gateway {

namespace {

/// Bytes that were written to a socket, and that the other side's system has not taken yet.
std::uint64_t untaken(tcp::socket& socket) {
    int bytes = 0;
    return ::ioctl(socket.native_handle(), TIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

}  // namespace

HttpConnection::HttpConnection(tcp::socket socket, const Shared& shared)
    : socket_{std::move(socket)},
      shared_{shared},
      watchdog_{socket_.get_executor(),
                std::min({shared.options.request_timeout, shared.options.idle_timeout, shared.options.linger_timeout})},
      buffer_{shared.options.header_limit + read_size},
      progress_{shared.options.min_progress},
      idle_since_{Clock::now() + shared.options.newcomer_grace},
      body_room_{shared.handlers.bodies} {
    error_code gone;
    client_ = socket_.remote_endpoint(gone);
    socket_.non_blocking(true, gone);
}

net::awaitable<void> HttpConnection::run() {
    using namespace net::experimental::awaitable_operators;
    co_await (serve() || watchdog_.watch([this] { on_expiry(); }));
}

void HttpConnection::close_when_idle() {
    idle_since_ = told_to_end;
    net::post(get_executor(), [self = shared_from_this()] {
        if (self->phase_ == Phase::idle && self->has_nothing_to_read()) {
            self->close();
        } else {
            self->idle_since_ = not_idle;
        }
    });
}

void HttpConnection::make_room() {
    idle_since_ = told_to_end;
    net::post(get_executor(), [self = shared_from_this()] {
        const bool waits =
            self->phase_ == Phase::idle || self->phase_ == Phase::reading_head || self->phase_ == Phase::reading_body;
        if (waits && self->has_nothing_to_read()) {
            self->close();
        } else {
            self->idle_since_ = not_idle;
        }
    });
}

bool HttpConnection::has_nothing_to_read() {
    error_code ignored;
    return socket_.available(ignored) == 0;
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
        const error_code error = co_await receive();
        arrived = !error && socket_.is_open();  // it may be closed when bytes have just arrived
    }
    if (arrived) {
        idle_since_ = not_idle;
    }
    co_return arrived;
}

/// Reads a request and answers it. False: the connection is to be closed.
net::awaitable<bool> HttpConnection::serve_request() {
    enter(Phase::reading_head, shared_.options.request_timeout);
    Parser parser;
    const HttpRequest& request = parser.get();
    HttpReply reply;
    HttpResponse& response = reply.response;
    begun_ = Clock::now();
    received_ = sent_ = 0;
    std::optional<Refusal> refusal = co_await read_head(parser);
    request_id_ = request_id(request);
    parser.get().set(request_id_field, request_id_);
    std::optional<HttpResponse> screened = refusal ? std::nullopt : screen(parser);
    if (!refusal && !screened && !parser.is_done()) {
        refusal = co_await read_body(parser);
    }
    if (refusal) {
        response = explain(request, refusal->status, refusal->why);
        response.keep_alive(false);  // where such a request ends is uncertain
    } else if (screened) {
        response = std::move(*screened);
    } else {
        reply = co_await respond(parser.get());
    }
    release_body();
    response.set(http::field::date, http_date());
    response.set(request_id_field, request_id_);
    const http::status status = response.result();
    if (request.method() == http::verb::head) {
        response.body().clear();  // Content-Length stays
        reply.rest.reset();
    }
    if (!refusal) {
        report(request, status);
    }
    first_byte_ = Clock::now();
    bool written = false;
    if (reply.rest) {
        written = co_await write_parts(response, std::move(reply.rest));
    } else {
        begin_transfer(Phase::writing);
        const std::string head = head_text(response);
        written = co_await write(head, response.body());
    }
    if (written && refusal) {  // else it may be one who left in the middle of a request
        count(*refusal);
        report(request, status);
    }
    record(request, response, written);
    const bool keep = written && response.keep_alive();
    co_return keep;
}

/// What is to be said to a request because of its head alone.
std::optional<HttpResponse> HttpConnection::screen(Parser& parser) {
    const HttpRequest& request = parser.get();
    if (!shared_.handlers.screen) {
        return std::nullopt;
    }
    std::optional<HttpReply> reply;
    try {
        if (std::optional<HttpResponse> response = shared_.handlers.screen(request)) {
            reply = std::move(*response);
        }
    } catch (const std::exception& error) {
        reply = failed(request, reason(error));
    } catch (...) {
        reply = failed(request, "not a std::exception");
    }
    if (!reply) {
        return std::nullopt;
    }
    ++shared_.counters.requests;
    settle(request, *reply, skip_body(parser));
    return std::move(reply->response);
}

/// Sets what a response says of itself and of the connection. keep: nothing speaks against keeping it.
void HttpConnection::settle(const HttpRequest& request, HttpReply& reply, bool keep) const {
    HttpResponse& response = reply.response;
    if (reply.rest) {
        response.content_length(boost::none);
        response.chunked(request.version() == 11);
        keep = keep && response.chunked();
    } else if (!response.has_content_length()) {
        response.prepare_payload();
    }
    response.version(request.version());
    // A header that a client sees before it sends the next request: do not keep a connection that is about to be
    // closed.
    response.keep_alive(keep && request.keep_alive() && !shared_.stopping);
}

void HttpConnection::report(const HttpRequest& request, http::status status) const {
    if (shared_.handlers.answered) {
        shared_.handlers.answered(request, status);
    }
}

/// The handler's response, with the version, the length, and what becomes of the connection.
net::awaitable<HttpReply> HttpConnection::respond(HttpRequest& request) {
    ++shared_.counters.requests;
    phase_ = Phase::handling;
    takes_hints_ = request.version() == 11;
    watchdog_.expires_never();
    HttpReply reply;
    try {
        reply = co_await shared_.handlers.respond(request, *this);
        settle(request, reply, true);
        co_return reply;
    } catch (const std::exception& error) {
        reply = failed(request, reason(error));
    } catch (...) {
        reply = failed(request, "not a std::exception");
    }
    settle(request, reply, true);
    co_return reply;
}

HttpResponse HttpConnection::failed(const HttpRequest& request, std::string_view why) const {
    ++shared_.counters.failed;
    log::error("a request failed",
               {{"request_id", request_id_}, {"path", split_target(view(request.target())).path}, {"error", why}});
    return explain(request, http::status::internal_server_error, "the request failed");
}

HttpResponse HttpConnection::explain(const HttpRequest& request, http::status status, std::string_view why) const {
    Failure failure = failure_of_status(static_cast<unsigned>(status), why);
    if (status == http::status::service_unavailable) {
        failure.code = "overloaded";
        failure.retry_after = std::chrono::seconds{1};
    }
    return shared_.handlers.explain ? shared_.handlers.explain(request, failure) : error_response(failure);
}

net::awaitable<void> HttpConnection::hint(std::string_view name, std::string_view value) {
    if (takes_hints_) {
        std::string head = "HTTP/1.1 103 Early Hints\r\n";
        head.append(name).append(": ").append(value).append("\r\n\r\n");
        begin_transfer(Phase::writing);
        co_await write(head, "");
        phase_ = Phase::handling;
        watchdog_.expires_never();
    }
}

net::awaitable<bool> HttpConnection::write(std::string_view head, std::string_view body) {
    error_code error;
    for (std::size_t written = 0; !error;) {
        const std::size_t of_head = std::min(written, head.size());
        const std::array<net::const_buffer, 2> rest{net::buffer(head) + of_head,
                                                    net::buffer(body) + (written - of_head)};
        const std::size_t size = write_at_once(socket_, rest, error);
        written += size;
        moved_ += size;
        sent_ += size;
        if (error || written == head.size() + body.size()) {
            break;
        }
        co_await socket_.async_wait(tcp::socket::wait_write, net::redirect_error(net::use_awaitable, error));
    }
    co_return !error;
}

void HttpConnection::count(const Refusal& refusal) const {
    if (refusal.status == http::status::payload_too_large ||
        refusal.status == http::status::request_header_fields_too_large) {
        ++shared_.counters.too_large;
    } else if (refusal.status != http::status::service_unavailable &&
               refusal.status != http::status::request_timeout) {  // which on_expiry has counted
        ++shared_.counters.malformed;
    }
}

void HttpConnection::record(const HttpRequest& request, const HttpResponse& response, bool complete) const {
    if (shared_.handlers.ended) {
        shared_.handlers.ended({request, response, request_id_, client_, received_, sent_, first_byte_ - begun_,
                                Clock::now() - begun_, complete});
    }
}

/// Closes in order: says that nothing more will be sent, and takes in what the client is still
/// sending. Closing with bytes unread makes TCP send a reset, which can overtake the response.
net::awaitable<void> HttpConnection::finish() {
    enter(Phase::closing, shared_.options.linger_timeout);
    error_code error;
    socket_.shutdown(tcp::socket::shutdown_send, error);
    while (!error && !watchdog_.expired()) {
        buffer_.clear();
        error = co_await receive();
    }
    close();
}

void HttpConnection::enter(Phase phase, std::chrono::milliseconds limit) {
    phase_ = phase;
    watchdog_.expires_after(limit);
}

void HttpConnection::begin_transfer(Phase phase) {
    phase_ = phase;
    moved_ = 0;
    begin_period(0);
}

/// The client has request_timeout for the next bytes; before: that have moved.
void HttpConnection::begin_period(std::uint64_t before) {
    watchdog_.expires_after(shared_.options.request_timeout);
    progress_ = Progress{shared_.options.min_progress, before};
}

/// Bytes of the present response that the client's side has taken. What is written lies in the system's buffer first,
/// which takes megabytes, and says that there is room only when much of it is gone.
std::uint64_t HttpConnection::taken() { return moved_ - std::min(moved_, untaken(socket_)); }

/// Whether the present transfer has moved as much as it has to in each period. While there is nothing to write, all
/// that is asked for is that what was written is taken, at any speed.
bool HttpConnection::goes_on() {
    switch (phase_) {
        case Phase::reading_body:
            return progress_.end_period(moved_);
        case Phase::writing:
            return progress_.end_period(taken());
        case Phase::awaiting_part:
            return taken() == moved_ || progress_.end_period(taken(), 1);
        default:
            return false;
    }
}

void HttpConnection::on_expiry() {
    if (goes_on()) {
        watchdog_.expires_after(shared_.options.request_timeout);
        return;
    }
    const bool reading = phase_ == Phase::reading_head || phase_ == Phase::reading_body;
    if (reading || phase_ == Phase::writing || phase_ == Phase::awaiting_part) {
        ++shared_.counters.timed_out;
    }
    if (reading) {
        stop_reading();
    } else {
        close();
    }
}

void HttpConnection::close() {
    error_code ignored;
    socket_.close(ignored);
}

}  // namespace gateway
