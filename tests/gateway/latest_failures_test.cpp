// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/service/latest_failures.hpp>

namespace latest_failures_test {

using gateway::FailedJob;
using gateway::Failure;
using gateway::LatestFailures;

FailedJob job(const std::string& id, unsigned status = 502, bool retryable = false) {
    return {id, Failure{status, "code", "words", retryable}, {}, {}};
}

std::string ids(const LatestFailures& failures) {
    std::string all;
    for (const FailedJob& failed : failures.snapshot()) {
        all += failed.id;
    }
    return all;
}

TEST(LatestFailures, ComeLatestFirstAndNoMoreThanThereMayBe) {
    LatestFailures failures{3};
    EXPECT_EQ(ids(failures), "");
    failures.add(job("a"));
    failures.add(job("b"));
    EXPECT_EQ(ids(failures), "ba");
    failures.add(job("c"));
    failures.add(job("d"));
    EXPECT_EQ(ids(failures), "dcb");
}

TEST(LatestFailures, KeepNoWordsThatMayBeThoseOfARequest) {
    LatestFailures failures{4};
    failures.add(job("rejected", 400));
    failures.add(job("limited", 429, true));
    failures.add(job("failed", 502));
    const std::vector<FailedJob> kept = failures.snapshot();
    EXPECT_EQ(kept.at(0).failure.message, "words");
    EXPECT_EQ(kept.at(1).failure.message, "words");
    EXPECT_EQ(kept.at(2).failure.message, "");
    EXPECT_EQ(kept.at(2).failure.code, "code");
}

TEST(LatestFailures, MayBeAddedByManyThreads) {
    constexpr std::size_t capacity = 20;
    LatestFailures failures{capacity};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 500; ++n) {
                failures.add(job("a long identifier, which has memory of its own"));
                EXPECT_LE(failures.snapshot().size(), capacity);
            }
        });
    }
    threads.clear();
    EXPECT_EQ(failures.snapshot().size(), capacity);
}

}  // namespace latest_failures_test
