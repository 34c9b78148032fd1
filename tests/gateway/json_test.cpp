// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/base/json.hpp>

namespace json_test {

using gateway::Json;
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
        std::string text(10'000, 'x');
        text.front() = '"';
        (void)parse_json(text);
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

std::string repeated(const std::string& element, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += (i == 0 ? "" : ",") + element;
    }
    return text;
}

/// So many members, of names that begin alike.
std::string members(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += (i == 0 ? "" : ",") + std::string("\"a member of a long name ") + std::to_string(i) + "\":0";
    }
    return text;
}

TEST(Json, TakesTimeInProportionToTheTextWhateverItsShape) {
    const std::vector<std::pair<const char*, std::function<std::string(std::size_t)>>> shapes{
        {"numbers", [](std::size_t n) { return '[' + repeated("0", n) + ']'; }},
        {"empty objects", [](std::size_t n) { return '[' + repeated("{}", n) + ']'; }},
        {"empty arrays", [](std::size_t n) { return R"({"contents":[],"x":[)" + repeated("[]", n) + "]}"; }},
        {"objects with a member", [](std::size_t n) { return '[' + repeated(R"({"a":{"b":0}})", n / 3) + ']'; }},
        {"members", [](std::size_t n) { return '{' + members(n) + '}'; }},
        {"deep", [](std::size_t n) { return '[' + repeated(nested(60), n / 60) + ']'; }},
        {"a member after each object",
         [](std::size_t n) {
             std::string text = "0";
             for (std::size_t i = 0; i < 60; ++i) {
                 text = "{\"a\":" + text + ',' + members(n / 60) + '}';
             }
             return text;
         }},
    };
    for (const auto& [name, make] : shapes) {
        std::vector<double> steps_per_value;
        for (const std::size_t values : {1'000U, 10'000U, 90'000U}) {
            gateway::JsonEffort effort;
            (void)parse_json(make(values), gateway::max_json_values, &effort);
            steps_per_value.push_back(static_cast<double>(effort.steps) / static_cast<double>(values));
        }
        // Sorting an object's names takes twice as many steps for each where there are 90 times as many.
        EXPECT_LT(steps_per_value.back(), 2.5 * steps_per_value.front()) << name;
        EXPECT_LT(steps_per_value.back(), 40) << name;
    }
}

TEST(Json, RefusesMoreValuesThanItsBound) {
    EXPECT_NO_THROW((void)parse_json("[" + repeated("{}", gateway::max_json_values - 1) + "]"));
    try {
        (void)parse_json("[" + repeated("{}", gateway::max_json_values) + "]");
        FAIL() << "it has too many";
    } catch (const JsonError& error) {
        EXPECT_STREQ(error.what(), "it has more than 100000 values");
    }
    EXPECT_THROW((void)parse_json("[1,2]", 2), JsonError);
    EXPECT_NO_THROW((void)parse_json("[1,2]", 3));
}

TEST(Json, RefusesAnObjectWithTwoMembersOfOneName) {
    try {
        (void)parse_json(R"({"a":[{"b":1,"c":2,"b":1}]})");
        FAIL() << "which of the two?";
    } catch (const JsonError& error) {
        EXPECT_STREQ(error.what(), "an object has more than one member \"b\"");
    }
    EXPECT_NO_THROW((void)parse_json(R"({"a":{"a":1},"b":{"a":1}})"));
}

TEST(Json, ReadsAllThatThereIs) {
    const std::string text =
        R"({"a":[null,true,false,-1,18446744073709551615,1.5,"\u00e4\n\"",{},[],[[{"z":0,"y":[]}]]],"":""})";
    EXPECT_EQ(parse_json(text), gateway::Json::parse(text));
    EXPECT_EQ(gateway::dump(parse_json(text)), gateway::dump(gateway::Json::parse(text)));
    for (const char* const wrong : {"", " ", "[", "]", "[1,]", "{\"a\"}", "{\"a\":}", "{1:2}", "[1] 2", "nul", "1e999",
                                    "\"\xff\"", "[\"a\nb\"]", "{\"a\":1,}", "// a\n1"}) {
        EXPECT_THROW((void)parse_json(wrong), JsonError) << wrong;
    }
}

TEST(Json, ReplacesWhatIsNotUtf8) { EXPECT_EQ(gateway::dump(gateway::Json("a\xff")), "\"a\xef\xbf\xbd\""); }

// parse_json makes the tree by itself: nlohmann's own way must come to the same one, or refuse the text as well.
std::string by_nlohmann(const std::string& text) {
    try {
        return Json::parse(text).dump();
    } catch (const Json::exception&) {
        return "refused";
    }
}

std::string by_gateway(const std::string& text) {
    try {
        return parse_json(text).dump();
    } catch (const gateway::JsonError&) {
        return "refused";
    }
}

TEST(Json, AgreesWithNlohmannOnWhatIsJson) {
    for (const char* const text : {"",
                                   " ",
                                   "null",
                                   " null ",
                                   "nul",
                                   "nulll",
                                   "true",
                                   "false",
                                   "tru",
                                   "0",
                                   "-0",
                                   "00",
                                   "01",
                                   "-",
                                   "-1",
                                   "1.",
                                   ".1",
                                   "1.0",
                                   "1e",
                                   "1e+",
                                   "1e5",
                                   "1E-5",
                                   "1.5e300",
                                   "1e400",
                                   "-1e400",
                                   "1e-400",
                                   "18446744073709551615",
                                   "18446744073709551616",
                                   "-9223372036854775808",
                                   "-9223372036854775809",
                                   "0.1",
                                   "123456789012345678901234567890",
                                   "+1",
                                   "0x1",
                                   "1 2",
                                   "[",
                                   "[1",
                                   "[1,",
                                   "[1,]",
                                   "[,1]",
                                   "[1 2]",
                                   "[]",
                                   "[ ]",
                                   "{",
                                   "{}",
                                   "{ }",
                                   "{1:2}",
                                   R"({"a")",
                                   R"({"a":})",
                                   R"({"a":1,})",
                                   R"({"a":1 "b":2})",
                                   R"({"a" : 1 , "b" : [ 1 , 2 ] })",
                                   R"("a)",
                                   R"("\)",
                                   R"("\x")",
                                   R"("\u12")",
                                   R"("\u12g4")",
                                   R"("\u-123")",
                                   R"("\u00e4\u20ac")",
                                   R"("\ud83d\ude00")",
                                   R"("\ud83d")",
                                   R"("\ud83dx")",
                                   R"("\ud83d\u0041")",
                                   R"("\ude00")",
                                   R"("\u0000")",
                                   "\"\x01\"",
                                   "\"\t\"",
                                   "\"\x7f\"",
                                   "\xef\xbb\xbf[1]",
                                   "[1]x",
                                   "NaN",
                                   "Infinity",
                                   "'a'",
                                   "// no\n1",
                                   "\"\xc3\xa4\"",
                                   "\"\xc3\"",
                                   "\"\xed\xa0\x80\"",
                                   "\"\xf4\x90\x80\x80\"",
                                   "\"\xc0\x80\"",
                                   "[\v1]",
                                   "[\f1]",
                                   "\r\n\t [1]\n"}) {
        EXPECT_EQ(by_gateway(text), by_nlohmann(text)) << text;
    }
    const std::string with_zero{"[1]\0", 4};
    EXPECT_EQ(by_gateway(with_zero), by_nlohmann(with_zero));
}

}  // namespace json_test
