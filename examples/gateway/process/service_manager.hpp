// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_PROCESS_SERVICE_MANAGER_HPP
#define GATEWAY_PROCESS_SERVICE_MANAGER_HPP

#include <string>
#include <string_view>
#include <system_error>

namespace gateway {

/// Tells the service manager that has started this process how it is, such as "READY=1": a datagram to a socket, which
/// systemd names in the variable NOTIFY_SOCKET (sd_notify(3)). socket: its path, or its abstract name after an @. What
/// went wrong, if anything. Does not wait. Thread-safe.
[[nodiscard]] std::error_code notify_service_manager(const std::string& socket, std::string_view state);

}  // namespace gateway

#endif  // GATEWAY_PROCESS_SERVICE_MANAGER_HPP
