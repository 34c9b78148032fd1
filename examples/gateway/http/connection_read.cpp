// SPDX-License-Identifier: Apache-2.0
// How an HttpConnection reads a request.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>

#include <gateway/http/chunk_extensions.hpp>
#include <gateway/http/connection.hpp>
#include <gateway/http/head_scanner.hpp>
#include <gateway/http/request_rules.hpp>

namespace gateway {

net::awaitable<std::optional<Refusal>> HttpConnection::read_head(Parser& parser) {
    HeadScanner scanner{shared_.options.header_limit};
    for (;;) {
        if (std::optional<Refusal> refusal = scanner.scan(received())) {
            co_return refusal;
        }
        if (scanner.complete()) {
            break;
        }
        if (const error_code error = co_await receive(); error) {
            co_return refusal_of(error);
        }
    }
    parser.header_limit(shared_.options.header_limit);
    parser.body_limit(shared_.options.body_limit);
    const std::string_view head = scanner.head(received());
    error_code error;
    parser.put(net::buffer(head), error);
    buffer_.consume(scanner.size());
    if (error) {
        co_return refusal_of(error);
    }
    std::optional<Refusal> broken = broken_rule(parser.get());
    if (!broken) {
        to_origin_form(parser.get());
    }
    co_return broken;
}

net::awaitable<std::optional<Refusal>> HttpConnection::read_body(Parser& parser) {
    HttpRequest& request = parser.get();
    // Beast adds the fields that may follow a body in chunks to the others, where they would pass for what the rules
    // have seen, and a proxy too.
    std::optional<http::request_header<>> head;
    if (parser.chunked()) {
        head = request.base();
    }
    ChunkExtensions extensions{shared_.options.header_limit};
    parser.on_chunk_header(extensions);
    error_code error;
    if (request.version() == 11 && request.count(http::field::expect) > 0) {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await net::async_write(socket_, net::buffer(go_on), net::redirect_error(net::use_awaitable, error));
    }
    begin_transfer(Phase::reading_body);
    while (!error && !parser.is_done()) {
        moved_ +=
            co_await http::async_read_some(socket_, buffer_, parser, net::redirect_error(net::use_awaitable, error));
    }
    if (head) {
        request.base() = std::move(*head);
    }
    co_return error ? std::optional{refusal_of(error)} : std::nullopt;
}

net::awaitable<error_code> HttpConnection::receive() {
    error_code error;
    const std::size_t size =
        co_await socket_.async_read_some(buffer_.prepare(read_size), net::redirect_error(net::use_awaitable, error));
    buffer_.commit(size);
    co_return error;
}

/// What to say to a client whose request could not be read. It may be gone, which shows when it is told.
Refusal HttpConnection::refusal_of(error_code error) const {
    if (watchdog_.expired()) {
        return {http::status::request_timeout, "the request took too long to arrive"};
    }
    if (error == http::error::body_limit) {
        return {http::status::payload_too_large,
                "the body is over " + std::to_string(shared_.options.body_limit) + " bytes"};
    }
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        return {http::status::request_header_fields_too_large,
                "what the body's chunks come with is over " + std::to_string(shared_.options.header_limit) + " bytes"};
    }
    if (error == net::error::eof || error == http::error::partial_message) {
        return bad_request("the request is not complete");
    }
    return bad_request("not an HTTP request: " + error.message());
}

/// Passes over the body of a request if that takes no waiting: whether it did.
bool HttpConnection::skip_body(const Parser& parser) {
    if (parser.is_done()) {
        return true;
    }
    const auto length = parser.content_length();
    if (!length || *length > buffer_.size()) {
        return false;
    }
    buffer_.consume(static_cast<std::size_t>(*length));
    return true;
}

std::string_view HttpConnection::received() const {
    return {static_cast<const char*>(buffer_.cdata().data()), buffer_.size()};
}

/// Makes the pending read, and those to come, end as if the client had sent no more. Cancelling
/// would miss a read that is between two parts of its work; and this leaves the way back open.
void HttpConnection::stop_reading() {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_receive, ignored);
}

}  // namespace gateway
