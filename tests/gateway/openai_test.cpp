// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/conversation/answer.hpp>
#include <gateway/conversation/bad_request.hpp>
#include <gateway/upstream/openai.hpp>

namespace openai_test {

using gateway::Delivery;
using gateway::Dialect;
using gateway::Json;
using gateway::OpenAiApi;
using gateway::parse_json;

Json translated(const std::string& request) {
    const OpenAiApi api{"", ""};
    return parse_json(api.translate(Dialect::gemini, Delivery::whole, parse_json(request)));
}

std::string error(const std::string& request) {
    try {
        (void)translated(request);
    } catch (const gateway::BadRequest& error) {
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
             {"/api", "/api/chat/completions"},
             {"/v1beta/openai", "/v1beta/openai/chat/completions"},
             {"/api/v1", "/api/v1/chat/completions"},
         }) {
        const OpenAiApi api{base, ""};
        const gateway::UpstreamRequest request = api.make_request(Delivery::whole, "{}");
        EXPECT_EQ(request.body(), "{}");
        EXPECT_EQ(request.target(), path);
        EXPECT_EQ(request.method(), gateway::http::verb::post);
        EXPECT_EQ(request.at("Content-Type"), "application/json");
    }
}

TEST(OpenAi, NamesTheModelIfItHasOne) {
    const OpenAiApi api{"", "llama"};
    EXPECT_EQ(parse_json(api.translate(Dialect::gemini, Delivery::whole, parse_json("{}"))).at("model"), "llama");
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
        "safetySettings": [], "labels": {"team": "a"}
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
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "max_tokens": 7, "n": 2, "seed": 3,
        "presence_penalty": 1, "frequency_penalty": -1, "stop": ["."], "response_format": {"type": "json_object"}
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
        "top_p": 0.9, "max_tokens": 7, "n": 2, "presence_penalty": 1, "frequency_penalty": -1, "stop": ["."],
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

/// What cannot be given, and what to do.
std::string refused(const std::string& request) {
    const std::string beginning = "this upstream, which speaks OpenAI's chat completions, cannot be given ";
    const std::string what = error(request);
    EXPECT_TRUE(what.starts_with(beginning)) << what;
    return what.starts_with(beginning) ? what.substr(beginning.size()) : what;
}

std::string refused_part(const std::string& part) {
    return refused(R"({"contents":[{"parts":[{"text":"a"},)" + part + "]}]}");
}

std::string refused_setting(const std::string& setting) {
    return refused(R"({"contents":[],"generationConfig":{)" + setting + "}}");
}

TEST(OpenAi, RefusesPartsThatHaveNoCounterpart) {
    const std::string takes = ": it takes text, and images as inlineData";
    const std::string part = "contents[0].parts[1]";
    EXPECT_EQ(refused_part(R"({"fileData":{"fileUri":"gs://a/b"}})"), '"' + part + ".fileData\"" + takes);
    EXPECT_EQ(refused_part(R"({"text":"a","executableCode":{"code":"b"}})"), '"' + part + ".executableCode\"" + takes);
    EXPECT_EQ(refused_part("{}"), part + ", which is empty" + takes);
    EXPECT_EQ(refused_part(R"({"text":null})"), part + ", which is empty" + takes);
    EXPECT_EQ(refused_part("7"), part + ", which is no object" + takes);
    EXPECT_EQ(refused_part(R"({"text":"a","inlineData":{"mimeType":"image/png","data":""}})"),
              part + ", which has text and inlineData" + takes);
    EXPECT_EQ(refused_part(R"({"inlineData":{"mimeType":"audio/wav","data":""}})"),
              part + ".inlineData of type \"audio/wav\"" + takes);
    EXPECT_EQ(refused_part(R"({"inlineData":7})"), part + ".inlineData of type \"\"" + takes);
    EXPECT_EQ(refused_part(R"({"inlineData":{"mimeType":["image/png"]}})"), part + ".inlineData of type \"\"" + takes);
    EXPECT_EQ(refused(R"({"contents":[],"systemInstruction":{"parts":[{"fileData":{"a":1}}]}})"),
              "\"systemInstruction.parts[0].fileData\"" + takes);
}

TEST(OpenAi, RefusesMembersThatHaveNoCounterpart) {
    EXPECT_EQ(refused(R"({"contents":[],"tools":[{"googleSearch":{"a":1}}]})"),
              R"("tools[0].googleSearch": it takes functionDeclarations)");
    EXPECT_EQ(refused(R"({"contents":[],"safetySettings":[{}]})"), R"("safetySettings": leave it out)");
    EXPECT_EQ(refused(R"({"contents":[],"cachedContent":"projects/p/cachedContents/1"})"),
              R"("cachedContent": leave it out)");
    EXPECT_EQ(refused(R"({"contents":[{"parts":[{"text":"a"}],"new":1}]})"), R"("contents[0].new": leave it out)");
    EXPECT_EQ(refused_setting(R"("thinkingConfig":{"thinkingBudget":0})"),
              R"("generationConfig.thinkingConfig": leave it out)");
    EXPECT_EQ(refused_setting(R"("responseMimeType":"text/x.enum")"),
              R"(generationConfig.responseMimeType "text/x.enum": leave it out)");
    EXPECT_EQ(refused_setting(R"("responseModalities":["TEXT","IMAGE"])"),
              R"(generationConfig.responseModalities other than ["TEXT"]: leave it out)");
}

TEST(OpenAi, DropsWhatAsksForNothing) {
    EXPECT_EQ(translated(R"({"contents":[],"labels":{"team":"a"},"tools":[],"safety_settings":[],
                             "generationConfig":{"stopSequences":[],"responseSchema":{},"thinkingConfig":null,
                                                 "responseModalities":["TEXT"]}})"),
              parse_json(R"({"messages":[]})"));
    EXPECT_EQ(content_of(R"([{"text":"hm","thought":true},{"text":"a","thought":false,"thoughtSignature":"AA=="}])"),
              "a")
        << "what the model thought";
}

TEST(OpenAi, QuotesLittleOfWhatItRefuses) {
    const std::string name(10'000, 'a');
    EXPECT_LT(refused(R"({"contents":[],")" + name + R"(":1})").size(), 200U);
    EXPECT_EQ(refused_part(R"({"inlineData":{"mimeType":"\n)" + name + R"("}})"),
              R"(contents[0].parts[1].inlineData of type "\n)" + name.substr(0, 99) +
                  "...\": it takes text, and images as inlineData");
}

Json read(const std::string& body) {
    const OpenAiApi api{"", ""};
    return parse_json(api.read_response(parse_json(body), Dialect::gemini, "").text);
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

TEST(OpenAi, KeepsTheIndexOfAChoice) {
    const Json response = read(R"({"choices":[{"index":1,"message":{"content":"b"}},{"index":0,"message":{}},
                                              {"index":-1,"message":{}}]})");
    EXPECT_EQ(response.at("/candidates/0/index"_json_pointer), 1);
    EXPECT_EQ(response.at("/candidates/1/index"_json_pointer), 0);
    EXPECT_EQ(response.at("/candidates/2/index"_json_pointer), 2) << "its place, where it has none";
}

TEST(OpenAi, TranslatesReasons) {
    for (const auto& [openai, vertex] : std::vector<std::pair<std::string, std::string>>{
             {R"("stop")", "STOP"},
             {R"("length")", "MAX_TOKENS"},
             {R"("content_filter")", "SAFETY"},
             {R"("tool_calls")", "STOP"},
             {"null", "OTHER"},
             {"7", "OTHER"},
         }) {
        const Json response = read(R"({"choices":[{"message":{"content":"a"},"finish_reason":)" + openai + "}]}");
        EXPECT_EQ(response.at("/candidates/0/finishReason"_json_pointer), vertex) << openai;
        EXPECT_EQ(response.at("/candidates/0/content/parts/0/text"_json_pointer), "a");
    }
}

/// The candidate that a choice with this message becomes.
Json candidate(const std::string& message, const std::string& reason = "stop") {
    return read(R"({"choices":[{"message":)" + message + R"(,"finish_reason":")" + reason + "\"}]}")
        .at("candidates")
        .at(0);
}

