// SPDX-License-Identifier: Apache-2.0
//
// A program that has misuse reported in its own way.
#include <cstdio>
#include <cstdlib>

[[noreturn]] inline void report(const char* message) {
    std::fprintf(stderr, "our own report: %s\n", message);
    std::exit(3);
}

#define DISPATCH_ASSERT(condition, message) ((condition) ? static_cast<void>(0) : report(message))

#include <utility>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"

namespace {

namespace net = dispatch::net;

TEST(AssertOverrideDeathTest, AProgramMayReportMisuseInItsOwnWay) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    net::io_context context;
    dispatch::Semaphore from{context.get_executor(), 1};
    const dispatch::Semaphore to = std::move(from);
    EXPECT_EXIT(static_cast<void>(from.available()), testing::ExitedWithCode(3),
                "our own report: a Semaphore was used");
}

}  // namespace
