// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <gateway/http/progress.hpp>

namespace progress_test {

using gateway::Progress;

TEST(Progress, AsksForSoMuchInEachPeriod) {
    Progress progress{10};
    EXPECT_TRUE(progress.end_period(10));
    EXPECT_FALSE(progress.end_period(19));
    EXPECT_TRUE(progress.end_period(1'000));
    EXPECT_FALSE(progress.end_period(1'000)) << "a fast beginning earns no rest";
}

TEST(Progress, MayBeAskedForLessAtTheEndOfAPeriod) {
    Progress progress{10};
    EXPECT_TRUE(progress.end_period(1, 1));
    EXPECT_FALSE(progress.end_period(1, 1));
    EXPECT_FALSE(progress.end_period(5));
}

TEST(Progress, WhatMovedBeforeDoesNotCount) {
    Progress progress{10, 100};
    EXPECT_FALSE(progress.end_period(109));
    EXPECT_TRUE(progress.end_period(119));
}

}  // namespace progress_test