TEST(OpenAi, AnEmptyAnswerIsAnAnswer) {
    EXPECT_EQ(
        candidate(R"({"content":""})", "length"),
        parse_json(R"({"content":{"role":"model","parts":[{"text":""}]},"finishReason":"MAX_TOKENS","index":0})"));
}

TEST(OpenAi, WhatWasBlockedHasNoText) {
    EXPECT_EQ(candidate(R"({"content":null})", "content_filter"),
              parse_json(R"({"content":{"role":"model"},"finishReason":"SAFETY","index":0})"));
}

TEST(OpenAi, ARefusalIsTold) {
    EXPECT_EQ(candidate(R"({"content":null,"refusal":"I'd rather not."})"),
              parse_json(R"({"content":{"role":"model","parts":[{"text":"I'd rather not."}]},"finishReason":"SAFETY",
                             "finishMessage":"the model refused","index":0})"));
}

TEST(OpenAi, CallsOfFunctionsAreTold) {
    EXPECT_EQ(candidate(R"({"content":null,"tool_calls":[
                            {"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\": [1]}"}},
                            {"id":"2","type":"function","function":{"name":"g","arguments":""}}]})",
                        "tool_calls"),
              parse_json(R"({"content":{"role":"model","parts":[{"functionCall":{"id":"1","name":"f","args":{"x":[1]}}},
                                                                {"functionCall":{"id":"2","name":"g","args":{}}}]},
                             "finishReason":"STOP","index":0})"));
    EXPECT_EQ(
        candidate(R"({"content":"See:","function_call":{"name":"f","arguments":"{}"}})", "function_call"),
        parse_json(R"({"content":{"role":"model","parts":[{"text":"See:"},{"functionCall":{"name":"f","args":{}}}]},
                             "finishReason":"STOP","index":0})"));
    for (const char* const message :
         {R"({"tool_calls":[{"type":"custom"}]})", R"({"tool_calls":[{"function":{"name":7}}]})",
          R"({"tool_calls":[{"function":{"name":"f","arguments":"{"}}]})"}) {
        EXPECT_THROW((void)candidate(message), gateway::NotUnderstood) << message;
    }
}

