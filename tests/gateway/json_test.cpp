// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include <gateway/json.hpp>

namespace {

using gateway::JsonError;
using gateway::parse_json;

std::string nested(int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

TEST(Json, KeepsTheOrderOfMembers) {
    EXPECT_EQ(gateway::dump(parse_json(R"({"z": 1, "a": [true, null]})")), R"({"z":1,"a":[true,null]})");
}

TEST(Json, SaysWhatIsWrongAndQuotesLittle) {
    try {
        (void)parse_json('"' + std::string(10'000, 'x'));
        FAIL() << "it is not JSON";
    } catch (const JsonError& error) {
        EXPECT_LE(std::string{error.what()}.size(), 250U);
    }
}

TEST(Json, RefusesWhatIsNestedTooDeep) {
    EXPECT_NO_THROW((void)parse_json(nested(gateway::max_json_depth)));
    EXPECT_THROW((void)parse_json(nested(gateway::max_json_depth + 1)), JsonError);
    EXPECT_THROW((void)parse_json(nested(1'000'000)), JsonError);
}

TEST(Json, ReplacesWhatIsNotUtf8) { EXPECT_EQ(gateway::dump(gateway::Json("a\xff")), "\"a\xef\xbf\xbd\""); }

}  // namespace
