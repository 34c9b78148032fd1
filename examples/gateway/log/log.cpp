// SPDX-License-Identifier: Apache-2.0
#include <gateway/log/log.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <mutex>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <unistd.h>
#include <utility>

#include <gateway/base/json.hpp>
#include <gateway/base/rfc3339.hpp>
#include <gateway/base/utf8.hpp>
#include <gateway/log/background_sink.hpp>

namespace gateway::log {
namespace {

std::string_view name_of(Level level) { return level_names.at(static_cast<std::size_t>(level)); }

spdlog::level::level_enum spdlog_level(Level level) {
    using enum Level;
    switch (level) {
        case debug:
            return spdlog::level::debug;
        case info:
            return spdlog::level::info;
        case warn:
            return spdlog::level::warn;
        case error:
            return spdlog::level::err;
        case off:
            break;
    }
    return spdlog::level::off;
}

/// text, if need be without its end.
std::string bounded(std::string_view text) {
    const std::string_view start = utf8_start(text, max_value_bytes);
    return std::string{start} + (start.size() < text.size() ? "..." : "");
}

struct ToJson {
    Json operator()(std::string_view text) const { return bounded(text); }
    Json operator()(auto number) const { return number; }
};

/// Appends text as it is if nobody can take it for something else, and otherwise as a JSON string in
/// ASCII, where every control character is escaped, those of Unicode as well. first: the first character
/// that may stand for itself.
void append_logfmt(std::string& line, const Json& value, char first = '!') {
    const std::string* const text = value.get_ptr<const std::string*>();
    const auto plain = [=](char c) { return c >= first && c <= '~' && c != '"' && c != '=' && c != '\\'; };
    if (text != nullptr && !text->empty() && std::ranges::all_of(*text, plain)) {
        line += *text;
    } else {
        line += value.dump(-1, ' ', true, Json::error_handler_t::replace);
    }
}

constexpr const char* pattern = "%v";  // a line is made before spdlog sees it

/// What may wait to be written in the background.
constexpr std::size_t max_waiting_bytes = std::size_t{8} << 20U;

/// spdlog's own does not notice that nothing can be written.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        if (std::fwrite(line.data(), 1, line.size(), stderr) != line.size() || std::fflush(stderr) != 0) {
            throw spdlog::spdlog_ex{"stderr cannot be written", errno};
        }
    }
    void flush_() override {}
};

/// To open a pipe waits until somebody reads from it, which may be for ever.
void refuse_unread_pipe(const std::string& file) {
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0 && errno == ENXIO) {
        throw spdlog::spdlog_ex{"the log cannot go to the pipe '" + file +
                                "', from which nobody reads: start its reader first, or name a file"};
    }
    if (descriptor >= 0) {
        ::close(descriptor);
    }
}

std::shared_ptr<spdlog::sinks::sink> open_sink(const std::string& file) {
    if (file.empty()) {
        return std::make_shared<StderrSink>();
    }
    refuse_unread_pipe(file);
    return std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
}

/// Where lines go: one at a time is the current one, and those who write hold on to theirs.
struct Output {
    LogFormat format = LogFormat::text;
    spdlog::logger logger;
    std::shared_ptr<BackgroundSink> background = {};  // what the logger writes to, if it is that
    std::string file = {};

    Output(LogFormat lines, std::shared_ptr<spdlog::sinks::sink> sink)
        : format{lines}, logger{"gateway", std::move(sink)} {
        logger.set_level(spdlog::level::trace);  // what is written was let through by enabled()
        logger.set_pattern(pattern);
    }
};

std::string tell_gap(std::uint64_t lines, LogFormat format) {
    return format_line(std::chrono::system_clock::now(), Level::warn,
                       "lines are missing here, as the log was not written fast enough", Fields{{"lines", lines}},
                       format);
}

struct State {
    std::atomic<Level> level = Level::info;
    std::mutex mutex;  // guards output
    std::shared_ptr<Output> output = stderr_output(LogFormat::text);

    static std::shared_ptr<Output> stderr_output(LogFormat format) {
        return std::make_shared<Output>(format, open_sink(""));
    }

    void use(Level from, std::shared_ptr<Output> next) {
        {
            const std::lock_guard lock{mutex};
            output.swap(next);
        }
        level = from;
    }

    std::shared_ptr<Output> current() {
        const std::lock_guard lock{mutex};
        return output;
    }
};

/// Never destroyed: the destructors of other static objects may log.
State& state() {
    static State& made = *new State;
    return made;
}

}  // namespace

void init(Level level, LogFormat format, std::shared_ptr<spdlog::sinks::sink> sink) {
    state().use(level, sink ? std::make_shared<Output>(format, std::move(sink)) : State::stderr_output(format));
}

void reset() { init(Level::info, LogFormat::text); }

void start(Level level, LogFormat format, std::string file) {
    auto background = std::make_shared<BackgroundSink>(
        open_sink(file), max_waiting_bytes, [format](std::uint64_t lines) { return tell_gap(lines, format); });
    auto output = std::make_shared<Output>(format, background);
    output->background = std::move(background);
    output->file = std::move(file);
    state().use(level, std::move(output));
}

void reopen() {
    const std::shared_ptr<Output> output = state().current();
    if (output->background && !output->file.empty()) {
        const std::shared_ptr<spdlog::sinks::sink> sink = open_sink(output->file);
        sink->set_pattern(pattern);
        output->background->redirect(sink);
    }
}

bool finish(std::chrono::milliseconds limit) {
    const std::shared_ptr<Output> output = state().current();
    return !output->background || output->background->wait_written(limit);
}

std::uint64_t dropped() {
    const std::shared_ptr<Output> output = state().current();
    return output->background ? output->background->dropped() : 0;
}

std::optional<Level> level_named(std::string_view name) {
    const auto* const found = std::ranges::find(level_names, name);
    if (found == level_names.end()) {
        return std::nullopt;
    }
    return static_cast<Level>(found - level_names.begin());
}

bool enabled(Level level) noexcept {
    return level != Level::off && level >= state().level.load(std::memory_order_relaxed);
}

std::string format_line(std::chrono::system_clock::time_point time, Level level, std::string_view message,
                        std::span<const Field> fields, LogFormat format) {
    if (format == LogFormat::json) {
        Json line;
        line["time"] = to_rfc3339(time);
        line["level"] = name_of(level);
        line["message"] = bounded(message);
        for (const Field& field : fields) {
            line[std::string{field.name()}] = std::visit(ToJson{}, field.value());
        }
        return dump(line);
    }
    std::string line = to_rfc3339(time);
    line += ' ';
    line += name_of(level);
    line += ' ';
    append_logfmt(line, bounded(message), ' ');
    for (const Field& field : fields) {
        line += ' ';
        append_logfmt(line, bounded(field.name()));
        line += '=';
        append_logfmt(line, std::visit(ToJson{}, field.value()));
    }
    return line;
}

void write(Level level, std::string_view message, std::span<const Field> fields) noexcept {
    if (!enabled(level)) {
        return;
    }
    try {
        const std::shared_ptr<Output> output = state().current();
        const std::string line = format_line(std::chrono::system_clock::now(), level, message, fields, output->format);
        output->logger.log(spdlog_level(level), spdlog::string_view_t{line});
    } catch (...) {
        // Nobody is served better by a request that fails as its log line does.
    }
}

}  // namespace gateway::log