TEST(OpenAi, JoinsThePartsOfAContent) {
    EXPECT_EQ(candidate(R"({"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})")
                  .at("/content/parts/0/text"_json_pointer),
              "ab");
    EXPECT_THROW((void)candidate(R"({"content":[{"type":"image"}]})"), gateway::NotUnderstood);
}

gateway::HttpResponse refusal_of(const std::string& body) {
    gateway::HttpResponse response;
    response.result(400);
    response.body() = body;
    return response;
}

TEST(OpenAi, GivesTheLimitTheNameThatTheServerWants) {
    OpenAiApi api{"", ""};
    const Json asked = parse_json(R"({"contents":[],"generationConfig":{"maxOutputTokens":7,"seed":1}})");
    gateway::UpstreamRequest message =
        api.make_request(Delivery::whole, api.translate(Dialect::gemini, Delivery::whole, asked));
    EXPECT_EQ(parse_json(message.body()), parse_json(R"({"messages":[],"max_tokens":7,"seed":1})"));
    for (const char* const other : {"", "{}", R"({"error":"max_tokens: max_completion_tokens"})",
                                    R"({"error":{"message":"max_tokens is too large","param":"max_tokens"}})",
                                    R"({"error":{"message":"max_completion_tokens is too large","param":"seed"}})"}) {
        EXPECT_FALSE(api.amend(message, refusal_of(other))) << other;
    }
    EXPECT_TRUE(api.amend(
        message, refusal_of(R"({"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this )"
                            R"(model. Use 'max_completion_tokens' instead.","type":"invalid_request_error",)"
                            R"("param":"max_tokens","code":"unsupported_parameter"}})")));
    const Json amended = parse_json(R"({"messages":[],"max_completion_tokens":7,"seed":1})");
    EXPECT_EQ(parse_json(message.body()), amended);
    EXPECT_EQ(parse_json(api.translate(Dialect::gemini, Delivery::whole, asked)), amended) << "the next one as well";
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
    for (const char* const text : {"null", "[]", "{}", "7", R"("choices")", R"({"choices":null})", R"({"choices":{}})",
                                   R"({"choices":[]})", R"({"choices":[7]})", R"({"choices":[{}]})",
                                   R"({"choices":[{"message":"a"}]})", R"({"choices":[{"message":{"content":1}}]})",
                                   R"({"choices":[{"message":{"content":"a"}},null]})", R"({"candidates":[]})"}) {
        try {
            (void)read(text);
            ADD_FAILURE() << text;
        } catch (const gateway::NotUnderstood& error) {
            EXPECT_STREQ(error.what(), "it is no chat completion") << text;
        }
    }
}

}  // namespace openai_test
