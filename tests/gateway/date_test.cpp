// SPDX-License-Identifier: Apache-2.0
#include <ctime>
#include <optional>

#include <gtest/gtest.h>

#include <gateway/http/date.hpp>

namespace date_test {

using gateway::http_date;
using gateway::parse_http_date;

constexpr std::time_t when = 784'111'777;
constexpr const char* text = "Sun, 06 Nov 1994 08:49:37 GMT";

TEST(HttpDate, IsWrittenAsHttpWritesIt) {
    EXPECT_EQ(http_date(when), text);
    EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(http_date(1'709'164'800), "Thu, 29 Feb 2024 00:00:00 GMT");
}

TEST(HttpDate, IsReadAsItIsWritten) {
    EXPECT_EQ(parse_http_date(text), when);
    for (std::time_t time = -100'000'000; time < 4'000'000'000; time += 9'999'999) {
        EXPECT_EQ(parse_http_date(http_date(time)), time);
    }
    EXPECT_EQ(parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT"), 1'483'228'800) << "a leap second";
    EXPECT_EQ(parse_http_date("Mon, 06 Nov 1994 08:49:37 GMT"), when) << "the date counts";
    EXPECT_EQ(parse_http_date("Sat, 01 Jan 0000 00:00:00 GMT"), -62'167'219'200);
}

TEST(HttpDate, OtherFormsAreNotRead) {
    for (const char* const other :
         {"", "Sun,  06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT", "sun, 06 Nov 1994 08:49:37 GMT",
          "Sunday, 06 Nov 1994 08:49:37 GMT", "Sun, 06 November 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
          "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 30 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37"}) {
        EXPECT_EQ(parse_http_date(other), std::nullopt) << other;
    }
}

}  // namespace date_test
