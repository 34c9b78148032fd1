// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_WRITE_AT_ONCE_HPP
#define GATEWAY_BASE_WRITE_AT_ONCE_HPP

#include <cstddef>

#include <gateway/base/net.hpp>

namespace gateway {

/// Writes as much of buffers as socket takes without waiting, which is all of most messages; the rest is for an
/// operation that waits. Such an operation tries the same first, but tells of it by way of the executor's queue.
///
/// Returns how many bytes it took. socket must be non-blocking.
template <typename Buffers>
std::size_t write_at_once(tcp::socket& socket, const Buffers& buffers, error_code& error) {
    const std::size_t size = socket.write_some(buffers, error);
    if (error == net::error::would_block) {
        error = {};
    }
    return size;
}

}  // namespace gateway

#endif  // GATEWAY_BASE_WRITE_AT_ONCE_HPP
