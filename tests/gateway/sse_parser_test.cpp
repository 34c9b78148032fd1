// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/upstream/sse_parser.hpp>

namespace gateway {

void PrintTo(const SseEvent& event, std::ostream* stream) { *stream << event.type << '|' << event.data; }

}  // namespace gateway

namespace sse_parser_test {

using gateway::SseEvent;
using gateway::SseParser;
using gateway::SseTooLarge;

struct Case {
    std::string_view name;
    std::string text;
    std::vector<SseEvent> events;
};

void PrintTo(const Case& given, std::ostream* stream) { *stream << given.name; }

const std::vector<Case> cases{
    {"Nothing", "", {}},
    {"One", "data: x\n\n", {{"", "x"}}},
    {"Several", "data: x\n\ndata: y\n\n", {{"", "x"}, {"", "y"}}},
    {"CrLf", "data: x\r\n\r\ndata: y\r\n\r\n", {{"", "x"}, {"", "y"}}},
    {"Cr", "data: x\r\rdata: y\r\r", {{"", "x"}, {"", "y"}}},
    {"EndsOfAllKinds", "data: x\r\n\ndata: y\n\r\ndata: z\r\r\n", {{"", "x"}, {"", "y"}, {"", "z"}}},
    {"SeveralLines", "data: a\ndata: b\ndata:\ndata: c\n\n", {{"", "a\nb\n\nc"}}},
    {"EmptyData", "data\n\ndata:\n\n", {{"", ""}, {"", ""}}},
    {"EmptyLinesOfData", "data\ndata\n\n", {{"", "\n"}}},
    {"OneSpaceIsLeftOut", "data:x\n\ndata:  x\n\n", {{"", "x"}, {"", " x"}}},
    {"Colons", "data: {\"a\": 1}\n\n", {{"", "{\"a\": 1}"}}},
    {"Comments", ": hello\n\n:\ndata: x\n: and so on\n\n", {{"", "x"}}},
    {"Type", "event: error\ndata: x\n\ndata: y\n\n", {{"error", "x"}, {"", "y"}}},
    {"TypeAlone", "event: error\n\ndata: x\n\n", {{"", "x"}}},
    {"OtherFields", "id: 7\nretry: 10\nnonsense\ndatum: 1\ndata: x\n\n", {{"", "x"}}},
    {"ByteOrderMark",
     "\xEF\xBB\xBF"
     "data: x\n\n",
     {{"", "x"}}},
    {"ByteOrderMarkLater",
     "data: x\n\n\xEF\xBB\xBF"
     "data: y\n\n",
     {{"", "x"}}},
    {"HalfAByteOrderMark",
     "\xEF\xBB"
     "data: x\n\ndata: y\n\n",
     {{"", "y"}}},
    {"CutOff", "data: x\n\ndata: y\n", {{"", "x"}}},
    {"CutOffInALine", "data: x\n\ndata: y", {{"", "x"}}},
    {"EmptyLinesBefore", "\n\r\n\rdata: x\n\n", {{"", "x"}}},
};

void take(SseParser& parser, std::string_view bytes, std::vector<SseEvent>& events) {
    parser.put(bytes);
    while (auto event = parser.next()) {
        events.push_back(std::move(*event));
    }
}

class Sse : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(, Sse, testing::ValuesIn(cases),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST_P(Sse, IsReadAtOnce) {
    SseParser parser{64};
    std::vector<SseEvent> events;
    take(parser, GetParam().text, events);
    EXPECT_EQ(events, GetParam().events);
}

TEST_P(Sse, IsReadInTwoPiecesHoweverItIsSplit) {
    const std::string_view text = GetParam().text;
    for (std::size_t split = 0; split <= text.size(); ++split) {
        SseParser parser{64};
        std::vector<SseEvent> events;
        take(parser, text.substr(0, split), events);
        take(parser, text.substr(split), events);
        EXPECT_EQ(events, GetParam().events) << "split at " << split;
    }
}

TEST_P(Sse, IsReadByteByByte) {
    SseParser parser{64};
    std::vector<SseEvent> events;
    for (const char& byte : GetParam().text) {
        take(parser, {&byte, 1}, events);
    }
    EXPECT_EQ(events, GetParam().events);
}

TEST(SseParser, AnEventIsThereWithItsLastByte) {
    SseParser parser{64};
    for (const std::string_view end : {"\n", "\r", "\r\n"}) {
        std::vector<SseEvent> events;
        take(parser, "data: x" + std::string{end}, events);
        EXPECT_TRUE(events.empty());
        take(parser, end.substr(0, 1), events);
        EXPECT_EQ(events.size(), 1U) << "the end of a line may have one byte";
        take(parser, end.substr(1), events);
        EXPECT_EQ(events.size(), 1U);
    }
}

TEST(SseParser, BoundsAnEvent) {
    for (const std::string& large :
         {"data: " + std::string(95, 'x'), ":" + std::string(100, 'x'), std::string(101, 'x'),
          "data: " + std::string(60, 'x') + "\ndata: " + std::string(60, 'x') + "\n\n"}) {
        SseParser parser{100};
        std::vector<SseEvent> events;
        EXPECT_THROW(take(parser, large, events), SseTooLarge) << large;
    }
    SseParser parser{100};
    std::vector<SseEvent> events;
    for (int i = 0; i < 100; ++i) {
        take(parser, "data: " + std::string(94, 'x') + "\n\n", events);
    }
    EXPECT_EQ(events.size(), 100U) << "a stream may be as long as it likes";
}

}  // namespace sse_parser_test
