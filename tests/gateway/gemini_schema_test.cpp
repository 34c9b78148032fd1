// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/dialects/gemini_schema.hpp>

namespace gemini_schema_test {

using gateway::parse_json;

TEST(GeminiSchema, IsWrittenAsJsonSchema) {
    for (
        const auto& [gemini, schema] : std::vector<std::pair<std::string, std::string>>{
            {R"({"type":"STRING"})", R"({"type":"string"})"},
            {R"({"type":"string","nullable":true})", R"({"type":["string","null"]})"},
            {R"({"type":"STRING","nullable":false,"format":"enum","enum":["A","B"]})",
             R"({"type":"string","format":"enum","enum":["A","B"]})"},
            {R"({"type":"OBJECT","properties":{"type":{"type":"INTEGER"},"b":{"type":"ARRAY","items":{"type":"NUMBER"}}},
                  "required":["type"],"propertyOrdering":["type","b"]})",
             R"({"type":"object","properties":{"type":{"type":"integer"},"b":{"type":"array","items":{"type":"number"}}},
                  "required":["type"]})"},
            {R"({"any_of":[{"type":"BOOLEAN"},{"type":"NULL"}]})", R"({"anyOf":[{"type":"boolean"},{"type":"null"}]})"},
            {R"({"type":"ARRAY","min_items":"1","maxItems":"9007199254740993","minimum":0.5})",
             R"({"type":"array","minItems":1,"maxItems":9007199254740993,"minimum":0.5})"},
            {R"({"type":"TYPE_UNSPECIFIED","title":"T","description":"D","default":"X"})",
             R"({"title":"T","description":"D","default":"X"})"},
            {R"({"min_items":1,"minItems":2,"any_of":[],"anyOf":{}})", R"({"minItems":2,"anyOf":{}})"},
            {R"({"anyOf":7,"properties":"none"})", R"({"anyOf":7,"properties":"none"})"},
            {R"({"new":{"type":"STRING"},"minLength":"many"})", R"({"new":{"type":"STRING"},"minLength":"many"})"},
            {"7", "7"},
        }) {
        EXPECT_EQ(gateway::json_schema_of(parse_json(gemini)), parse_json(schema)) << gemini;
    }
}

}  // namespace gemini_schema_test
