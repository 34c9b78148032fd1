// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <gateway/base/rfc3339.hpp>

namespace rfc3339_test {

using gateway::from_rfc3339;
using gateway::to_rfc3339;
using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point when =
    std::chrono::sys_days{std::chrono::year{2026} / 11 / 23} + 11h + 20min + 123ms;

TEST(Rfc3339, Writes) {
    EXPECT_EQ(to_rfc3339(when), "2026-11-23T11:20:00.123Z");
    EXPECT_EQ(to_rfc3339({}), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(to_rfc3339(std::chrono::system_clock::time_point{} - 1ms), "1969-12-31T23:59:59.999Z");
}

TEST(Rfc3339, Reads) {
    EXPECT_EQ(from_rfc3339("2026-11-23T11:20:00.123Z"), when);
    EXPECT_EQ(from_rfc3339("2026-11-23t11:20:00.123000000999z"), when);
    EXPECT_EQ(from_rfc3339("2026-11-23T11:20:00Z"), when - 123ms);
    EXPECT_EQ(from_rfc3339("2026-11-23T16:50:00.123+05:30"), when);
    EXPECT_EQ(from_rfc3339("2026-11-22T23:20:00.123-12:00"), when);
    EXPECT_EQ(from_rfc3339("2026-11-23T11:19:60.123Z"), when);
    EXPECT_EQ(from_rfc3339("2024-02-29T00:00:00Z"), std::chrono::sys_days{std::chrono::year{2024} / 2 / 29});
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
    for (const std::string_view text : {"",
                                        "2026",
                                        "2026-11-23",
                                        "2026-11-23T11:20:00",
                                        "2026-11-23T11:20Z",
                                        "2026-11-23T11:20:00.Z",
                                        "2026-11-23T11:20:00ZZ",
                                        "2026-13-23T11:20:00Z",
                                        "2026-00-23T11:20:00Z",
                                        "2026-02-29T11:20:00Z",
                                        "2026-11-31T11:20:00Z",
                                        "2026-11-23T24:20:00Z",
                                        "2026-11-23T11:60:00Z",
                                        "2026-11-23T11:20:61Z",
                                        "2026-11-23T11:20:00+24:00",
                                        "2026-11-23T11:20:00+0530",
                                        "+026-11-23T11:20:00Z",
                                        "2026-11-23T11:20:00Z ",
                                        "1677-01-01T00:00:00Z",
                                        "9999-01-01T00:00:00Z"}) {
        EXPECT_EQ(from_rfc3339(text), std::nullopt) << text;
    }
}

TEST(Rfc3339, RefusesWhatIsVeryLong) {
    EXPECT_EQ(from_rfc3339("2026-11-23T11:20:00." + std::string(1'000'000, '0') + 'Z'), std::nullopt);
}

TEST(Rfc3339, RefusesEveryTruncation) {
    const std::string_view whole = "2026-11-23T11:20:00.123+05:30";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(from_rfc3339(whole.substr(0, size)), std::nullopt) << size;
    }
}

}  // namespace rfc3339_test
