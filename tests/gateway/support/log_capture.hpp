// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_LOG_CAPTURE_HPP
#define GATEWAY_TESTS_SUPPORT_LOG_CAPTURE_HPP

#include <memory>
#include <string>
#include <vector>

#include <gateway/config/config.hpp>
#include <gateway/log/log.hpp>

namespace test {

/// Keeps the lines that are logged as long as it lives, instead of stderr. One at a time.
class LogCapture {
  public:
    explicit LogCapture(gateway::log::Level level = gateway::log::Level::debug,
                        gateway::LogFormat format = gateway::LogFormat::text);
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;
    ~LogCapture();

    /// So far. Thread-safe.
    [[nodiscard]] std::vector<std::string> lines() const;

  private:
    class Sink;
    std::shared_ptr<Sink> sink_;
};

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_LOG_CAPTURE_HPP
