// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include <gateway/conversation/find_member.hpp>

namespace find_member_test {

using gateway::find_member;
using gateway::Json;
using gateway::snake_case;
using gateway::text_of;

TEST(FindMember, SnakeCase) {
    EXPECT_EQ(snake_case("topP"), "top_p");
    EXPECT_EQ(snake_case("maxOutputTokens"), "max_output_tokens");
    EXPECT_EQ(snake_case("seed"), "seed");
    EXPECT_EQ(snake_case(""), "");
}

TEST(FindMember, EitherSpelling) {
    const Json object = gateway::parse_json(R"({"topP": 1, "top_k": 2, "both_ways": 3, "bothWays": 4})");
    EXPECT_EQ(*find_member(object, "topP"), 1);
    EXPECT_EQ(*find_member(object, "topK"), 2);
    EXPECT_EQ(*find_member(object, "bothWays"), 4);
    EXPECT_EQ(find_member(object, "top"), nullptr);
    EXPECT_EQ(find_member(gateway::parse_json(R"({"topP": null})"), "topP"), nullptr);
    for (const char* const other : {"null", "[]", "1", "\"topP\""}) {
        EXPECT_EQ(find_member(gateway::parse_json(other), "topP"), nullptr) << other;
    }
}

TEST(FindMember, TextOf) {
    const Json text = "a";
    const Json number = 1;
    EXPECT_EQ(text_of(&text), "a");
    EXPECT_EQ(text_of(&number), "");
    EXPECT_EQ(text_of(nullptr), "");
}

TEST(FindMember, CopiesTextsAndCounts) {
    const Json object = gateway::parse_json(R"({"topP": "a", "count": 7, "less": -1, "part": 1.5, "none": null})");
    EXPECT_EQ(gateway::string_in(object, "topP"), "a");
    EXPECT_EQ(gateway::string_in(object, "count"), "");
    EXPECT_EQ(gateway::count_in(object, "count"), 7U);
    for (const char* const other : {"topP", "less", "part", "none", "missing"}) {
        EXPECT_EQ(gateway::count_in(object, other), std::nullopt) << other;
    }
}

}  // namespace find_member_test
