// SPDX-License-Identifier: Apache-2.0
#include "log_capture.hpp"

#include <mutex>
#include <spdlog/sinks/base_sink.h>

namespace test {

class LogCapture::Sink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    std::vector<std::string> lines() {
        const std::lock_guard lock{mutex_};
        return lines_;
    }

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        lines_.emplace_back(message.payload.data(), message.payload.size());
    }
    void flush_() override {}

  private:
    std::vector<std::string> lines_;  // guarded by the base's mutex_
};

LogCapture::LogCapture(gateway::log::Level level, gateway::LogFormat format) : sink_{std::make_shared<Sink>()} {
    gateway::log::init(level, format, sink_);
}

LogCapture::~LogCapture() { gateway::log::reset(); }

std::vector<std::string> LogCapture::lines() const { return sink_->lines(); }

}  // namespace test
