// SPDX-License-Identifier: Apache-2.0
// What Beast's own read operations do, step by step. They tell of what had arrived already, as the body of most
// messages has when its head is read, by way of the executor's queue; here it is parsed where it is found.
#ifndef GATEWAY_HTTP_READ_MESSAGE_HPP
#define GATEWAY_HTTP_READ_MESSAGE_HPP

#include <cstddef>

#include <boost/asio/redirect_error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/read_size.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <gateway/base/net.hpp>
#include <gateway/http/message.hpp>

namespace gateway {

/// Has parser take what has arrived, until done(), which is asked before each of its steps. Returns how many bytes it
/// took.
template <bool is_request, typename Done>
std::size_t parse_arrived(beast::flat_buffer& buffer, http::basic_parser<is_request>& parser, error_code& error,
                          Done done) {
    std::size_t taken = 0;
    while (!error && buffer.size() > 0 && !done()) {
        const std::size_t size = parser.put(buffer.data(), error);
        buffer.consume(size);
        taken += size;
    }
    if (error == http::error::need_more) {
        error = {};
    }
    return taken;
}

/// Waits for more of the message that parser takes, which has to be done if the connection ends.
template <typename Stream, bool is_request>
net::awaitable<void> receive_more(Stream& stream, beast::flat_buffer& buffer, http::basic_parser<is_request>& parser,
                                  error_code& error) {
    constexpr std::size_t most = 65'536;
    const std::size_t size = beast::read_size(buffer, most);
    if (size == 0) {
        error = http::error::buffer_overflow;
        co_return;
    }
    buffer.commit(
        co_await stream.async_read_some(buffer.prepare(size), net::redirect_error(net::use_awaitable, error)));
    if (error == net::error::eof) {
        error = {};
        if (parser.got_some()) {
            parser.put_eof(error);
        } else {
            error = http::error::end_of_stream;
        }
    }
}

}  // namespace gateway

#endif  // GATEWAY_HTTP_READ_MESSAGE_HPP
