// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/base/json.hpp>
#include <gateway/log/log.hpp>

#include "support/log_capture.hpp"
#include "support/temporary_directory.hpp"

namespace log_test {

namespace log = gateway::log;
using gateway::Json;
using gateway::LogFormat;
using log::Level;
using test::LogCapture;

const std::string time_text = "2026-11-23T11:20:00.123Z";

std::string line(LogFormat format, std::string_view message, log::Fields fields = {}) {
    using namespace std::chrono_literals;
    const auto when = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23} + 11h + 20min + 123ms;
    return log::format_line(when, Level::info, message, fields, format);
}

/// What the text format makes of a value.
std::string text_of(std::string_view value) {
    const std::string whole = line(LogFormat::text, "m", {{"v", value}});
    const std::string front = time_text + " info m v=";
    EXPECT_EQ(whole.substr(0, front.size()), front);
    return whole.substr(front.size());
}

/// Bytes that are all there are, twice, in an order that makes no UTF-8 of them.
std::string hostile_bytes() {
    std::string bytes;
    for (int i = 0; i < 512; ++i) {
        bytes += static_cast<char>(i * 7 % 256);
    }
    return bytes;
}

TEST(Log, WritesLogfmt) {
    const std::string id = "4f9c";
    EXPECT_EQ(line(LogFormat::text, "job finished", {{"job_id", id}, {"ms", 12}, {"ok", true}, {"rate", 0.5}}),
              time_text + " info job finished job_id=4f9c ms=12 ok=true rate=0.5");
}

TEST(Log, WritesJson) {
    const std::string id = "4f9c";
    EXPECT_EQ(line(LogFormat::json, "job finished", {{"job_id", id}, {"ms", 12}, {"ok", true}, {"rate", 0.5}}),
              R"({"time":")" + time_text +
                  R"(","level":"info","message":"job finished","job_id":"4f9c","ms":12,"ok":true,"rate":0.5})");
}

TEST(Log, WritesAnyNumber) {
    EXPECT_EQ(line(LogFormat::text, "m",
                   {{"least", std::numeric_limits<std::int64_t>::min()},
                    {"most", std::numeric_limits<std::uint64_t>::max()},
                    {"none", std::numeric_limits<double>::infinity()}}),
              time_text + " info m least=-9223372036854775808 most=18446744073709551615 none=null");
}

TEST(Log, QuotesWhatCouldBeTakenForAnotherField) {
    EXPECT_EQ(text_of("plain-1.2/3:4"), "plain-1.2/3:4");
    EXPECT_EQ(text_of(""), R"("")");
    EXPECT_EQ(text_of("a b"), R"("a b")");
    EXPECT_EQ(text_of("a=b"), R"("a=b")");
    EXPECT_EQ(text_of(R"(say "x")"), R"("say \"x\"")");
    EXPECT_EQ(text_of(R"(a\)"), R"("a\\")");
}

