// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_CHILD_PROCESS_HPP
#define GATEWAY_TESTS_SUPPORT_CHILD_PROCESS_HPP

#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>

namespace test {

/// A copy of this process, which must have no other threads, that does some work and tells of it line by line.
class ChildProcess {
  public:
    /// In the child: writes a line, whole, from any thread.
    using Tell = std::function<void(const std::string&)>;

    explicit ChildProcess(const std::function<void(const Tell&)>& work);
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ~ChildProcess();  ///< kills it, if it runs

    [[nodiscard]] pid_t id() const { return id_; }

    /// The next line that the child told; nothing once it has ended and all was read.
    std::optional<std::string> next_line();

    /// SIGKILL, and waits for its end. What it told can still be read.
    void kill();

  private:
    pid_t id_ = 0;
    int pipe_ = -1;
    bool ended_ = false;
    std::string read_;
};

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_CHILD_PROCESS_HPP
