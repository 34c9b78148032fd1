// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <spdlog/details/log_msg.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/sink.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/log/background_sink.hpp>

namespace background_sink_test {

using namespace std::chrono_literals;
using gateway::BackgroundSink;

/// Keeps lines, and stalls when told to.
class Target final : public spdlog::sinks::sink {
  public:
    void log(const spdlog::details::log_msg& message) override {
        std::unique_lock lock{mutex_};
        ++begun_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return !stalls_; });
        if (fails_) {
            throw std::runtime_error{"the disk is full"};
        }
        lines_.emplace_back(message.payload.data(), message.payload.size());
    }
    void flush() override {
        const std::lock_guard lock{mutex_};
        if (flush_fails_) {
            throw std::runtime_error{"the disk is full"};
        }
    }
    void set_pattern(const std::string&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

    void stall(bool stalls) {
        const std::lock_guard lock{mutex_};
        stalls_ = stalls;
        changed_.notify_all();
    }
    void fail(bool fails) {
        const std::lock_guard lock{mutex_};
        fails_ = fails;
    }
    void fail_flush(bool fails) {
        const std::lock_guard lock{mutex_};
        flush_fails_ = fails;
    }
    void await_begun(int lines) {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return begun_ >= lines; });
    }
    std::vector<std::string> lines() {
        const std::lock_guard lock{mutex_};
        return lines_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stalls_ = false;
    bool fails_ = false;
    bool flush_fails_ = false;
    int begun_ = 0;
    std::vector<std::string> lines_;
};

std::shared_ptr<BackgroundSink> in_front_of(const std::shared_ptr<Target>& target, std::size_t max_bytes = 1'000'000) {
    return std::make_shared<BackgroundSink>(target, max_bytes,
                                            [](std::uint64_t lines) { return std::to_string(lines) + " missing"; });
}

void write(BackgroundSink& sink, const std::string& line) { sink.log({"test", spdlog::level::info, line}); }

TEST(BackgroundSink, WritesAllInOrder) {
    const auto target = std::make_shared<Target>();
    std::vector<std::string> expected;
    const auto sink = in_front_of(target);
    for (int i = 0; i < 1'000; ++i) {
        expected.push_back(std::to_string(i));
        write(*sink, expected.back());
    }
    EXPECT_TRUE(sink->wait_written(30s));
    EXPECT_EQ(target->lines(), expected);
    EXPECT_EQ(sink->dropped(), 0U);
}

TEST(BackgroundSink, NobodyWaitsForATargetThatStallsAndTheGapIsTold) {
    const auto target = std::make_shared<Target>();
    const auto sink = in_front_of(target, 10'000);
    target->stall(true);
    write(*sink, "first");
    target->await_begun(1);
    constexpr int more = 100'000;
    for (int i = 0; i < more; ++i) {
        write(*sink, std::to_string(i));
    }
    EXPECT_FALSE(sink->wait_written(0ms));
    const std::uint64_t dropped = sink->dropped();
    EXPECT_GT(dropped, 0U);
    target->stall(false);
    EXPECT_TRUE(sink->wait_written(30s));
    const std::vector<std::string> lines = target->lines();
    ASSERT_GE(lines.size(), 3U);
    EXPECT_EQ(lines[0], "first");
    EXPECT_EQ(lines[1], std::to_string(dropped) + " missing");
    EXPECT_EQ(lines[2], std::to_string(dropped));
    EXPECT_EQ(lines.back(), std::to_string(more - 1));
    EXPECT_EQ(lines.size() - 2 + dropped, std::uint64_t{more});
}

TEST(BackgroundSink, WhatCannotBeWrittenIsCountedAndTold) {
    const auto target = std::make_shared<Target>();
    const auto sink = in_front_of(target);
    target->fail(true);
    write(*sink, "lost");
    EXPECT_TRUE(sink->wait_written(30s));
    EXPECT_EQ(sink->dropped(), 1U);
    target->fail(false);
    write(*sink, "kept");
    EXPECT_TRUE(sink->wait_written(30s));
    EXPECT_EQ(target->lines(), (std::vector<std::string>{"1 missing", "kept"}));
}

TEST(BackgroundSink, WhatIsLostInABufferIsCountedAndTold) {
    const auto target = std::make_shared<Target>();
    const auto sink = in_front_of(target);
    target->stall(true);
    target->fail_flush(true);
    write(*sink, "1");  // which is flushed alone, and the others together
    target->await_begun(1);
    write(*sink, "2");
    write(*sink, "3");
    target->stall(false);
    EXPECT_TRUE(sink->wait_written(10s));
    EXPECT_EQ(sink->dropped(), 3U);
    target->fail_flush(false);
    write(*sink, "4");
    EXPECT_TRUE(sink->wait_written(10s));
    EXPECT_EQ(sink->dropped(), 3U);
    EXPECT_EQ(target->lines(), (std::vector<std::string>{"1", "1 missing", "2", "3", "2 missing", "4"}));
}

TEST(BackgroundSink, GoesOnElsewhere) {
    const auto first = std::make_shared<Target>();
    const auto second = std::make_shared<Target>();
    const auto sink = in_front_of(first);
    write(*sink, "1");
    EXPECT_TRUE(sink->wait_written(30s));
    sink->redirect(second);
    write(*sink, "2");
    EXPECT_TRUE(sink->wait_written(30s));
    EXPECT_EQ(first->lines(), std::vector<std::string>{"1"});
    EXPECT_EQ(second->lines(), std::vector<std::string>{"2"});
}

TEST(BackgroundSink, WritesTheRestBeforeItGoes) {
    const auto target = std::make_shared<Target>();
    auto sink = in_front_of(target);
    for (int i = 0; i < 100; ++i) {
        write(*sink, "line");
    }
    sink.reset();
    EXPECT_EQ(target->lines().size(), 100U);
    EXPECT_EQ(target.use_count(), 1);
}

TEST(BackgroundSink, LeavesATargetThatStallsForEver) {
    const auto target = std::make_shared<Target>();
    auto sink = in_front_of(target);
    target->stall(true);
    write(*sink, "line");
    target->await_begun(1);
    sink.reset();  // comes back
    target->stall(false);
    while (target.use_count() > 1) {
        std::this_thread::yield();
    }
}

}  // namespace background_sink_test
