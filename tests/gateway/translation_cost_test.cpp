// SPDX-License-Identifier: Apache-2.0
//
// What a request costs to check, read and write in another dialect grows with its size, and not with the square of it.
#include <algorithm>
#include <cstddef>
#include <ctime>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/dialects/translate.hpp>
#include <gateway/upstream/openai.hpp>
#include <gateway/upstream/vertex.hpp>

namespace translation_cost_test {

using gateway::Delivery;
using gateway::Dialect;
using gateway::Json;

/// element(0), element(1), ...: with commas.
std::string list(std::size_t count, const std::function<std::string(std::size_t)>& element) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += i == 0 ? "" : ",";
        text += element(i);
    }
    return text;
}

std::string members(std::size_t count, const std::string& value) {
    return list(count, [&](std::size_t i) { return "\"member " + std::to_string(i) + "\":" + value; });
}

std::string calls(std::size_t count, const std::string& before, const std::string& after) {
    return list(count, [&](std::size_t i) { return before + std::to_string(i) + after; });
}

struct Shape {
    const char* what;
    Dialect dialect;
    std::function<std::string(std::size_t)> make;
};

std::vector<Shape> shapes() {
    const auto gemini = [](const std::string& rest) {
        return R"({"contents":[{"parts":[{"text":"x"}]}],)" + rest + '}';
    };
    const auto declared = [gemini](const std::string& schema) {
        return gemini(R"("tools":[{"functionDeclarations":[{"name":"f","parameters":)" + schema + "}]}]");
    };
    const auto chat = [](const std::string& rest) {
        return R"({"messages":[{"role":"user","content":"x"}],)" + rest + '}';
    };
    return {
        {"a schema of members that Gemini does not know", Dialect::gemini,
         [=](std::size_t n) { return declared('{' + members(n, "0") + '}'); }},
        {"a schema's properties", Dialect::gemini,
         [=](std::size_t n) { return declared(R"({"type":"OBJECT","properties":{)" + members(n, "{}") + "}}"); }},
        {"a schema of alternatives", Dialect::gemini,
         [=](std::size_t n) { return declared(R"({"any_of":[)" + list(n, [](std::size_t) { return "{}"; }) + "]}"); }},
        {"an answer's schema", Dialect::gemini,
         [=](std::size_t n) {
             return gemini(R"("generationConfig":{"responseMimeType":"application/json","responseSchema":{)" +
                           members(n, "0") + "}}");
         }},
        {"functions of which all are allowed", Dialect::gemini,
         [=](std::size_t n) {
             return gemini(R"("tools":[{"functionDeclarations":[)" + calls(n, R"({"name":"function )", "\"}") +
                           R"(]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":[)" +
                           calls(n, "\"function ", "\"") + "]}}");
         }},
        {"calls and what came of them", Dialect::gemini,
         [](std::size_t n) {
             return R"({"contents":[{"role":"model","parts":[)" +
                    calls(n, R"({"functionCall":{"name":"f","args":{"x":)", "}}}") + R"(]},{"role":"user","parts":[)" +
                    calls(n, R"({"functionResponse":{"name":"f","response":{"x":)", "}}}") + "]}]}";
         }},
        {"a call's arguments", Dialect::gemini,
         [](std::size_t n) {
             return R"({"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{)" + members(n, "0") +
                    "}}}]}]}";
         }},
        {"turns", Dialect::gemini,
         [](std::size_t n) {
             return R"({"contents":[)" + calls(n, R"({"role":"user","parts":[{"text":")", "\"}]}") + "]}";
         }},
        {"members that say nothing", Dialect::gemini, [=](std::size_t n) { return gemini(members(n, "null")); }},
        {"a function's parameters", Dialect::chat,
         [=](std::size_t n) {
             return chat(R"("tools":[{"type":"function","function":{"name":"f","parameters":{)" + members(n, "0") +
                         "}}}]");
         }},
        {"functions", Dialect::chat,
         [=](std::size_t n) {
             return chat(R"("tools":[)" + calls(n, R"({"type":"function","function":{"name":"function )", "\"}}") +
                         ']');
         }},
        {"an answer's schema, in chat", Dialect::chat,
         [=](std::size_t n) {
             return chat(R"("response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{)" +
                         members(n, "0") + "}}}");
         }},
        {"calls and what came of them, in chat", Dialect::chat,
         [](std::size_t n) {
             return R"({"messages":[{"role":"assistant","tool_calls":[)" +
                    calls(n, R"({"type":"function","function":{"name":"f","arguments":"{}"},"id":")", "\"}") + "]}," +
                    calls(n, R"({"role":"tool","content":"{}","tool_call_id":")", "\"}") + "]}";
         }},
        {"parts", Dialect::chat,
         [](std::size_t n) {
             return R"({"messages":[{"role":"user","content":[)" + calls(n, R"({"type":"text","text":")", "\"}") +
                    "]}]}";
         }},
        {"members that say nothing, in chat", Dialect::chat, [=](std::size_t n) { return chat(members(n, "null")); }},
    };
}

/// What this thread has run for, in nanoseconds: others that want the processor do not show in it.
double thread_time() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// The least of a few times that a request takes to be translated, for either upstream.
double cost(Dialect dialect, const std::string& text) {
    const Json request = gateway::parse_json(text, std::numeric_limits<std::size_t>::max());
    const gateway::OpenAiApi openai{"", "served"};
    const gateway::VertexApi vertex{"", "p", "l", "m"};
    double least = std::numeric_limits<double>::max();
    for (int i = 0; i < 3; ++i) {
        const double start = thread_time();
        gateway::check_request(dialect, request);
        EXPECT_FALSE(openai.translate(dialect, Delivery::whole, request).empty());
        EXPECT_FALSE(vertex.translate(dialect, Delivery::whole, request).empty());
        least = std::min(least, thread_time() - start);
    }
    return least;
}

// Eight times the size costs about eight times as much; what looks at each member for each member, 64 times.
TEST(TranslationCost, GrowsWithTheSize) {
    constexpr std::size_t few = 1'000;
    constexpr double larger = 8;
    for (const Shape& shape : shapes()) {
        const double small = cost(shape.dialect, shape.make(few));
        const double large = cost(shape.dialect, shape.make(few * static_cast<std::size_t>(larger)));
        EXPECT_LT(large / small, 4 * larger) << shape.what;
    }
}

}  // namespace translation_cost_test
