// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <sys/resource.h>

#include <gtest/gtest.h>

#include <gateway/process/descriptors.hpp>

namespace descriptors_test {

using gateway::DescriptorPlan;
using gateway::plan_descriptors;

TEST(Descriptors, TheSoftLimitBecomesTheHardOne) {
    struct rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit low = before;
    low.rlim_cur = 64;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    const std::size_t limit = gateway::raise_descriptor_limit();
    struct rlimit after{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
    EXPECT_EQ(after.rlim_cur, before.rlim_max);
    EXPECT_EQ(limit, before.rlim_max == RLIM_INFINITY ? static_cast<std::size_t>(-1) : before.rlim_max);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(Descriptors, AreSharedByWhoNeedsThem) {
    struct Row {
        std::size_t limit, clients, upstream;  // wanted
        std::size_t planned_clients, planned_upstream;
    };
    for (const Row& row :
         {Row{1'000'000, 1'024, 256, 1'024, 256}, Row{static_cast<std::size_t>(-1), 5, 6, 5, 6},
          Row{1'344, 1'024, 256, 1'024, 256}, Row{1'343, 1'024, 256, 1'023, 256}, Row{1'024, 1'024, 0, 960, 0},
          Row{1'024, 1'024, 256, 704, 256}, Row{264, 1'024, 256, 100, 100}, Row{264, 10, 256, 10, 100},
          Row{0, 1'024, 256, 1, 1}, Row{65, 1'024, 256, 1, 1}}) {
        const DescriptorPlan plan = plan_descriptors(row.limit, {row.clients, row.upstream});
        EXPECT_EQ(plan.clients, row.planned_clients) << row.limit;
        EXPECT_EQ(plan.upstream, row.planned_upstream) << row.limit;
    }
}

}  // namespace descriptors_test
