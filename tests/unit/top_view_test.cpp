// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "../../examples/top/view.hpp"

namespace top_view_test {

TEST(TopView, GroupsDigits) {
    EXPECT_EQ(top::with_commas(0), "0");
    EXPECT_EQ(top::with_commas(999), "999");
    EXPECT_EQ(top::with_commas(1'000), "1,000");
    EXPECT_EQ(top::with_commas(1'234'567), "1,234,567");
}

TEST(TopView, DrawsBarsInEighths) {
    EXPECT_EQ(top::bar(0, 8, 2), "··");
    EXPECT_EQ(top::bar(1, 1'000'000, 2), "▏·");
    EXPECT_EQ(top::bar(4, 8, 2), "█·");
    EXPECT_EQ(top::bar(5, 8, 2), "█▎");
    EXPECT_EQ(top::bar(8, 8, 2), "██");
    EXPECT_EQ(top::bar(9, 8, 2), "██");
    EXPECT_EQ(top::bar(0, 0, 2), "··");
}

TEST(TopView, ShowsRatesSinceTheSampleBefore) {
    top::View view{4};
    top::Sample sample;
    sample.workers = {
        {.worker_id = 3, .inflight = 2, .queue_len = 1, .capacity = 2, .sessions = 1'234, .submitted = 10}};
    sample.ledger.submitted = 10;
    EXPECT_NE(view.show(sample).find(" 0 jobs/s"), std::string::npos);
    sample.time += std::chrono::milliseconds{500};
    sample.workers[0].submitted = 1'010;
    sample.ledger.submitted = 1'010;
    const std::string text = view.show(sample);
    EXPECT_NE(text.find("1 workers   2 in flight   1 queued   0 waiting   1,234 sessions   2,000 jobs/s\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("     3  ███████·······     2   ███████·······     1     1,234        0      2,000\n"),
              std::string::npos)
        << text;
}

}  // namespace top_view_test
