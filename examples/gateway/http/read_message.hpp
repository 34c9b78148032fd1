// SPDX-License-Identifier: Apache-2.0
// What Beast's own read operations do, step by step. They tell of what had arrived already, as the body of most
// messages has when its head is read, by way of the executor's queue; here it is parsed where it is found.
#ifndef GATEWAY_HTTP_READ_MESSAGE_HPP
#define GATEWAY_HTTP_READ_MESSAGE_HPP

#include <cstddef>

#include <boost/asio/buffer.hpp>
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

/// Where what arrives next is to be read to. It has no room once buffer is full.
inline net::mutable_buffer room_in(beast::flat_buffer& buffer) {
    constexpr std::size_t most = 65'536;
    return buffer.prepare(beast::read_size(buffer, most));
}

/// size bytes were read there, or none, for which error says why. Where the connection has ended, the message that
/// parser takes must have, too.
template <bool is_request>
void commit_read(beast::flat_buffer& buffer, http::basic_parser<is_request>& parser, std::size_t size,
                 error_code& error) {
    buffer.commit(size);
    if (error == net::error::eof) {
        error = {};
        if (parser.got_some()) {
            parser.put_eof(error);
        } else {
            error = http::error::end_of_stream;
        }
    } else if (!error && size == 0) {
        error = http::error::buffer_overflow;
    }
}

}  // namespace gateway

#endif  // GATEWAY_HTTP_READ_MESSAGE_HPP
