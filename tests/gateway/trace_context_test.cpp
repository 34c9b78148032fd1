// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/base/trace_context.hpp>

namespace trace_context_test {

using gateway::trace_of;
using gateway::TraceContext;
using gateway::traceparent_of_new_span;

const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string span = "00f067aa0ba902b7";

TEST(TraceContext, GoesOnWhereTheRequestIsOfOne) {
    const TraceContext trace = trace_of("00-" + id + "-" + span + "-01", "a=1,b=2");
    EXPECT_EQ(trace.id, id);
    EXPECT_EQ(trace.flags, 1);
    EXPECT_EQ(trace.state, "a=1,b=2");
    const std::string first = traceparent_of_new_span(trace);
    const std::string second = traceparent_of_new_span(trace);
    for (const std::string& text : {first, second}) {
        EXPECT_EQ(text.size(), 55U);
        EXPECT_EQ(text.substr(0, 36), "00-" + id + "-");
        EXPECT_EQ(text.substr(52), "-01");
        EXPECT_EQ(trace_of(text, "").id, id);
        EXPECT_NE(text.substr(36, 16), span);
    }
    EXPECT_NE(first, second);
}

TEST(TraceContext, TakesWhatLaterVersionsSay) {
    const std::string start = "cc-" + id + "-" + span + "-";
    EXPECT_EQ(trace_of(start + "00", "").id, id);
    EXPECT_EQ(trace_of(start + "00-and more", "").id, id);
    EXPECT_EQ(trace_of(start + "ff", "").flags, 3) << "flags that are not known are not passed on";
    EXPECT_NE(trace_of(start + "00and more", "").id, id);
}

TEST(TraceContext, IsANewOneElse) {
    const std::string zeros(32, '0');
    for (const std::string& text :
         {std::string{}, std::string{"nonsense"}, "00-" + id + "-" + span, "00-" + id + "-" + span + "-0",
          "00-" + id + "-" + span + "-01-more", "00-" + id + "-" + span + "-011", "ff-" + id + "-" + span + "-01",
          "0g-" + id + "-" + span + "-01", "00-" + zeros + "-" + span + "-01",
          "00-" + id + "-" + zeros.substr(16) + "-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + span + "-01",
          "00-" + id + "-" + span + "-0G", "00_" + id + "-" + span + "-01", "00-" + id + "_" + span + "-01",
          "00-" + id + "-" + span + "_01"}) {
        const std::vector<char> exact{text.begin(), text.end()};  // nothing follows that could be read
        const TraceContext trace = trace_of({exact.data(), exact.size()}, "a=1");
        EXPECT_NE(trace.id, id) << text;
        EXPECT_EQ(trace.flags, 0) << text;
        EXPECT_EQ(trace.state, "") << text << ": it belongs to the other trace";
        EXPECT_EQ(trace_of(traceparent_of_new_span(trace), "").id, trace.id) << text;
        EXPECT_NE(trace_of(text, "").id, trace.id) << text;
    }
}

TEST(TraceContext, WithoutAnIdGetsOne) {
    const std::string first = traceparent_of_new_span(TraceContext{});
    EXPECT_EQ(first.substr(52), "-00");
    EXPECT_EQ(trace_of(first, "").id, first.substr(3, 32));
    EXPECT_NE(traceparent_of_new_span(TraceContext{}).substr(3, 32), first.substr(3, 32));
}

TEST(TraceContext, KeepsAStateOfBoundedLength) {
    const std::string parent = "00-" + id + "-" + span + "-00";
    const std::string longest(TraceContext::longest_state, 'x');
    EXPECT_EQ(trace_of(parent, longest).state, longest);
    EXPECT_EQ(trace_of(parent, longest + 'x').state, "");
    EXPECT_EQ(trace_of(parent, longest + 'x').id, id);
}

}  // namespace trace_context_test
