// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/model.hpp>
#include <gateway/upstream/openai.hpp>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using gateway::Json;
using gateway::OpenAiApi;
using gateway::parse_json;

Json translated(const std::string& request) {
    const OpenAiApi api{"", ""};
    return parse_json(api.make_request(parse_json(request)).body());
}

std::string error(const std::string& request) {
    try {
        (void)translated(request);
    } catch (const gateway::UpstreamError& error) {
        return error.what();
    }
    return "no error";
}

/// The content of the message that a content with these parts becomes.
Json content_of(const std::string& parts) {
    return translated(R"({"contents":[{"parts":)" + parts + "}]}").at("messages").at(0).at("content");
}

TEST(OpenAi, KnowsItsPath) {
    for (const auto& [base, path] : std::vector<std::pair<std::string, std::string>>{
             {"", "/v1/chat/completions"},
             {"/v1", "/v1/chat/completions"},
             {"/api", "/api/v1/chat/completions"},
             {"/api/v1", "/api/v1/chat/completions"},
         }) {
        const OpenAiApi api{base, ""};
        const gateway::HttpRequest request = api.make_request(parse_json(R"({"contents":[]})"));
        EXPECT_EQ(request.target(), path);
        EXPECT_EQ(request.method(), gateway::http::verb::post);
        EXPECT_EQ(request.at("Content-Type"), "application/json");
    }
}

TEST(OpenAi, NamesTheModelIfItHasOne) {
    const OpenAiApi api{"", "llama"};
    EXPECT_EQ(parse_json(api.make_request(parse_json("{}")).body()).at("model"), "llama");
    EXPECT_FALSE(translated("{}").contains("model"));
}

TEST(OpenAi, TranslatesAWholeRequest) {
    const Json body = translated(R"({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hello, "}, {"text": "you."}]},
            {"role": "model", "parts": [{"text": "Hi."}]},
            {"parts": [{"text": "What is this?"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}
        ],
        "generationConfig": {"temperature": 0.5, "topP": 0.9, "topK": 40, "maxOutputTokens": 7, "stopSequences": ["."],
                             "candidateCount": 2, "seed": 3, "presencePenalty": 1, "frequencyPenalty": -1,
                             "responseMimeType": "application/json"},
        "safetySettings": []
    })");
    EXPECT_EQ(body, parse_json(R"({
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello, you."},
            {"role": "assistant", "content": "Hi."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}
        ],
        "temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "stop": ["."], "n": 2, "seed": 3,
        "presence_penalty": 1, "frequency_penalty": -1, "response_format": {"type": "json_object"}
    })"));
}

TEST(OpenAi, TakesNamesWithUnderscores) {
    const Json body = translated(R"({
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/gif", "data": "AA=="}}]}],
        "generation_config": {"top_p": 0.9, "max_output_tokens": 7, "stop_sequences": ["."], "candidate_count": 2,
                              "presence_penalty": 1, "frequency_penalty": -1,
                              "response_mime_type": "application/json"}
    })");
    EXPECT_EQ(body, parse_json(R"({
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "data:image/gif;base64,AA=="}}]}
        ],
        "top_p": 0.9, "max_tokens": 7, "stop": ["."], "n": 2, "presence_penalty": 1, "frequency_penalty": -1,
        "response_format": {"type": "json_object"}
    })"));
}

TEST(OpenAi, LeavesOutWhatIsNull) {
    EXPECT_EQ(translated(R"({"contents":[],"systemInstruction":null,"tools":null,
                             "generationConfig":{"temperature":null,"seed":1,"responseMimeType":"text/plain"}})"),
              parse_json(R"({"messages":[],"seed":1})"));
}

TEST(OpenAi, JoinsTexts) {
    EXPECT_EQ(content_of(R"([{"text":"a"},{"text":""},{"text":"b"}])"), "ab");
    EXPECT_EQ(content_of("[]"), "");
}

