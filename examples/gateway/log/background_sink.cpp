// SPDX-License-Identifier: Apache-2.0
#include <gateway/log/background_sink.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <spdlog/details/log_msg.h>
#include <spdlog/formatter.h>
#include <thread>
#include <utility>

namespace gateway {

namespace {

struct Line {
    spdlog::level::level_enum level = spdlog::level::off;
    std::string text;
};

std::size_t size_of(const Line& line) { return sizeof(Line) + line.text.size(); }

/// False: it could not.
bool write(spdlog::sinks::sink& target, const Line& line) noexcept {
    try {
        target.log({"gateway", line.level, line.text});
        return true;
    } catch (...) {
        return false;
    }
}

/// False: it could not.
bool flush(spdlog::sinks::sink& target) noexcept {
    try {
        target.flush();
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace

struct BackgroundSink::State {
    const std::size_t max_bytes;
    const Gap gap;
    mutable std::mutex mutex;  // guards what follows; never held while a line is written
    std::condition_variable changed;
    std::shared_ptr<spdlog::sinks::sink> target;
    std::deque<Line> lines;
    std::size_t bytes = 0;
    std::uint64_t logged = 0;
    std::uint64_t settled = 0;  // written or dropped
    std::uint64_t dropped = 0;
    std::uint64_t reported = 0;  // of those, the ones that the log tells of
    bool stopping = false;

    State(std::size_t most, Gap of, std::shared_ptr<spdlog::sinks::sink> to)
        : max_bytes{most}, gap{std::move(of)}, target{std::move(to)} {}

    Line take_first() {
        Line line = std::move(lines.front());
        lines.pop_front();
        bytes -= size_of(line);
        return line;
    }
};

BackgroundSink::BackgroundSink(std::shared_ptr<spdlog::sinks::sink> target, std::size_t max_bytes, Gap gap)
    : state_{std::make_shared<State>(max_bytes, std::move(gap), std::move(target))},
      thread_{[state = state_] { write_all(state); }} {}

BackgroundSink::~BackgroundSink() {
    {
        const std::lock_guard lock{state_->mutex};
        state_->stopping = true;
    }
    state_->changed.notify_all();
    if (wait_written(std::chrono::seconds{1})) {
        thread_.join();
    } else {
        thread_.detach();
    }
}

void BackgroundSink::log(const spdlog::details::log_msg& message) {
    Line line{message.level, {message.payload.data(), message.payload.size()}};
    {
        const std::lock_guard lock{state_->mutex};
        state_->bytes += size_of(line);
        state_->lines.push_back(std::move(line));
        ++state_->logged;
        while (state_->bytes > state_->max_bytes && state_->lines.size() > 1) {
            state_->take_first();
            ++state_->settled;
            ++state_->dropped;
        }
    }
    state_->changed.notify_all();
}

void BackgroundSink::write_all(const std::shared_ptr<State>& state) {
    std::uint64_t unsure = 0;  // lines that the target has taken, and may not have written
    std::unique_lock lock{state->mutex};
    for (;;) {
        state->changed.wait(lock, [&] { return !state->lines.empty() || state->stopping; });
        if (state->lines.empty()) {
            return;
        }
        const std::uint64_t missing = state->dropped - std::exchange(state->reported, state->dropped);
        const Line line = state->take_first();
        const std::shared_ptr<spdlog::sinks::sink> target = state->target;
        const bool last = state->lines.empty();
        lock.unlock();
        if (missing > 0) {
            write(*target, {spdlog::level::warn, state->gap(missing)});
        }
        ++unsure;
        bool written = write(*target, line);
        if (last) {
            written = gateway::flush(*target) && written;
        }
        lock.lock();
        state->dropped += written ? 0 : unsure;
        unsure = written && !last ? unsure : 0;
        ++state->settled;
        state->changed.notify_all();
    }
}

void BackgroundSink::set_pattern(const std::string& pattern) {
    const std::lock_guard lock{state_->mutex};
    state_->target->set_pattern(pattern);
}

void BackgroundSink::set_formatter(std::unique_ptr<spdlog::formatter> formatter) {
    const std::lock_guard lock{state_->mutex};
    state_->target->set_formatter(std::move(formatter));
}

void BackgroundSink::redirect(std::shared_ptr<spdlog::sinks::sink> target) {
    const std::lock_guard lock{state_->mutex};
    state_->target.swap(target);
}

bool BackgroundSink::wait_written(std::chrono::milliseconds limit) {
    std::unique_lock lock{state_->mutex};
    return state_->changed.wait_for(lock, limit, [this, now = state_->logged] { return state_->settled >= now; });
}

std::uint64_t BackgroundSink::dropped() const {
    const std::lock_guard lock{state_->mutex};
    return state_->dropped;
}

}  // namespace gateway
