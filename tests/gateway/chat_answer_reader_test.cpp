// SPDX-License-Identifier: Apache-2.0
//
// Chat completions that are streamed: what their chunks say, a row each. (Whole ones: translate_test.cpp.)
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/dialects/chat_answer_reader.hpp>
#include <gateway/dialects/gemini_answer_writer.hpp>

namespace chat_answer_reader_test {

using gateway::BrokenOff;
using gateway::ChatChunkReader;
using gateway::Json;
using gateway::NotUnderstood;
using gateway::parse_json;

struct Row {
    const char* what;
    std::vector<const char*> chunks;
    std::vector<const char*> parts;  ///< as Gemini would write them
};

const std::vector<Row> rows{
    {"text as it comes",
     {R"({"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})",
      R"({"model":"m","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]})",
      R"({"model":"m","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]})"},
     {R"({"candidates":[],"modelVersion":"m"})",
      R"({"candidates":[{"content":{"role":"model","parts":[{"text":"Hel"}]},"index":0}],"modelVersion":"m"})",
      R"({"candidates":[{"content":{"role":"model","parts":[{"text":"lo"}]},"finishReason":"STOP","index":0}],
          "modelVersion":"m"})"}},
    {"the usage has a chunk of its own",
     {R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}})"},
     {R"({"candidates":[],
          "usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3,"totalTokenCount":10}})"}},
    {"several candidates in any order",
     {R"({"choices":[{"index":1,"delta":{"content":"b"}}]})",
      R"({"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{},"finish_reason":"length"}]})"},
     {R"({"candidates":[{"content":{"role":"model","parts":[{"text":"b"}]},"index":1}]})",
      R"({"candidates":[{"content":{"role":"model","parts":[{"text":"a"}]},"index":0},
          {"content":{"role":"model","parts":[{"text":""}]},"finishReason":"MAX_TOKENS","index":1}]})"}},
    {"calls when their candidate ends, whatever the order of their pieces",
     {R"({"choices":[{"index":0,"delta":{"tool_calls":[
          {"index":0,"id":"c1","function":{"name":"f","arguments":""}}]}}]})",
      R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}}]})",
      R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c2","function":{"name":"g"}}]}}]})",
      R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}}]})",
      R"({"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]})"},
     {R"({"candidates":[]})", R"({"candidates":[]})", R"({"candidates":[]})", R"({"candidates":[]})",
      R"({"candidates":[{"content":{"role":"model","parts":[
          {"functionCall":{"id":"c1","name":"f","args":{"x":1}}},{"functionCall":{"id":"c2","name":"g","args":{}}}]},
          "finishReason":"STOP","index":0}]})"}},
    {"calls without an index, and an id and a name that are said again",
     {R"({"choices":[{"index":0,"delta":{"tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{\"x\":"}}]}}]})",
      R"({"choices":[{"index":0,"delta":{"tool_calls":[{"id":"c1","function":{"name":"f","arguments":"1}"}}]}}]})",
      R"({"choices":[{"index":0,"delta":{"tool_calls":[{"id":"c2","function":{"name":"g"}}]}}]})",
      R"({"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"arguments":"{}"}}]},"finish_reason":"stop"}]})"},
     {R"({"candidates":[]})", R"({"candidates":[]})", R"({"candidates":[]})",
      R"({"candidates":[{"content":{"role":"model","parts":[
          {"functionCall":{"id":"c1","name":"f","args":{"x":1}}},{"functionCall":{"id":"c2","name":"g","args":{}}}]},
          "finishReason":"STOP","index":0}]})"}},
    {"a call as it was before tools",
     {R"({"choices":[{"index":0,"delta":{"function_call":{"name":"f","arguments":"{\"x\""}}}]})",
      R"({"choices":[{"index":0,"delta":{"function_call":{"arguments":":1}"}},"finish_reason":"function_call"}]})"},
     {R"({"candidates":[]})",
      R"({"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"f","args":{"x":1}}}]},
          "finishReason":"STOP","index":0}]})"}},
    {"a refusal that ends as any answer",
     {R"({"choices":[{"index":0,"delta":{"refusal":"No."}}]})",
      R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"},
     {R"({"candidates":[{"content":{"role":"model","parts":[{"text":"No."}]},"finishMessage":"the model refused",
          "index":0}]})",
      R"({"candidates":[{"content":{"role":"model"},"finishReason":"SAFETY","index":0}]})"}},
    {"a usage alone",
     {R"({"usage":{"prompt_tokens":7}})"},
     {R"({"candidates":[],"usageMetadata":{"promptTokenCount":7}})"}},
    {"several calls at once",
     {R"({"choices":[{"index":0,"delta":{"tool_calls":[
          {"index":0,"id":"c1","function":{"name":"f","arguments":"{}"}},
          {"index":1,"id":"c2","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"}]})"},
     {R"({"candidates":[{"content":{"role":"model","parts":[
          {"functionCall":{"id":"c1","name":"f","args":{}}},{"functionCall":{"id":"c2","name":"g","args":{}}}]},
          "finishReason":"STOP","index":0}]})"}},
    {"a refusal",
     {R"({"choices":[{"index":0,"delta":{"refusal":"No."},"finish_reason":"content_filter"}]})"},
     {R"({"candidates":[{"content":{"role":"model","parts":[{"text":"No."}]},"finishReason":"SAFETY",
          "finishMessage":"the model refused","index":0}]})"}},
};

