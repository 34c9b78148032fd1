// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_HTTP_SERVER_CONNECTION_HPP
#define EXAMPLES_HTTP_SERVER_CONNECTION_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "beast.hpp"
#include "config.hpp"
#include "router.hpp"
#include "watchdog.hpp"

namespace example {

/// One client: reads a request, answers it, reads the next. Pipelined requests wait in the buffer and
/// in the socket, and are answered in order. Lives on the strand that is the socket's executor.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    /// router, config and draining must outlive the connection.
    Connection(tcp::socket socket, Router& router, const ServerConfig& config, const std::atomic<bool>& draining)
        : socket_{std::move(socket)},
          router_{router},
          config_{config},
          draining_{draining},
          watchdog_{socket_.get_executor(),
                    std::min({config.request_timeout, config.idle_timeout, config.linger_timeout})} {}

    tcp::socket::executor_type get_executor() { return socket_.get_executor(); }

    /// Serves the client until it leaves, breaks a rule, or the server drains. To be run on
    /// get_executor(); the connection must be kept alive meanwhile.
    net::awaitable<void> run() {
        using namespace net::experimental::awaitable_operators;
        co_await (serve() || watchdog_.watch([this] { on_expiry(); }));
    }

    /// Call it once draining is set: ends the connection if it is idle; one that is not ends with
    /// its present request. Thread-safe.
    void close_when_idle() {
        net::post(get_executor(), [self = shared_from_this()] {
            if (self->phase_ == Phase::idle) {
                self->stop_reading();
            }
        });
    }

    /// Drops the client. Thread-safe.
    void abort() {
        net::post(get_executor(), [self = shared_from_this()] { self->close(); });
    }

  private:
    enum class Phase { idle, reading, handling, writing, closing };

    net::awaitable<void> serve() {
        std::chrono::milliseconds limit = config_.request_timeout;
        for (;;) {  // not co_await a && co_await b: GCC 12 gets that wrong in a condition
            if (const bool arrived = co_await await_request(limit); !arrived) {
                break;
            }
            if (const bool keep = co_await serve_request(); !keep) {
                break;
            }
            limit = config_.idle_timeout;
        }
        co_await finish();
    }

    /// Waits for the first bytes of a request. False: there will be none.
    net::awaitable<bool> await_request(std::chrono::milliseconds limit) {
        if (buffer_.size() > 0) {
            co_return true;  // pipelined
        }
        if (draining_) {
            co_return false;
        }
        enter(Phase::idle, limit);
        beast::error_code error;
        const std::size_t size = co_await socket_.async_read_some(buffer_.prepare(first_read),
                                                                  net::redirect_error(net::use_awaitable, error));
        buffer_.commit(size);
        co_return !error;
    }

    /// Reads a request and answers it. False: the connection is to be closed.
    net::awaitable<bool> serve_request() {
        enter(Phase::reading, config_.request_timeout);
        http::request_parser<http::string_body> parser;
        parser.header_limit(config_.header_limit);
        parser.body_limit(config_.body_limit);
        const beast::error_code error = co_await read(parser);

        std::optional<Response> response;
        if (error) {
            response = refusal(error);
        } else {
            phase_ = Phase::handling;
            watchdog_.expires_never();
            response = co_await router_.respond(parser.get());
        }
        if (!response) {
            co_return false;
        }
        const bool written = co_await write(*response);
        co_return written && response->keep_alive();
    }

    net::awaitable<beast::error_code> read(http::request_parser<http::string_body>& parser) {
        beast::error_code error;
        co_await http::async_read_header(socket_, buffer_, parser, net::redirect_error(net::use_awaitable, error));
        if (error || parser.is_done()) {
            co_return error;
        }
        if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
            static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
            co_await net::async_write(socket_, net::buffer(go_on), net::redirect_error(net::use_awaitable, error));
            if (error) {
                co_return error;
            }
        }
        co_await http::async_read(socket_, buffer_, parser, net::redirect_error(net::use_awaitable, error));
        co_return error;
    }

    /// What to say to a client whose request could not be read; nothing if it is gone.
    std::optional<Response> refusal(beast::error_code error) const {
        std::optional<Response> response;
        if (watchdog_.expired()) {
            response = error_response(http::status::request_timeout, "the request took too long to arrive");
        } else if (error == http::error::header_limit) {
            response = error_response(http::status::request_header_fields_too_large,
                                      "the header is over " + std::to_string(config_.header_limit) + " bytes");
        } else if (error == http::error::body_limit) {
            response = error_response(http::status::payload_too_large,
                                      "the body is over " + std::to_string(config_.body_limit) + " bytes");
        } else if (error != http::error::end_of_stream && error != http::error::partial_message &&
                   error.category() == beast::error_code{http::error::bad_method}.category()) {
            response = error_response(http::status::bad_request, "not an HTTP request: " + error.message());
        }
        if (response) {
            response->keep_alive(false);
        }
        return response;
    }

    net::awaitable<bool> write(Response& response) {
        enter(Phase::writing, config_.request_timeout);
        beast::error_code error;
        co_await http::async_write(socket_, response, net::redirect_error(net::use_awaitable, error));
        co_return !error;
    }

    /// Closes in order: says that nothing more will be sent, and takes in what the client is still
    /// sending. Closing with bytes unread makes TCP send a reset, which can overtake the response.
    net::awaitable<void> finish() {
        enter(Phase::closing, config_.linger_timeout);
        beast::error_code error;
        socket_.shutdown(tcp::socket::shutdown_send, error);
        std::array<char, 4096> ignored{};
        while (!error && !watchdog_.expired()) {
            co_await socket_.async_read_some(net::buffer(ignored), net::redirect_error(net::use_awaitable, error));
        }
        close();
    }

    void enter(Phase phase, std::chrono::milliseconds limit) {
        phase_ = phase;
        watchdog_.expires_after(limit);
    }

    void on_expiry() {
        if (phase_ == Phase::idle || phase_ == Phase::reading) {
            stop_reading();
        } else {
            close();
        }
    }

    /// Makes the pending read, and those to come, end as if the client had sent no more. Cancelling
    /// would miss a read that is between two parts of its work; and this leaves the way back open.
    void stop_reading() {
        beast::error_code ignored;
        socket_.shutdown(tcp::socket::shutdown_receive, ignored);
    }

    void close() {
        beast::error_code ignored;
        socket_.close(ignored);
    }

    static constexpr std::size_t first_read = 4096;

    tcp::socket socket_;
    Router& router_;
    const ServerConfig& config_;
    const std::atomic<bool>& draining_;
    Watchdog watchdog_;
    beast::flat_buffer buffer_;
    Phase phase_ = Phase::idle;
};

}  // namespace example

#endif  // EXAMPLES_HTTP_SERVER_CONNECTION_HPP