TEST(Log, EscapesControlCharacters) {
    EXPECT_EQ(text_of("a\n2026-11-23T11:20:00.123Z info forged"), R"("a\n2026-11-23T11:20:00.123Z info forged")");
    EXPECT_EQ(text_of("\x1b[31m"), R"("\u001b[31m")");
    EXPECT_EQ(text_of("\x7f"), R"("\u007f")");
    EXPECT_EQ(text_of(std::string_view{"\0", 1}), R"("\u0000")");
    EXPECT_EQ(text_of("\xc2\x9b"), R"("\u009b")") << "a terminal takes it for ESC [";
    EXPECT_EQ(text_of("\xe2\x80\xa8"), R"("\u2028")");
    EXPECT_EQ(text_of("\xff"), R"("\ufffd")");
    EXPECT_EQ(line(LogFormat::text, "a\nb"), time_text + R"( info "a\nb")");
}

TEST(Log, TextIsPrintableAsciiWhateverComes) {
    for (const char c : text_of(hostile_bytes())) {
        EXPECT_TRUE(c >= ' ' && c <= '~') << int{c};
    }
}

TEST(Log, JsonIsJsonWhateverComes) {
    const std::string bytes = hostile_bytes();
    const std::string text =
        line(LogFormat::json, bytes, {{"v", bytes}, {"n", std::numeric_limits<double>::quiet_NaN()}});
    EXPECT_EQ(text.find('\n'), std::string::npos);
    const Json parsed = gateway::parse_json(text);
    EXPECT_EQ(parsed.size(), 5U);
    EXPECT_TRUE(parsed.at("v").is_string());
    EXPECT_TRUE(parsed.at("n").is_null());
}

TEST(Log, CutsLongValues) {
    const std::string most(log::max_value_bytes, 'x');
    EXPECT_EQ(text_of(most), most);
    EXPECT_EQ(text_of(most + "y"), most + "...");
    const Json parsed = gateway::parse_json(line(LogFormat::json, most + "y", {{"v", std::string(1'000'000, 'z')}}));
    EXPECT_EQ(parsed.at("message"), most + "...");
    EXPECT_EQ(parsed.at("v").get<std::string>().size(), log::max_value_bytes + 3);
}

TEST(Log, CutsBetweenCharacters) {
    for (const std::size_t before : {0U, 1U, 2U, 3U}) {
        std::string text(before, 'x');
        while (text.size() <= log::max_value_bytes) {
            text += "\xf0\x9f\x98\x80";  // one character of four bytes
        }
        const Json parsed = gateway::parse_json(line(LogFormat::json, "m", {{"v", text}}));
        const std::string cut = parsed.at("v");
        EXPECT_EQ((cut.size() - 3 - before) % 4, 0U) << before;
        EXPECT_EQ(cut.find("\xef\xbf\xbd"), std::string::npos) << before;
        EXPECT_GT(cut.size(), log::max_value_bytes - 3) << before;
    }
}

TEST(Log, FindsLevelsByName) {
    EXPECT_EQ(log::level_named("debug"), Level::debug);
    EXPECT_EQ(log::level_named("warn"), Level::warn);
    EXPECT_EQ(log::level_named("off"), Level::off);
    EXPECT_EQ(log::level_named("INFO"), std::nullopt);
    EXPECT_EQ(log::level_named(""), std::nullopt);
}

TEST(Log, WritesFromItsLevelOn) {
    for (const Level level : {Level::debug, Level::info, Level::warn, Level::error, Level::off}) {
        const LogCapture capture{level};
        log::debug("d");
        log::info("i");
        log::warn("w");
        log::error("e");
        EXPECT_EQ(capture.lines().size(), std::size_t{4} - static_cast<std::size_t>(level));
        EXPECT_EQ(log::enabled(level), level != Level::off);
    }
    EXPECT_FALSE(log::enabled(Level::off));
}

TEST(Log, IsUsableBeforeInit) {
    log::reset();
    EXPECT_FALSE(log::enabled(Level::debug));
    EXPECT_TRUE(log::enabled(Level::info));
    ::testing::internal::CaptureStderr();
    log::info("early", {{"n", 1}});
    const std::string text = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("Z info early n=1\n"), std::string::npos) << text;
    EXPECT_EQ(std::ranges::count(text, '\n'), 1);
}

