// SPDX-License-Identifier: Apache-2.0
// How an HttpConnection reads a request.
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include <gateway/http/chunk_extensions.hpp>
#include <gateway/http/connection.hpp>
#include <gateway/http/head_scanner.hpp>
#include <gateway/http/read_message.hpp>
#include <gateway/http/request_rules.hpp>

namespace gateway {

namespace {

Refusal no_room() {
    return {http::status::service_unavailable, "the bodies of requests are too large together: try again later"};
}

}  // namespace

net::awaitable<std::optional<Refusal>> HttpConnection::read_head(Parser& parser) {
    HeadScanner scanner{shared_.options.header_limit};
    for (;;) {
        if (std::optional<Refusal> refusal = scanner.scan(received())) {
            received_ += buffer_.size();
            co_return refusal;
        }
        if (scanner.complete()) {
            break;
        }
        idle_since_ = begun_ + shared_.options.newcomer_grace;
        if (const error_code error = co_await receive(); error) {
            received_ += buffer_.size();
            co_return refusal_of(error);
        }
    }
    idle_since_ = not_idle;
    parser.header_limit(shared_.options.header_limit);
    parser.body_limit(shared_.options.body_limit);
    const std::string_view head = scanner.head(received());
    error_code error;
    parser.put(net::buffer(head), error);
    buffer_.consume(scanner.size());
    received_ += scanner.size();
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
    if (const auto length = parser.content_length(); length && !body_room_.may_begin(*length)) {
        co_return no_room();
    }
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
        const std::size_t size =
            co_await net::async_write(socket_, net::buffer(go_on), net::redirect_error(net::use_awaitable, error));
        sent_ += size;
    }
    begin_transfer(Phase::reading_body);
    std::optional<Refusal> refusal;
    while (!error) {
        const std::size_t size = parse_arrived(buffer_, parser, error, [&] { return parser.is_done(); });
        moved_ += size;
        received_ += size;
        // What has arrived counts, not what is announced: to announce costs a client nothing.
        if (!body_room_.grow_to(request.body().size())) {
            refusal = no_room();
        }
        if (error || refusal || parser.is_done()) {
            break;
        }
        idle_since_ = Clock::now() + shared_.options.newcomer_grace;
        const std::size_t arrived =
            co_await socket_.async_read_some(room_in(buffer_), net::redirect_error(net::use_awaitable, error));
        commit_read(buffer_, parser, arrived, error);
    }
    idle_since_ = not_idle;
    if (head) {
        request.base() = std::move(*head);
    }
    co_return error ? std::optional{refusal_of(error)} : std::move(refusal);
}

net::awaitable<error_code> HttpConnection::receive() {
    error_code error;
    if (!ahead_.expired()) {
        auto wait_for_it = [this](auto handler) {
            auto shared = std::make_shared<decltype(handler)>(std::move(handler));
            ahead_.lock()->resume = [shared](error_code result) { std::move (*shared)(result); };
        };
        auto token = net::redirect_error(net::use_awaitable, error);
        auto ended = net::async_initiate<decltype(token), void(error_code)>(std::move(wait_for_it), token);
        co_await std::move(ended);
        co_return error;
    }
    if (left_) {
        co_return left_;
    }
    const std::size_t size =
        co_await socket_.async_read_some(buffer_.prepare(read_size), net::redirect_error(net::use_awaitable, error));
    buffer_.commit(size);
    co_return error;
}

// Whether a client has left shows when one reads. What is read then is the beginning of the next request, so the read
// that was begun to see a client leave is the one that its next request would have begun with.

void HttpConnection::watch(std::function<void()> departed) {
    ++watches_;
    departed_ = std::move(departed);
    if (!departed_) {
        if (std::exchange(waits_for_reset_, false)) {
            error_code ignored;
            socket_.cancel(ignored);
        }
    } else if (left_) {
        tell_departure();
    } else if (buffer_.size() > 0) {
        watch_for_reset();
    } else if (ahead_.expired()) {
        read_ahead();
    }
}

void HttpConnection::read_ahead() {
    auto ahead = std::make_shared<Ahead>();
    ahead_ = ahead;
    auto ended = [self = shared_from_this(), ahead = std::move(ahead)](error_code error, std::size_t size) {
        self->buffer_.commit(size);
        self->ahead_.reset();
        if (error) {
            self->left_ = error;
            self->tell_departure();
        } else if (self->departed_) {
            self->watch_for_reset();
        }
        if (const auto resume = std::exchange(ahead->resume, nullptr)) {
            resume(error);
        }
    };
    socket_.async_read_some(buffer_.prepare(read_size), std::move(ended));
}

/// What has arrived hides what follows, but for a reset.
void HttpConnection::watch_for_reset() {
    waits_for_reset_ = true;
    socket_.async_wait(tcp::socket::wait_error, [self = shared_from_this(), watch = watches_](error_code /*closed*/) {
        if (watch == self->watches_) {
            self->waits_for_reset_ = false;
            self->tell_departure();
        }
    });
}

void HttpConnection::tell_departure() {
    if (const auto departed = std::exchange(departed_, nullptr)) {
        departed();
    }
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
    received_ += *length;
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
