// SPDX-License-Identifier: Apache-2.0
//
// Chat completions in parts: the chunks that say an answer, a row each.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/base/json.hpp>
#include <gateway/dialects/chat_part_writer.hpp>

namespace chat_part_writer_test {

using gateway::Answer;
using gateway::Candidate;
using gateway::ChatPartWriter;
using gateway::FinishReason;
using gateway::Json;
using gateway::parse_json;

Candidate says(const std::string& text, std::uint64_t index = 0) {
    Candidate candidate;
    candidate.index = index;
    candidate.text = text;
    return candidate;
}

Candidate calls(const std::string& name, const std::string& arguments, const std::string& id = "") {
    Candidate candidate;
    candidate.calls.push_back({id, name, arguments});
    return candidate;
}

Candidate ends(FinishReason reason, std::uint64_t index = 0) {
    Candidate candidate;
    candidate.index = index;
    candidate.finish = reason;
    return candidate;
}

Answer part(std::vector<Candidate> candidates) {
    Answer answer;
    answer.candidates = std::move(candidates);
    return answer;
}

struct Row {
    const char* what;
    std::vector<Answer> parts;
    std::vector<const char*> choices;  ///< of the chunks
};

Answer blocked() {
    Answer answer;
    answer.blocked = "SAFETY";
    return answer;
}

Candidate refuses(const std::string& text) {
    Candidate candidate = says(text);
    candidate.refused = true;
    candidate.finish = FinishReason::filtered;
    return candidate;
}

const std::vector<Row> rows{
    {"text, and its end",
     {part({says("Hel")}), part({says("lo")}), part({ends(FinishReason::stop)})},
     {R"({"index":0,"delta":{"role":"assistant","content":"Hel"},"logprobs":null,"finish_reason":null})",
      R"({"index":0,"delta":{"content":"lo"},"logprobs":null,"finish_reason":null})",
      R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"})"}},
    {"nothing new says nothing", {part({}), part({})}, {}},
    {"an end without a text begins all the same",
     {part({ends(FinishReason::length)})},
     {R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null})",
      R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"length"})"}},
    {"candidates have chunks of their own",
     {part({says("a"), says("b", 1)}), part({ends(FinishReason::stop, 1)})},
     {R"({"index":0,"delta":{"role":"assistant","content":"a"},"logprobs":null,"finish_reason":null})",
      R"({"index":1,"delta":{"role":"assistant","content":"b"},"logprobs":null,"finish_reason":null})",
      R"({"index":1,"delta":{},"logprobs":null,"finish_reason":"stop"})"}},
    {"calls are numbered through, have ids, and are why it ends",
     {part({calls("f", "{}")}), part({calls("g", R"({"x":1})", "mine")}), part({ends(FinishReason::stop)})},
     {R"({"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"call_jobid_0","type":"function",
          "function":{"name":"f","arguments":"{}"}}]},"logprobs":null,"finish_reason":null})",
      R"({"index":0,"delta":{"tool_calls":[{"index":1,"id":"mine","type":"function",
          "function":{"name":"g","arguments":"{\"x\":1}"}}]},"logprobs":null,"finish_reason":null})",
      R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"})"}},
    {"a refusal",
     {part({refuses("no")})},
     {R"({"index":0,"delta":{"role":"assistant","refusal":"no"},"logprobs":null,"finish_reason":null})",
      R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"content_filter"})"}},
    {"an end that is said with each part is said once",
     {part({refuses("n")}), part({refuses("o")})},
     {R"({"index":0,"delta":{"role":"assistant","refusal":"n"},"logprobs":null,"finish_reason":null})",
      R"({"index":0,"delta":{"refusal":"o"},"logprobs":null,"finish_reason":null})",
      R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"content_filter"})"}},
    {"a request that was blocked",
     {blocked(), blocked()},
     {R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null})",
      R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"content_filter"})"}},
};

/// With those at the end.
std::vector<Json> chunks_of(ChatPartWriter& writer, const std::vector<Answer>& parts) {
    std::vector<Json> chunks;
    for (const Answer& answer : parts) {
        for (const std::string& text : writer.write(answer)) {
            chunks.push_back(parse_json(text));
        }
    }
    for (const std::string& text : writer.end()) {
        chunks.push_back(parse_json(text));
    }
    return chunks;
}

TEST(ChatPartWriter, SaysWhatTheTableSays) {
    for (const Row& row : rows) {
        ChatPartWriter writer{"job-id", 7, false};
        const std::vector<Json> chunks = chunks_of(writer, row.parts);
        ASSERT_EQ(chunks.size(), row.choices.size()) << row.what;
        for (std::size_t i = 0; i < chunks.size(); ++i) {
            EXPECT_EQ(chunks[i].at("choices"), Json::array({parse_json(row.choices[i])})) << row.what;
            EXPECT_EQ(chunks[i].at("id"), "chatcmpl-job-id");
            EXPECT_EQ(chunks[i].at("object"), "chat.completion.chunk");
            EXPECT_EQ(chunks[i].at("created"), 7);
            EXPECT_FALSE(chunks[i].contains("usage"));
        }
    }
}

TEST(ChatPartWriter, NamesTheModelFromWhenItIsKnown) {
    ChatPartWriter writer{"j", 7, false};
    Answer named = part({says("a")});
    named.model = "m";
    const std::vector<Json> chunks = chunks_of(writer, {named, part({says("b")})});
    EXPECT_EQ(chunks.at(0).at("model"), "m");
    EXPECT_EQ(chunks.at(1).at("model"), "m");
}

TEST(ChatPartWriter, EndsWithTheUsageIfThatIsWanted) {
    ChatPartWriter writer{"j", 7, true};
    Answer last = part({ends(FinishReason::stop)});
    last.usage.input = 3;
    last.usage.output = 4;
    std::vector<Json> chunks = chunks_of(writer, {part({says("a")}), last});
    ASSERT_EQ(chunks.size(), 3U);
    const Json usage = chunks.back();
    chunks.pop_back();
    for (const Json& chunk : chunks) {
        EXPECT_EQ(chunk.at("usage"), Json{}) << chunk;
    }
    EXPECT_EQ(usage.at("choices"), Json::array());
    EXPECT_EQ(usage.at("usage"), parse_json(R"({"prompt_tokens":3,"completion_tokens":4,"total_tokens":7})"));
    EXPECT_EQ(usage.at("id"), "chatcmpl-j");
}

TEST(ChatPartWriter, HasNoChunkForAUsageThatIsNotKnown) {
    ChatPartWriter writer{"j", 7, true};
    EXPECT_EQ(chunks_of(writer, {part({says("a")}), part({ends(FinishReason::stop)})}).size(), 2U);
}

}  // namespace chat_part_writer_test