TEST(ChatChunkReader, SaysWhatChunksSay) {
    for (const Row& row : rows) {
        SCOPED_TRACE(row.what);
        ChatChunkReader reader;
        ASSERT_EQ(row.chunks.size(), row.parts.size());
        for (std::size_t i = 0; i < row.chunks.size(); ++i) {
            EXPECT_EQ(parse_json(write_gemini_answer(reader.read(parse_json(row.chunks[i])))), parse_json(row.parts[i]))
                << i;
        }
    }
}

TEST(ChatChunkReader, RefusesWhatIsNoChunk) {
    for (const char* const chunk :
         {R"({})", R"([])", R"("text")", R"({"choices":{}})",
          R"({"choices":[{"index":0,"delta":{"content":[{"type":"image"}]}}]})",
          R"({"choices":[{"index":0,"delta":{"tool_calls":[{"id":"c"}]},"finish_reason":"tool_calls"}]})",
          R"({"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"name":"f","arguments":"["}}]},
              "finish_reason":"tool_calls"}]})"}) {
        ChatChunkReader reader;
        EXPECT_THROW((void)reader.read(parse_json(chunk)), NotUnderstood) << chunk;
    }
}

TEST(ChatChunkReader, GathersCallsUpToABound) {
    const std::string piece(1 << 20, 'x');
    const std::string chunk =
        R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":")" + piece + "\"}}]}}]}";
    const std::string begun = R"({"choices":[{"index":0,"delta":{"tool_calls":[{"id":")";
    ChatChunkReader reader;
    for (int i = 0; i < 3; ++i) {
        (void)reader.read(parse_json(chunk));
    }
    EXPECT_THROW((void)reader.read(parse_json(chunk)), NotUnderstood);
    ChatChunkReader of_many;
    EXPECT_THROW(
        {
            for (int i = 0; i < 100'000; ++i) {
                (void)of_many.read(parse_json(begun + std::to_string(i) + R"(","function":{}}]}}]})"));
            }
        },
        NotUnderstood);
    ChatChunkReader of_nameless;
    EXPECT_THROW(
        {
            for (int i = 0; i < 100'000; ++i) {
                (void)of_nameless.read(parse_json(begun + std::to_string(i) + R"("}]}}]})"));
            }
        },
        NotUnderstood);
}

TEST(ChatChunkReader, EndsCandidatesThatWereLeftWithoutAReason) {
    ChatChunkReader reader;
    (void)reader.read(parse_json(
        R"({"choices":[{"index":1,"delta":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}}]})"));
    EXPECT_EQ(
        parse_json(write_gemini_answer(reader.end({1}))),
        parse_json(
            R"({"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"id":"c","name":"f","args":{}}}]},
            "finishReason":"OTHER","index":1}]})"));
    EXPECT_TRUE(ChatChunkReader{}.end({}).candidates.empty());
}

TEST(ChatChunkReader, AnErrorInPlaceOfAChunkEndsTheStream) {
    struct Case {
        const char* chunk;
        const char* what;
    };
    for (const Case& given :
         {Case{R"({"error":{"message":"out of memory","code":500}})", "out of memory"},
          Case{R"({"error":"out of memory"})", "out of memory"}, Case{R"({"error":{}})", "it does not say why"}}) {
        ChatChunkReader reader;
        try {
            (void)reader.read(parse_json(given.chunk));
            ADD_FAILURE() << given.chunk;
        } catch (const BrokenOff& error) {
            EXPECT_STREQ(error.what(), given.what);
        }
    }
}

}  // namespace chat_answer_reader_test
