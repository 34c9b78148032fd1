// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_RESOLVE_HPP
#define GATEWAY_UPSTREAM_RESOLVE_HPP

#include <cstdint>
#include <string>
#include <vector>

#include <gateway/base/net.hpp>

namespace gateway {

/// Where host, a name or an address, can be reached; at least one endpoint.
///
/// The system's resolver blocks a thread of Asio's until it is done. This does not wait for it when it is
/// cancelled.
///
/// Executor: that of the awaiting coroutine, which must be a strand. Cancellation: terminal; throws
/// operation_aborted. Throws system_error.
net::awaitable<std::vector<tcp::endpoint>> resolve(std::string host, std::uint16_t port);

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_RESOLVE_HPP
