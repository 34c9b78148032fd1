// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <gateway/upstream/token_usage.hpp>

namespace token_usage_test {

using gateway::Json;
using gateway::TokenUsage;
using gateway::usage_of;

TEST(TokenUsage, IsWhatTheModelSays) {
    const TokenUsage usage = usage_of(Json::parse(
        R"({"usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 20, "thoughtsTokenCount": 100}})"));
    EXPECT_EQ(usage.input, 7U);
    EXPECT_EQ(usage.output, 120U);
}

TEST(TokenUsage, IsNothingWhereTheModelSaysNothingOfUse) {
    for (
        const char* const text :
        {"{}", "[]", "1", R"({"usageMetadata": 1})", R"({"usageMetadata": {}})",
         R"({"usageMetadata": {"promptTokenCount": -1, "candidatesTokenCount": "many", "thoughtsTokenCount": 1.5}})"}) {
        const TokenUsage usage = usage_of(Json::parse(text));
        EXPECT_EQ(usage.input, 0U) << text;
        EXPECT_EQ(usage.output, 0U) << text;
    }
}

}  // namespace token_usage_test
