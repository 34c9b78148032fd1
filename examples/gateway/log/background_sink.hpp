// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_LOG_BACKGROUND_SINK_HPP
#define GATEWAY_LOG_BACKGROUND_SINK_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <spdlog/sinks/sink.h>
#include <string>
#include <thread>

namespace gateway {

/// Has a thread of its own write to another sink, so that whoever logs never waits, however long the other takes, be it
/// for ever. What the other does not take in time makes room for what is newer, and is counted. Thread-safe.
///
/// (spdlog's asynchronous logger waits for its sink when it is destroyed, and says nothing in the log of what it has
/// dropped.)
class BackgroundSink final : public spdlog::sinks::sink {
  public:
    /// Writes of how many lines are missing, in the place where they are.
    using Gap = std::function<std::string(std::uint64_t lines)>;

    /// max_bytes: of the lines that wait. gap is called on the thread, and must not throw.
    BackgroundSink(std::shared_ptr<spdlog::sinks::sink> target, std::size_t max_bytes, Gap gap);
    BackgroundSink(const BackgroundSink&) = delete;
    BackgroundSink& operator=(const BackgroundSink&) = delete;

    /// Waits a second for what is not written; then the thread is left alone with it.
    ~BackgroundSink() override;

    void log(const spdlog::details::log_msg& message) override;
    /// Does nothing: what is written is flushed when no more waits.
    void flush() override {}
    void set_pattern(const std::string& pattern) override;
    void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override;

    /// What is not written yet goes to another sink.
    void redirect(std::shared_ptr<spdlog::sinks::sink> target);

    /// Waits up to limit until all that was logged before has been written: whether it has.
    bool wait_written(std::chrono::milliseconds limit);

    /// Lines that were not written, and will not be. Where a write or a flush fails, all since the last flush count.
    [[nodiscard]] std::uint64_t dropped() const;

  private:
    struct State;

    static void write_all(const std::shared_ptr<State>& state);

    std::shared_ptr<State> state_;  // shared with the thread, which may outlive this
    std::thread thread_;
};

}  // namespace gateway

#endif  // GATEWAY_LOG_BACKGROUND_SINK_HPP
