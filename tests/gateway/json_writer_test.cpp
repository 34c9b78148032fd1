// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <gateway/base/json_writer.hpp>

namespace json_writer_test {

using gateway::Json;
using gateway::JsonWriter;

std::string written(const auto& value) { return JsonWriter{}.value(value).take(); }

TEST(JsonWriter, PutsTheCommas) {
    JsonWriter json;
    json.begin_object().member("a", 1).key("b").begin_array();
    json.value("x").value(true).begin_object().end_object().begin_array().end_array().raw("null");
    json.end_array().key("c").begin_text().piece("1\n").piece("").piece("2").end_text().member("d", -1).end_object();
    EXPECT_EQ(json.take(), R"({"a":1,"b":["x",true,{},[],null],"c":"1\n2","d":-1})");
}

TEST(JsonWriter, WritesNumbersInFull) {
    EXPECT_EQ(written(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(written(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
}

TEST(JsonWriter, WritesATreeAmongOtherValues) {
    const std::string tree = R"({"a":{"b":[1,-2,3.5,0.1,18446744073709551615,null]},"c":"ä\n\"\\","":{}})";
    JsonWriter json;
    json.begin_array().value(1).value(gateway::parse_json(tree)).member("x", Json::array()).end_array();
    EXPECT_EQ(json.take(), "[1," + tree + R"(,"x":[]])");
}

TEST(JsonWriter, WritesAnyBytesAsNlohmannDoes) {
    // Bytes that begin, continue and break characters, next to each other in every order that chance finds.
    constexpr std::string_view bytes =
        "az ~/\"\\\n\x1f\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xed\xef\xf0\xf1\xf4\xf5\xff";
    std::mt19937 random{1};
    std::uniform_int_distribution<std::size_t> which{0, bytes.size() - 1};
    for (int i = 0; i < 20'000; ++i) {
        std::string text;
        for (int size = i % 7; size > 0; --size) {
            text += bytes[which(random)];
        }
        ASSERT_EQ(written(text), Json(text).dump(-1, ' ', false, Json::error_handler_t::replace));
    }
}

TEST(JsonWriter, EscapesNames) {
    EXPECT_EQ(JsonWriter{}.begin_object().member("a\"\xff", true).end_object().take(), "{\"a\\\"\xef\xbf\xbd\":true}");
}

}  // namespace json_writer_test