std::string content(const std::string& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

TEST(Log, GoesToAFileThatMayBeMovedAway) {
    const test::TemporaryDirectory directory;
    const std::string path = directory.file("gateway.log");
    log::start(Level::info, LogFormat::text, path);
    log::info("one");
    ASSERT_TRUE(log::finish(std::chrono::seconds{30}));
    std::filesystem::rename(path, path + ".1");
    log::info("two");
    ASSERT_TRUE(log::finish(std::chrono::seconds{30}));
    log::reopen();
    log::info("three");
    ASSERT_TRUE(log::finish(std::chrono::seconds{30}));
    EXPECT_EQ(log::dropped(), 0U);
    log::reset();
    const std::string before = content(path + ".1");
    EXPECT_NE(before.find(" info one\n"), std::string::npos) << before;
    EXPECT_NE(before.find(" info two\n"), std::string::npos) << before;
    EXPECT_EQ(std::ranges::count(before, '\n'), 2);
    EXPECT_NE(content(path).find(" info three\n"), std::string::npos) << content(path);
    EXPECT_EQ(std::ranges::count(content(path), '\n'), 1);
}

TEST(Log, AFileThatCannotBeOpenedIsAnErrorAndTheOldOneGoesOn) {
    EXPECT_THROW(log::start(Level::info, LogFormat::text, "/proc/none/gateway.log"), std::exception);
    const test::TemporaryDirectory directory;
    const std::string path = directory.file("gateway.log");
    log::start(Level::info, LogFormat::text, path);
    std::filesystem::rename(path, path + ".1");
    std::filesystem::create_directory(path);
    EXPECT_THROW(log::reopen(), std::exception);
    log::info("still here");
    ASSERT_TRUE(log::finish(std::chrono::seconds{30}));
    log::reset();
    EXPECT_NE(content(path + ".1").find("still here"), std::string::npos);
}

TEST(Log, WhatCannotBeWrittenIsCounted) {
    log::start(Level::info, LogFormat::text, "/dev/full");
    for (int i = 0; i < 3; ++i) {
        log::info("lost");
        ASSERT_TRUE(log::finish(std::chrono::seconds{30}));
    }
    EXPECT_EQ(log::dropped(), 3U);
    const int own = ::dup(STDERR_FILENO);
    const int full = ::open("/dev/full", O_WRONLY);
    ASSERT_GE(::dup2(full, STDERR_FILENO), 0);
    log::start(Level::info, LogFormat::text, "");
    log::info("lost");
    const bool settled = log::finish(std::chrono::seconds{30});
    ::dup2(own, STDERR_FILENO);
    ::close(own);
    ::close(full);
    EXPECT_TRUE(settled);
    EXPECT_EQ(log::dropped(), 1U);
    log::reset();
}

TEST(Log, APipeFromWhichNobodyReadsIsRefused) {
    const test::TemporaryDirectory directory;
    const std::string path = directory.file("pipe");
    ASSERT_EQ(::mkfifo(path.c_str(), S_IRUSR | S_IWUSR), 0);
    try {
        log::start(Level::info, LogFormat::text, path);
        ADD_FAILURE() << "nobody reads from it";
    } catch (const std::exception& error) {
        EXPECT_NE(std::string_view{error.what()}.find("'" + path + "', from which nobody reads"), std::string::npos)
            << error.what();
    }
    const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
    log::start(Level::info, LogFormat::text, path);
    log::info("read");
    ASSERT_TRUE(log::finish(std::chrono::seconds{30}));
    log::reset();
    char text[200] = {};
    EXPECT_GT(::read(reader, text, sizeof text - 1), 0);
    ::close(reader);
    EXPECT_NE(std::string_view{text}.find(" info read\n"), std::string::npos) << text;
}

TEST(Log, KeepsLinesOfManyThreadsApart) {
    constexpr int threads = 4;
    constexpr int lines = 500;
    const LogCapture capture{Level::info, LogFormat::json};
    {
        std::vector<std::jthread> writers;
        for (int t = 0; t < threads; ++t) {
            writers.emplace_back([t] {
                for (int i = 0; i < lines; ++i) {
                    log::info("line", {{"thread", t}, {"i", i}});
                }
            });
        }
    }
    std::vector<int> next(threads, 0);
    for (const std::string& text : capture.lines()) {
        const Json parsed = gateway::parse_json(text);
        EXPECT_EQ(parsed.at("i"), next.at(parsed.at("thread"))++);
    }
    EXPECT_EQ(next, std::vector<int>(threads, lines));
}

TEST(Log, MayBeInitialisedWhileOthersWrite) {
    std::jthread writer{[](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            log::debug("line");
        }
    }};
    std::size_t seen = 0;
    while (seen < 100) {
        const LogCapture capture;
        while (capture.lines().empty()) {
            std::this_thread::yield();
        }
        seen += capture.lines().size();
    }
}

}  // namespace log_test
