// SPDX-License-Identifier: Apache-2.0
// Structured logs: a message and named values, a line each on stderr or in a file.
//
//     log::info("job finished", {{"job_id", id}, {"ms", 12}});
//
// as text   2026-11-23T11:20:00.123Z info job finished job_id=4f9c ms=12
// as JSON   {"time":"2026-11-23T11:20:00.123Z","level":"info","message":"job finished","job_id":"4f9c","ms":12}
//
// Messages and names are literals of the program; values may be what clients sent: none can forge a line
// or a field, or reach a terminal as a control sequence.
#ifndef GATEWAY_LOG_LOG_HPP
#define GATEWAY_LOG_LOG_HPP

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include <gateway/log/log_format.hpp>

namespace spdlog::sinks {
class sink;
}  // namespace spdlog::sinks

namespace gateway::log {

enum class Level : std::uint8_t { debug, info, warn, error, off };

/// In the order of Level.
inline constexpr std::array<std::string_view, 5> level_names{"debug", "info", "warn", "error", "off"};

/// Longer text is cut, and ends on "...".
inline constexpr std::size_t max_value_bytes = 1000;

/// A named value. It only refers to its text: make it in the call that logs it.
class Field {
  public:
    using Value = std::variant<bool, std::int64_t, std::uint64_t, double, std::string_view>;

    Field(std::string_view name, std::string_view value) : name_{name}, value_{value} {}
    Field(std::string_view name, const std::string& value) : name_{name}, value_{std::string_view{value}} {}
    Field(std::string_view name, const char* value) : name_{name}, value_{std::string_view{value}} {}
    Field(std::string_view name, bool value) : name_{name}, value_{value} {}
    Field(std::string_view name, std::floating_point auto value) : name_{name}, value_{static_cast<double>(value)} {}
    Field(std::string_view name, std::signed_integral auto value) : name_{name}, value_{std::int64_t{value}} {}
    Field(std::string_view name, std::unsigned_integral auto value) : name_{name}, value_{std::uint64_t{value}} {}

    [[nodiscard]] std::string_view name() const { return name_; }
    [[nodiscard]] const Value& value() const { return value_; }

  private:
    std::string_view name_;
    Value value_;
};

using Fields = std::initializer_list<Field>;

/// From what level on, how, and where to; null: stderr. Before it is called, and again after reset():
/// info, text, stderr. Whoever logs waits as long as the sink does. Thread-safe.
void init(Level level, LogFormat format, std::shared_ptr<spdlog::sinks::sink> sink = nullptr);
void reset();

/// As init, but lines are written in the background: nobody who logs waits, and what cannot be written in time is lost
/// and counted, and the log says so. file: lines are added to it, or, if it is empty, go to stderr. Throws
/// std::exception for a file that cannot be opened.
void start(Level level, LogFormat format, std::string file);

/// Opens the file anew by its name, so that another program can have moved it away. Throws as start does, and then goes
/// on as before. Does nothing on stderr.
void reopen();

/// Waits up to limit for what was logged in the background to be written: whether it was.
bool finish(std::chrono::milliseconds limit);

/// Lines lost in the background.
[[nodiscard]] std::uint64_t dropped();

/// One of level_names.
[[nodiscard]] std::optional<Level> level_named(std::string_view name);

/// Whether lines of that level are written. Costs one load.
[[nodiscard]] bool enabled(Level level) noexcept;

/// The line, without its end.
[[nodiscard]] std::string format_line(std::chrono::system_clock::time_point time, Level level, std::string_view message,
                                      std::span<const Field> fields, LogFormat format);

/// Writes a line, if level is enabled. A line that cannot be written is lost: nothing is thrown. Thread-safe.
void write(Level level, std::string_view message, std::span<const Field> fields) noexcept;

inline void debug(std::string_view message, Fields fields = {}) noexcept { write(Level::debug, message, fields); }
inline void info(std::string_view message, Fields fields = {}) noexcept { write(Level::info, message, fields); }
inline void warn(std::string_view message, Fields fields = {}) noexcept { write(Level::warn, message, fields); }
inline void error(std::string_view message, Fields fields = {}) noexcept { write(Level::error, message, fields); }

}  // namespace gateway::log

#endif  // GATEWAY_LOG_LOG_HPP
