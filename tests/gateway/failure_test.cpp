// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include <gateway/http/failure.hpp>

namespace failure_test {

using namespace std::chrono_literals;
using gateway::Failure;

TEST(Failure, IsReadAsItWasWritten) {
    for (const Failure& failure : {Failure{429, "upstream_rate_limited", "slow \"down\"", true, 7s},
                                   Failure{400, "bad_request", "", false, std::nullopt}}) {
        EXPECT_EQ(gateway::read_failure(gateway::failure_text(failure)), failure);
    }
    EXPECT_EQ(gateway::failure_text({429, "a", "b", true, 7s}),
              R"({"code":"a","status":429,"message":"b","retryable":true,"retry_after_seconds":7})");
}

TEST(Failure, TextOfAFormerVersionIsTheMessage) {
    for (const char* const text : {"it is asleep", "", "{}", R"({"code":1,"status":"a"})", "[1]", "\xff"}) {
        EXPECT_EQ(gateway::read_failure(text), (Failure{502, "unknown", text, false, std::nullopt})) << text;
    }
}

TEST(Failure, OfAStatusHasItsName) {
    EXPECT_EQ(gateway::failure_of_status(431, "why"),
              (Failure{431, "request_header_fields_too_large", "why", false, std::nullopt}));
    for (const unsigned status : {400U, 401U, 404U, 413U, 500U, 502U, 505U}) {
        EXPECT_FALSE(gateway::failure_of_status(status, "").retryable) << status;
    }
    for (const unsigned status : {408U, 429U, 503U, 504U}) {
        EXPECT_TRUE(gateway::failure_of_status(status, "").retryable) << status;
    }
}

}  // namespace failure_test
