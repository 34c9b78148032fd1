// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

#include <gtest/gtest.h>

#include <gateway/process/service_manager.hpp>

#include "support/temporary_directory.hpp"

namespace service_manager_test {

using gateway::notify_service_manager;

/// What listens at a name, where '@' is the null byte of an abstract one.
class Listener {
  public:
    explicit Listener(std::string name) : file_{::socket(AF_UNIX, SOCK_DGRAM, 0)} {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        name.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path);
        if (name[0] == '@') {
            address.sun_path[0] = '\0';
        }
        EXPECT_EQ(::bind(file_, reinterpret_cast<const sockaddr*>(&address),
                         static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())),
                  0);
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() { ::close(file_); }

    std::string receive() const {
        std::array<char, 256> text{};
        const ssize_t size = ::recv(file_, text.data(), text.size(), 0);
        return {text.data(), static_cast<std::size_t>(size)};
    }

  private:
    int file_;
};

TEST(ServiceManager, IsToldOfTheState) {
    const test::TemporaryDirectory directory;
    for (const std::string& name : {directory.file("notify"), "@dispatch-gateway-test-" + std::to_string(::getpid())}) {
        const Listener listener{name};
        EXPECT_EQ(notify_service_manager(name, "READY=1"), std::error_code{}) << name;
        EXPECT_EQ(notify_service_manager(name, "STOPPING=1\nEXTEND_TIMEOUT_USEC=5"), std::error_code{}) << name;
        EXPECT_EQ(listener.receive(), "READY=1");
        EXPECT_EQ(listener.receive(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=5");
    }
}

TEST(ServiceManager, WhoCannotBeToldIsAnError) {
    const test::TemporaryDirectory directory;
    EXPECT_EQ(notify_service_manager(directory.file("nobody"), "READY=1"), std::errc::no_such_file_or_directory);
    for (const std::string& name : {std::string{}, std::string{"relative"}, "/" + std::string(200, 'x')}) {
        EXPECT_EQ(notify_service_manager(name, "READY=1"), std::errc::invalid_argument) << name;
    }
}

}  // namespace service_manager_test