TEST(OpenAi, RefusesWhatHasNoCounterpart) {
    const auto part = [](const std::string& text) { return error(R"({"contents":[{"parts":[)" + text + "]}]}"); };
    EXPECT_EQ(error(R"({"contents":[],"tools":[{}]})"), "this upstream cannot be given \"tools\"");
    EXPECT_EQ(part(R"({"fileData":{"fileUri":"gs://a/b"}})"),
              "this upstream cannot be given a part \"fileData\": only text and inlineData");
    EXPECT_EQ(part("{}"), "this upstream cannot be given a part \"\": only text and inlineData");
    EXPECT_EQ(part("7"), "this upstream cannot be given a part \"\": only text and inlineData");
    EXPECT_EQ(part(R"({"inlineData":{"mimeType":"audio/wav","data":""}})"),
              "this upstream takes images only, not inlineData of type \"audio/wav\"");
    EXPECT_EQ(part(R"({"inlineData":7})"), "this upstream takes images only, not inlineData of type \"\"");
    EXPECT_EQ(part(R"({"inlineData":{"mimeType":["image/png"]}})"),
              "this upstream takes images only, not inlineData of type \"\"");
}

TEST(OpenAi, RefusesWhatTheAnswerDependsOn) {
    EXPECT_EQ(error(R"({"contents":[],"cachedContent":"projects/p/cachedContents/1"})"),
              "this upstream cannot be given \"cachedContent\"");
    EXPECT_EQ(error(R"({"contents":[],"generationConfig":{"response_schema":{"type":"OBJECT"}}})"),
              "this upstream cannot be given \"responseSchema\"");
}

TEST(OpenAi, QuotesLittleOfWhatItRefuses) {
    const std::string name(99, 'a');
    EXPECT_EQ(error(R"({"contents":[{"parts":[{")" + name + R"(üü":1}]}]})"),
              "this upstream cannot be given a part \"" + name + "...\": only text and inlineData");
    EXPECT_EQ(error(R"({"contents":[{"parts":[{"inlineData":{"mimeType":"\n)" + name + R"(aaaa"}}]}]})"),
              "this upstream takes images only, not inlineData of type \"\\n" + name + "...\"");
}

Json read(const std::string& body) {
    const OpenAiApi api{"", ""};
    return api.read_response(parse_json(body));
}

TEST(OpenAi, TranslatesAWholeResponse) {
    EXPECT_EQ(read(R"({"id": "c-1", "model": "llama-3", "choices": [
                  {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"},
                  {"index": 1, "message": {"role": "assistant", "content": "b"}, "finish_reason": "length"}],
                  "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})"),
              parse_json(R"({"candidates": [
                  {"content": {"role": "model", "parts": [{"text": "a"}]}, "finishReason": "STOP", "index": 0},
                  {"content": {"role": "model", "parts": [{"text": "b"}]}, "finishReason": "MAX_TOKENS", "index": 1}],
                  "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
                  "modelVersion": "llama-3"})"));
}

TEST(OpenAi, TranslatesReasons) {
    for (const auto& [openai, vertex] : std::vector<std::pair<std::string, std::string>>{
             {R"("stop")", "STOP"},
             {R"("length")", "MAX_TOKENS"},
             {R"("content_filter")", "SAFETY"},
             {R"("tool_calls")", "OTHER"},
             {"null", "OTHER"},
             {"7", "OTHER"},
         }) {
        const Json response = read(R"({"choices":[{"message":{"content":null},"finish_reason":)" + openai + "}]}");
        EXPECT_EQ(response.at("/candidates/0/finishReason"_json_pointer), vertex) << openai;
        EXPECT_EQ(response.at("/candidates/0/content/parts/0/text"_json_pointer), "");
    }
}

TEST(OpenAi, LeavesOutFiguresThatAreNone) {
    for (const char* const rest :
         {"", R"(,"usage":null)", R"(,"usage":[1])", R"(,"usage":{"prompt_tokens":"1"})", R"(,"model":7)"}) {
        EXPECT_EQ(read(std::string{R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"}])"} + rest + '}'),
                  parse_json(R"({"candidates":[{"content":{"role":"model","parts":[{"text":"a"}]},
                                                "finishReason":"STOP","index":0}]})"))
            << rest;
    }
}

TEST(OpenAi, RefusesWhatIsNoResponse) {
    for (const char* const text :
         {"null", "[]", "{}", "7", R"("choices")", R"({"choices":null})", R"({"choices":{}})", R"({"choices":[]})",
          R"({"choices":[7]})", R"({"choices":[{}]})", R"({"choices":[{"message":"a"}]})",
          R"({"choices":[{"message":{"content":"a"}},null]})", R"({"candidates":[]})"}) {
        try {
            (void)read(text);
            ADD_FAILURE() << text;
        } catch (const gateway::UpstreamError& error) {
            EXPECT_STREQ(error.what(), "the upstream's answer is no chat completion") << text;
        }
    }
}

}  // namespace
