// SPDX-License-Identifier: Apache-2.0
#include <gateway/process/service_manager.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace gateway {

std::error_code notify_service_manager(const std::string& socket, std::string_view state) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket.empty() || (socket.front() != '/' && socket.front() != '@') ||
        socket.size() >= sizeof address.sun_path) {
        return std::make_error_code(std::errc::invalid_argument);
    }
    std::ranges::copy(socket, static_cast<char*>(address.sun_path));
    if (socket.front() == '@') {
        address.sun_path[0] = '\0';
    }
    const int file = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file < 0) {
        return {errno, std::system_category()};
    }
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
    const ssize_t sent = ::sendto(file, state.data(), state.size(), MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&address), size);  // NOLINT: how POSIX has it
    const std::error_code error = sent < 0 ? std::error_code{errno, std::system_category()} : std::error_code{};
    ::close(file);
    return error;
}

}  // namespace gateway
