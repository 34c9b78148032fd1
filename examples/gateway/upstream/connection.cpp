// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/connection.hpp>

#include <array>
#include <cerrno>
#include <string_view>
#include <sys/socket.h>
#include <type_traits>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_suffix.hpp>
#include <boost/beast/http/error.hpp>

#include <gateway/base/write_at_once.hpp>
#include <gateway/http/head_text.hpp>
#include <gateway/http/read_message.hpp>
#include <gateway/http/url.hpp>
#include <gateway/upstream/resolve.hpp>
#include <gateway/upstream/tls_context.hpp>

namespace gateway {
namespace {

using Stage = TransportError::Stage;

/// 100, 102 and 103 responses before the real one. An upstream that sends more means no good.
constexpr int max_interim_responses = 16;

bool is_interim(const HttpResponse& response) { return response.result_int() / 100 == 1; }

/// The peer is gone or going, in one of the ways in which one hears of it.
bool peer_left(const error_code& error) {
    return error == net::error::connection_reset || error == net::error::broken_pipe ||
           error == net::error::connection_aborted;
}

}  // namespace

Connection::Connection(const net::any_io_executor& executor, Origin origin, net::ssl::context& tls)
    : origin_{std::move(origin)}, socket_{executor} {
    constexpr std::size_t usual_size = 4096;
    buffer_.reserve(usual_size);
    if (origin_.tls) {
        tls_.emplace(socket_, tls);
    }
}

net::awaitable<void> Connection::open() {
    std::string problem;
    std::vector<tcp::endpoint> endpoints;
    try {
        endpoints = co_await resolve(origin_.host, origin_.port);
    } catch (const boost::system::system_error& error) {
        problem = "its name cannot be resolved: " + reason(error);
    }
    if (!problem.empty()) {
        fail(Stage::connecting, problem);
    }
    co_await connect(endpoints);
    if (tls_) {
        co_await handshake();
    }
}

net::awaitable<void> Connection::connect(const std::vector<tcp::endpoint>& endpoints) {
    error_code error;
    for (const tcp::endpoint& endpoint : endpoints) {
        socket_.close(error);
        socket_.open(endpoint.protocol(), error);
        if (!error) {
            co_await socket_.async_connect(endpoint, net::redirect_error(net::use_awaitable, error));
        }
        if (!error) {
            break;
        }
    }
    if (error) {
        fail(Stage::connecting, "cannot connect: " + error.message());
    }
    // A request is written at once, so waiting for more to send gains nothing. A generation may take minutes
    // in which nothing is sent: the probes keep what stands between from forgetting the connection.
    socket_.set_option(tcp::no_delay{true}, error);
    socket_.set_option(tcp::socket::keep_alive{true}, error);
    socket_.non_blocking(true, error);
}

net::awaitable<void> Connection::handshake() {
    error_code error = expect_host(tls_->native_handle(), origin_.host);
    if (error) {
        fail(Stage::connecting, "the TLS handshake cannot begin: " + error.message());
    }
    co_await tls_->async_handshake(net::ssl::stream_base::client, net::redirect_error(net::use_awaitable, error));
    if (error) {
        fail(Stage::connecting, "the TLS handshake failed: " + handshake_problem(tls_->native_handle(), error));
    }
}

net::awaitable<void> Connection::exchange(const UpstreamRequest& request, ResponseLimits limits) {
    return exchange(request, limits, true);
}

net::awaitable<void> Connection::begin(const UpstreamRequest& request, ResponseLimits limits) {
    return exchange(request, limits, false);
}

net::awaitable<void> Connection::exchange(const UpstreamRequest& request, ResponseLimits limits, bool with_body) {
    reusable_ = false;
    limits_ = limits;
    parser_.reset();
    return tls_ ? exchange_on(*tls_, request, with_body) : exchange_on(socket_, request, with_body);
}

net::awaitable<void> Connection::read_some(std::string& bytes) {
    return tls_ ? read_some_of(*tls_, bytes) : read_some_of(socket_, bytes);
}

template <typename Stream>
net::awaitable<void> Connection::exchange_on(Stream& stream, const UpstreamRequest& request, bool with_body) {
    error_code write_error;
    const std::string head = head_text(request);
    const std::string_view body = request.body();
    const std::array<net::const_buffer, 2> message{net::buffer(head), net::buffer(body)};
    std::size_t written = 0;
    if constexpr (std::is_same_v<Stream, tcp::socket>) {
        written = write_at_once(stream, message, write_error);
    }
    if (!write_error && written < head.size() + body.size()) {
        beast::buffers_suffix<std::array<net::const_buffer, 2>> rest{message};
        rest.consume(written);
        co_await net::async_write(stream, rest, net::redirect_error(net::use_awaitable, write_error));
    }
    // Who refuses a request may answer and close before having read it all.
    if (write_error && !peer_left(write_error)) {
        fail(Stage::waiting, "the request could not be sent: " + write_error.message());
    }
    const bool to_head = request.method() == http::verb::head;
    const error_code error = co_await receive(stream, to_head, with_body);
    if (error) {
        fail(stage(), problem(error));
    }
    keep_ = !write_error && request.keep_alive();
    settle();
}

template <typename Stream>
net::awaitable<void> Connection::read_some_of(Stream& stream, std::string& bytes) {
    bytes.clear();
    while (bytes.empty() && !complete()) {
        error_code error;
        parse_arrived(buffer_, *parser_, error, [this] { return complete(); });
        if (!error && parser_->get().body().empty() && !complete()) {
            const std::size_t size =
                co_await stream.async_read_some(room_in(buffer_), net::redirect_error(net::use_awaitable, error));
            commit_read(buffer_, *parser_, size, error);
        }
        if (error) {
            fail(Stage::receiving, problem(error));
        }
        bytes.swap(parser_->get().body());
    }
    settle();
}

void Connection::settle() { reusable_ = complete() && keep_ && parser_->keep_alive() && buffer_.size() == 0; }

template <typename Stream>
net::awaitable<error_code> Connection::receive(Stream& stream, bool to_head, bool with_body) {
    error_code error;
    expect_response(to_head, with_body);
    for (int interim = 0;;) {
        const auto received = [&] { return with_body ? parser_->is_done() : parser_->is_header_done(); };
        const auto has_head = [this] { return parser_->is_header_done(); };
        parse_arrived(buffer_, *parser_, error, has_head);
        if (!error && has_head()) {
            if (parser_->get().result() == http::status::switching_protocols) {
                co_return http::error::bad_status;
            }
            if (is_interim(parser_->get())) {
                if (++interim > max_interim_responses) {
                    co_return http::error::bad_status;
                }
                expect_response(to_head, with_body);
                continue;
            }
            parse_arrived(buffer_, *parser_, error, received);
        }
        if (error || received()) {
            co_return error;
        }
        const std::size_t size =
            co_await stream.async_read_some(room_in(buffer_), net::redirect_error(net::use_awaitable, error));
        commit_read(buffer_, *parser_, size, error);
    }
}

void Connection::expect_response(bool to_head, bool with_body) {
    parser_.emplace();
    parser_->header_limit(limits_.header);
    parser_->body_limit(with_body ? boost::optional<std::uint64_t>{limits_.body} : boost::none);
    parser_->skip(to_head);
}

HttpResponse Connection::take_response() {
    HttpResponse response = parser_->release();
    parser_.reset();
    return response;
}

TransportError::Stage Connection::stage() const {
    return buffer_.size() > 0 || (parser_ && parser_->got_some()) ? Stage::receiving : Stage::waiting;
}

std::string Connection::problem(const error_code& error) const {
    const bool responding = stage() == Stage::receiving;
    if (error == http::error::body_limit) {
        return "the response's body is over " + std::to_string(limits_.body) + " bytes";
    }
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        return "the response's header is over " + std::to_string(limits_.header) + " bytes";
    }
    if (error == http::error::end_of_stream || error == http::error::partial_message || error == net::error::eof ||
        error == net::ssl::error::stream_truncated) {
        return responding ? "it closed the connection in the middle of the response"
                          : "it closed the connection without a response";
    }
    if (peer_left(error)) {
        return responding ? "it reset the connection in the middle of the response"
                          : "it reset the connection before a response";
    }
    if (error.category() == error_code{http::error::bad_status}.category()) {
        return "its response is not valid HTTP: " + error.message();
    }
    return "the response could not be received: " + error.message();
}

void Connection::fail(TransportError::Stage stage, const std::string& what) const {
    throw TransportError{stage, false, what, to_string(origin_)};
}

bool Connection::quiet() {
    if (!socket_.is_open() || buffer_.size() > 0) {
        return false;
    }
    // Even a TLS record that carries no data, as one that announces the end, is none that a request should follow.
    char byte = 0;
    const ssize_t size = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void Connection::close() noexcept {
    error_code ignored;
    socket_.close(ignored);
}

}  // namespace gateway
