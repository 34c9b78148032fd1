// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a request in one dialect for an upstream of the other, and of its response: a row each.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/conversation/answer.hpp>
#include <gateway/conversation/bad_request.hpp>
#include <gateway/dialects/translate.hpp>
#include <gateway/upstream/embedded_model.hpp>
#include <gateway/upstream/openai.hpp>
#include <gateway/upstream/vertex.hpp>

#include "support/run_awaitable.hpp"

namespace translate_test {

using gateway::Delivery;
using gateway::Dialect;
using gateway::Json;
using gateway::OpenAiApi;
using gateway::parse_json;
using gateway::VertexApi;

constexpr std::string_view id = "0f0e0d0c-0b0a-4908-8706-050403020100";

struct Row {
    const char* what;
    const char* from;
    const char* to;
};

Json to_vertex(const std::string& request) {
    const Json json = parse_json(request);
    gateway::check_request(Dialect::chat, json);
    return parse_json(VertexApi{"", "p", "l", "m"}.translate(Dialect::chat, Delivery::whole, json));
}

Json to_openai(const std::string& request) {
    const Json json = parse_json(request);
    gateway::check_request(Dialect::gemini, json);
    return parse_json(OpenAiApi{"", "served"}.translate(Dialect::gemini, Delivery::whole, json));
}

/// Without what differs from time to time.
Json from_vertex(const std::string& response) {
    Json json = parse_json(VertexApi{"", "p", "l", "m"}.read_response(parse_json(response), Dialect::chat, id).text);
    EXPECT_GT(json.at("created").get<std::int64_t>(), 1'700'000'000);
    EXPECT_EQ(json.at("id"), "chatcmpl-" + std::string{id});
    EXPECT_EQ(json.at("object"), "chat.completion");
    for (const char* const name : {"created", "id", "object"}) {
        json.erase(name);
    }
    return json;
}

Json from_openai(const std::string& response) {
    return parse_json(OpenAiApi{"", ""}.read_response(parse_json(response), Dialect::gemini, id).text);
}

/// Objects are equal whatever the order of their members.
bool same(const Json& a, const Json& b) { return nlohmann::json(a) == nlohmann::json(b); }

template <typename Translate>
void expect(const std::vector<Row>& rows, Translate translate) {
    for (const Row& row : rows) {
        try {
            const Json made = translate(row.from);
            EXPECT_TRUE(same(made, parse_json(row.to))) << row.what << ": " << made;
        } catch (const std::exception& error) {
            ADD_FAILURE() << row.what << ": " << error.what();
        }
    }
}

template <typename Translate>
void expect_refused(const std::vector<Row>& rows, Translate translate) {
    for (const Row& row : rows) {
        try {
            ADD_FAILURE() << row.what << " became " << translate(row.from);
        } catch (const gateway::BadRequest& refused) {
            EXPECT_EQ(std::string_view{refused.what()}, row.to) << row.what;
        }
    }
}

TEST(Translate, ChatRequestsForVertex) {
    expect(
        {
            {"a text", R"({"model":"m","messages":[{"role":"user","content":"a"}]})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]}],"generationConfig":{}})"},
            {"roles and the system's messages",
             R"({"messages":[{"role":"system","content":"s"},{"role":"developer","content":[{"type":"text","text":"d"}]},
                 {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
                 {"role":"assistant","content":"c"},{"role":"user","content":""}]})",
             R"({"systemInstruction":{"parts":[{"text":"s"},{"text":"d"}]},"contents":[
                 {"role":"user","parts":[{"text":"a"},{"text":"b"}]},{"role":"model","parts":[{"text":"c"}]},
                 {"role":"user","parts":[{"text":""}]}],"generationConfig":{}})"},
            {"settings",
             R"({"messages":[{"role":"user","content":"a"}],"temperature":0.5,"top_p":0.9,"top_k":40,"max_tokens":7,
                 "stop":["x","y"],"n":2,"seed":3,"presence_penalty":1,"frequency_penalty":-1})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]}],"generationConfig":{"temperature":0.5,"topP":0.9,
                 "topK":40,"maxOutputTokens":7,"candidateCount":2,"seed":3,"presencePenalty":1,"frequencyPenalty":-1,
                 "stopSequences":["x","y"]}})"},
            {"the newer name, and a single stop",
             R"({"messages":[{"role":"user","content":"a"}],"max_tokens":1,"max_completion_tokens":8,"stop":"x"})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]}],
                 "generationConfig":{"maxOutputTokens":8,"stopSequences":["x"]}})"},
            {"an image", R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"},
                              {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}}]}]})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}],
                 "generationConfig":{}})"},
            {"tools", R"({"messages":[{"role":"user","content":"a"}],"parallel_tool_calls":true,"tools":[
                          {"type":"function","function":{"name":"f","description":"does f","strict":true,"parameters":
                            {"type":"object","properties":{"x":{"type":"integer"}},"additionalProperties":false}}},
                          {"type":"function","function":{"name":"g"}}]})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":[
                 {"name":"f","description":"does f","parametersJsonSchema":
                   {"type":"object","properties":{"x":{"type":"integer"}},"additionalProperties":false}},
                 {"name":"g"}]}],"generationConfig":{}})"},
            {"calls, and what came of them",
             R"({"messages":[{"role":"user","content":"a"},
                 {"role":"assistant","content":null,"tool_calls":[
                   {"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}},
                   {"id":"2","type":"function","function":{"name":"g","arguments":""}}]},
                 {"role":"tool","tool_call_id":"2","content":"{\"y\": [2]}"},
                 {"role":"tool","tool_call_id":"1","content":[{"type":"text","text":"so"},{"type":"text","text":"so"}]},
                 {"role":"user","content":"b"}]})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]},
                 {"role":"model","parts":[{"functionCall":{"name":"f","args":{"x":1}}},
                                          {"functionCall":{"name":"g","args":{}}}]},
                 {"role":"user","parts":[{"functionResponse":{"name":"g","response":{"y":[2]}}},
                                         {"functionResponse":{"name":"f","response":{"output":"soso"}}}]},
                 {"role":"user","parts":[{"text":"b"}]}],"generationConfig":{}})"},
            {"an answer with text and calls, and one that says nothing",
             R"({"messages":[{"role":"user","content":"a"},
                 {"role":"assistant","content":"See:","tool_calls":[
                   {"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},
                 {"role":"tool","tool_call_id":"1","content":"7"},{"role":"assistant","refusal":"no"},
                 {"role":"assistant"}]})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]},
                 {"role":"model","parts":[{"text":"See:"},{"functionCall":{"name":"f","args":{}}}]},
                 {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"7"}}}]},
                 {"role":"model","parts":[{"text":"no"}]},{"role":"model","parts":[{"text":""}]}],
                 "generationConfig":{}})"},
            {"tools are up to the model", R"({"messages":[{"role":"user","content":"a"}],"tool_choice":"auto"})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]}],
                 "toolConfig":{"functionCallingConfig":{"mode":"AUTO"}},"generationConfig":{}})"},
            {"no tools", R"({"messages":[{"role":"user","content":"a"}],"tool_choice":"none"})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]}],
                 "toolConfig":{"functionCallingConfig":{"mode":"NONE"}},"generationConfig":{}})"},
            {"any tool", R"({"messages":[{"role":"user","content":"a"}],"tool_choice":"required"})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]}],
                 "toolConfig":{"functionCallingConfig":{"mode":"ANY"}},"generationConfig":{}})"},
            {"a certain tool",
             R"({"messages":[{"role":"user","content":"a"}],"tool_choice":{"type":"function","function":{"name":"f"}}})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]}],
                 "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
                 "generationConfig":{}})"},
            {"any JSON", R"({"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_object"}})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]}],
                 "generationConfig":{"responseMimeType":"application/json"}})"},
            {"JSON of a schema", R"({"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema",
                 "json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}}})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]}],
                 "generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}}})"},
            {"what asks for nothing",
             R"({"messages":[{"role":"user","content":"a"}],"user":"u","prompt_cache_key":"k","metadata":{"a":"b"},
                 "store":false,"logprobs":false,"stream":false,"logit_bias":{},"tools":[],"stop":null,"modalities":["text"],
                 "response_format":{"type":"text"},"service_tier":"auto","safety_identifier":"s"})",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]}],"generationConfig":{}})"},
        },
        to_vertex);
}

TEST(Translate, WhatVertexCannotBeGivenOfAChatIsRefused) {
#define VERTEX "this upstream, which is Vertex AI, cannot be given "
#define HI R"("messages":[{"role":"user","content":"a"}])"
    expect_refused(
        {
            {"an image elsewhere",
             R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a/b.png"}}]}]})",
             VERTEX
             "messages[0].content[0].image_url.url, which is no data: URL in base64: it takes text, and images as "
             "data: URLs"},
            {"an image that is not base64", R"({"messages":[{"role":"user","content":[
                 {"type":"image_url","image_url":{"url":"data:image/png;base64,a b"}}]}]})",
             "messages[0].content[0].image_url.url is not base64"},
            {"sound",
             R"({"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA"}}]}]})",
             VERTEX "messages[0].content[0] of type \"input_audio\": it takes text, and images as data: URLs"},
            {"a name", R"({"messages":[{"role":"user","content":"a","name":"n"}]})",
             VERTEX "\"messages[0].name\": leave it out"},
            {"the system's message in the middle",
             R"({"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"}]})",
             VERTEX "messages[1], which is of the system and comes after others: put it first"},
            {"the system alone", R"({"messages":[{"role":"system","content":"b"}]})",
             VERTEX "a conversation without a message of the user: add one"},
            {"functions as they were", R"({"messages":[{"role":"function","name":"f","content":"b"}]})",
             VERTEX "messages[0].role \"function\": use \"tool\""},
            {"a call of another kind",
             R"({"messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"custom","custom":{}}]}]})",
             VERTEX "messages[0].tool_calls[0] of type \"custom\": it takes functions"},
            {"a call without a name",
             R"({"messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{}}]}]})",
             "messages[0].tool_calls[0].function.name is missing: it must be the function's name"},
            {"arguments that are none", R"({"messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"function",
                                            "function":{"name":"f","arguments":"[1]"}}]}]})",
             "messages[0].tool_calls[0].function.arguments is not the text of a JSON object"},
            {"the result of no call", R"({"messages":[{"role":"tool","tool_call_id":"9","content":"a"}]})",
             "messages[0].tool_call_id is \"9\": it must be the id of a call before it"},
            {"another tool", "{" HI R"(,"tools":[{"type":"custom","custom":{"name":"f"}}]})",
             VERTEX "tools[0] of type \"custom\": it takes functions"},
            {"a tool without a name", "{" HI R"(,"tools":[{"type":"function","function":{"description":"f"}}]})",
             "tools[0].function.name is missing: it must be the function's name"},
            {"another choice", "{" HI R"(,"tool_choice":{"type":"allowed_tools"}})",
             VERTEX R"(this "tool_choice": it takes "auto", "none", "required", or a function)"},
            {"one call at a time", "{" HI R"(,"parallel_tool_calls":false})",
             VERTEX R"("parallel_tool_calls": false: leave it out)"},
            {"a grammar", "{" HI R"(,"response_format":{"type":"grammar"}})",
             VERTEX R"(response_format of type "grammar": leave it out)"},
            {"a schema that is none", "{" HI R"(,"response_format":{"type":"json_schema","json_schema":{"name":"n"}}})",
             "response_format.json_schema.schema is missing: it must be an object"},
            {"logprobs", "{" HI R"(,"logprobs":true})", VERTEX R"("logprobs": leave it out)"},
            {"more of them", "{" HI R"(,"top_logprobs":2})", VERTEX R"("top_logprobs": leave it out)"},
            {"keeping it", "{" HI R"(,"store":true})", VERTEX R"("store": leave it out)"},
            {"a bias", "{" HI R"(,"logit_bias":{"1":2}})", VERTEX R"("logit_bias": leave it out)"},
            {"a search", "{" HI R"(,"web_search_options":{}})", VERTEX R"("web_search_options": leave it out)"},
            {"sound to hear", "{" HI R"(,"modalities":["text","audio"]})",
             VERTEX R"(modalities other than ["text"]: leave it out)"},
            {"effort", "{" HI R"(,"reasoning_effort":"high"})", VERTEX R"("reasoning_effort": leave it out)"},
            {"what is new", "{" HI R"(,"new":1})", VERTEX R"("new": leave it out)"},
        },
        to_vertex);
#undef HI
#undef VERTEX
}

TEST(Translate, GeminiRequestsForOpenAi) {
    expect(
        {
            {"a text", R"({"contents":[{"parts":[{"text":"a"}]}]})",
             R"({"model":"served","messages":[{"role":"user","content":"a"}]})"},
            {"tools", R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":[
                 {"name":"f","description":"does f","parameters":{"type":"OBJECT","properties":{"x":{"type":"INTEGER"}}}},
                 {"name":"g"}]},{"function_declarations":[{"name":"h","parameters_json_schema":{"type":"object"}}]}]})",
             R"({"model":"served","messages":[{"role":"user","content":"a"}],"tools":[
                 {"type":"function","function":{"name":"f","description":"does f",
                    "parameters":{"type":"object","properties":{"x":{"type":"integer"}}}}},
                 {"type":"function","function":{"name":"g"}},
                 {"type":"function","function":{"name":"h","parameters":{"type":"object"}}}]})"},
            {"calls, and what came of them",
             R"({"contents":[{"role":"user","parts":[{"text":"a"}]},
                 {"role":"model","parts":[{"text":"See:"},{"functionCall":{"name":"f","args":{"x":1}}},
                                          {"functionCall":{"id":"own","name":"f"}}]},
                 {"role":"user","parts":[{"functionResponse":{"id":"own","name":"f","response":{"y":2}}},
                                         {"functionResponse":{"name":"f","response":{"y":3}}},{"text":"b"}]}]})",
             R"({"model":"served","messages":[{"role":"user","content":"a"},
                 {"role":"assistant","content":"See:","tool_calls":[
                   {"id":"call_0","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
                   {"id":"own","type":"function","function":{"name":"f","arguments":"{}"}}]},
                 {"role":"tool","tool_call_id":"own","content":"{\"y\":2}"},
                 {"role":"tool","tool_call_id":"call_0","content":"{\"y\":3}"},
                 {"role":"user","content":"b"}]})"},
            {"nothing but calls and results",
             R"({"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}}]},
                             {"parts":[{"functionResponse":{"name":"f"}}]}]})",
             R"({"model":"served","messages":[{"role":"assistant","tool_calls":[
                   {"id":"call_0","type":"function","function":{"name":"f","arguments":"{}"}}]},
                 {"role":"tool","tool_call_id":"call_0","content":"{}"}]})"},
            {"tools are up to the model",
             R"({"contents":[{"parts":[{"text":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"AUTO"}}})",
             R"({"model":"served","messages":[{"role":"user","content":"a"}],"tool_choice":"auto"})"},
            {"no tools",
             R"({"contents":[{"parts":[{"text":"a"}]}],"tool_config":{"function_calling_config":{"mode":"NONE"}}})",
             R"({"model":"served","messages":[{"role":"user","content":"a"}],"tool_choice":"none"})"},
            {"any tool",
             R"({"contents":[{"parts":[{"text":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}})",
             R"({"model":"served","messages":[{"role":"user","content":"a"}],"tool_choice":"required"})"},
            {"a certain tool", R"({"contents":[{"parts":[{"text":"a"}]}],"toolConfig":{"functionCallingConfig":
                                  {"mode":"ANY","allowedFunctionNames":["f"]}}})",
             R"({"model":"served","messages":[{"role":"user","content":"a"}],
                 "tool_choice":{"type":"function","function":{"name":"f"}}})"},
            {"one of two of three",
             R"({"contents":[{"parts":[{"text":"a"}]}],
                 "tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"},{"name":"h"}]}],
                 "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f","h"]}}})",
             R"({"model":"served","messages":[{"role":"user","content":"a"}],"tools":[
                 {"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"h"}}],
                 "tool_choice":"required"})"},
            {"JSON of a schema", R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":
                 {"responseMimeType":"application/json","responseSchema":{"type":"STRING"}}})",
             R"({"model":"served","messages":[{"role":"user","content":"a"}],"response_format":
                 {"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"string"}}}})"},
            {"JSON of a JSON schema", R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":
                 {"responseMimeType":"application/json","responseJsonSchema":{"type":["string","null"]}}})",
             R"({"model":"served","messages":[{"role":"user","content":"a"}],"response_format":
                 {"type":"json_schema","json_schema":{"name":"answer","schema":{"type":["string","null"]}}}})"},
        },
        to_openai);
}

TEST(Translate, WhatOpenAiCannotBeGivenOfGeminiIsRefused) {
#define OPENAI "this upstream, which speaks OpenAI's chat completions, cannot be given "
    expect_refused(
        {
            {"two kinds in a part", R"({"contents":[{"parts":[{"text":"a","functionCall":{"name":"f"}}]}]})",
             OPENAI "contents[0].parts[0], which has text and functionCall: it takes text, and images as inlineData"},
            {"a call without a name", R"({"contents":[{"role":"model","parts":[{"functionCall":{"args":{}}}]}]})",
             "contents[0].parts[0].functionCall.name is missing: it must be the function's name"},
            {"arguments that are none", R"({"contents":[{"parts":[{"functionCall":{"name":"f","args":[1]}}]}]})",
             "contents[0].parts[0].functionCall.args is an array: it must be an object"},
            {"the result of no call", R"({"contents":[{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]})",
             "contents[0].parts[0].functionResponse answers no functionCall before it: a response has the name, or the "
             "id, of its call"},
            {"two results of one call",
             R"({"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}}]},
                 {"parts":[{"functionResponse":{"name":"f"}},{"functionResponse":{"name":"f"}}]}]})",
             "contents[1].parts[1].functionResponse answers no functionCall before it: a response has the name, or the "
             "id, of its call"},
            {"a result with a file",
             R"({"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}}]},
                 {"parts":[{"functionResponse":{"name":"f","parts":[1]}}]}]})",
             OPENAI "\"contents[1].parts[0].functionResponse.parts\": leave it out"},
            {"tools that are none", R"({"contents":[{"parts":[{"text":"a"}]}],"tools":{"a":1}})",
             R"(tools is an object: it must be an array such as [{"functionDeclarations": [{"name": "..."}]}])"},
            {"a search", R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"googleSearch":{"a":1}}]})",
             OPENAI R"("tools[0].googleSearch": it takes functionDeclarations)"},
            {"a search that is switched on", R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"googleSearch":{}}]})",
             OPENAI R"("tools[0].googleSearch": it takes functionDeclarations)"},
            {"the same in snake case", R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"google_search":{}}]})",
             OPENAI R"("tools[0].google_search": it takes functionDeclarations)"},
            {"code to run", R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"codeExecution":{}}]})",
             OPENAI R"("tools[0].codeExecution": it takes functionDeclarations)"},
            {"a page to read", R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"urlContext":{}}]})",
             OPENAI R"("tools[0].urlContext": it takes functionDeclarations)"},
            {"a file", R"({"contents":[{"parts":[{"fileData":{}}]}]})",
             OPENAI R"("contents[0].parts[0].fileData": it takes text, and images as inlineData)"},
            {"data that is not base64",
             R"({"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"A?=="}}]}]})",
             "contents[0].parts[0].inlineData.data is not base64"},
            {"a function's response", R"({"contents":[{"parts":[{"text":"a"}]}],
                 "tools":[{"functionDeclarations":[{"name":"f","response":{"type":"STRING"}}]}]})",
             OPENAI R"("tools[0].functionDeclarations[0].response": leave it out)"},
            {"another mode", R"({"contents":[{"parts":[{"text":"a"}]}],
                 "toolConfig":{"functionCallingConfig":{"mode":"VALIDATED"}}})",
             OPENAI R"(toolConfig.functionCallingConfig.mode "VALIDATED": leave it out)"},
            {"where to search", R"({"contents":[{"parts":[{"text":"a"}]}],"toolConfig":{"retrievalConfig":{"a":1}}})",
             OPENAI R"("toolConfig.retrievalConfig": leave it out)"},
            {"a schema without JSON",
             R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"responseSchema":{"type":"STRING"}}})",
             "generationConfig.responseSchema is for responseMimeType \"application/json\", which is to be set with "
             "it"},
            {"a PDF", R"({"contents":[{"parts":[{"inlineData":{"mimeType":"application/pdf","data":"AA"}}]}]})",
             OPENAI "contents[0].parts[0].inlineData of type \"application/pdf\": it takes text, and images as "
                    "inlineData"},
        },
        to_openai);
#undef OPENAI
}

TEST(Translate, WhatOnlyGeminiHasPassesWhereTheUpstreamIsGemini) {
    const std::string request =
        R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"googleSearch":{}},{"codeExecution":{}},{"urlContext":{}}]})";
    EXPECT_EQ((VertexApi{"", "p", "l", "m"}.translate(Dialect::gemini, Delivery::whole, parse_json(request))), request);
}

TEST(Translate, VertexResponsesForChats) {
    expect(
        {
            {"a text", R"({"candidates":[{"content":{"role":"model","parts":[{"text":"a"},{"text":"b"}]},
                 "finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2,
                 "totalTokenCount":3},"modelVersion":"gemini"})",
             R"({"model":"gemini","choices":[{"index":0,"message":{"role":"assistant","content":"ab","refusal":null},
                 "logprobs":null,"finish_reason":"stop"}],
                 "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}})"},
            {"two, thoughts and what was cached",
             R"({"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"a"}]},"finishReason":"MAX_TOKENS",
                 "index":0},{"content":{"parts":[{"text":"b","thoughtSignature":"AA"}]},"finishReason":"STOP","index":1}],
                 "usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":2,"thoughtsTokenCount":5,
                 "cachedContentTokenCount":4,"totalTokenCount":17},"modelVersion":"g"})",
             R"({"model":"g","choices":[
                 {"index":0,"message":{"role":"assistant","content":"a","refusal":null},"logprobs":null,
                  "finish_reason":"length"},
                 {"index":1,"message":{"role":"assistant","content":"b","refusal":null},"logprobs":null,
                  "finish_reason":"stop"}],
                 "usage":{"prompt_tokens":10,"completion_tokens":7,"total_tokens":17,
                 "prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":5}}})"},
            {"calls", R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"x":1}}},
                 {"functionCall":{"id":"own","name":"g"}}]},"finishReason":"STOP"}],"modelVersion":"g"})",
             R"({"model":"g","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":null,
                 "tool_calls":[
                 {"id":"call_0f0e0d0c0b0a49088706050403020100_0","type":"function",
                  "function":{"name":"f","arguments":"{\"x\":1}"}},
                 {"id":"own","type":"function","function":{"name":"g","arguments":"{}"}}]},
                 "logprobs":null,"finish_reason":"tool_calls"}]})"},
            {"an answer that was blocked", R"({"candidates":[{"finishReason":"SAFETY"}],"modelVersion":"g"})",
             R"({"model":"g","choices":[{"index":0,"message":{"role":"assistant","content":"","refusal":null},
                 "logprobs":null,"finish_reason":"content_filter"}]})"},
            {"a request that was blocked",
             R"({"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4},"modelVersion":"g"})",
             R"({"model":"g","choices":[{"index":0,"message":{"role":"assistant","content":"","refusal":null},
                 "logprobs":null,"finish_reason":"content_filter"}],
                 "usage":{"prompt_tokens":4,"completion_tokens":0,"total_tokens":4}})"},
            {"an end of its own", R"({"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL"}]})",
             R"({"model":"","choices":[{"index":0,"message":{"role":"assistant","content":"","refusal":null},
                 "logprobs":null,"finish_reason":"stop"}]})"},
        },
        from_vertex);
    for (const char* const reason : {"RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"}) {
        const std::string response = R"({"candidates":[{"finishReason":")" + std::string{reason} + R"("}]})";
        EXPECT_EQ(from_vertex(response).at("choices").at(0).at("finish_reason"), "content_filter") << reason;
    }
}

TEST(Translate, WhatAChatCannotTellIsNotUnderstood) {
    for (const char* const part :
         {R"({"inlineData":{"mimeType":"image/png","data":"AA"}})", R"({"executableCode":{"code":"x"}})", "{}", "7"}) {
        EXPECT_THROW((void)from_vertex(R"({"candidates":[{"content":{"parts":[)" + std::string{part} + "]}}]}"),
                     gateway::NotUnderstood)
            << part;
    }
}

TEST(Translate, OpenAiResponsesForGemini) {
    expect(
        {
            {"calls with their ids", R"({"model":"m","choices":[{"index":0,"message":{"content":null,"tool_calls":[
                 {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}]},
                 "finish_reason":"tool_calls"}]})",
             R"({"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"id":"c1","name":"f","args":{"x":1}}}]},
                 "finishReason":"STOP","index":0}],"modelVersion":"m"})"},
            {"thoughts and what was cached",
             R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,
                 "completion_tokens":7,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":4},
                 "completion_tokens_details":{"reasoning_tokens":5}}})",
             R"({"candidates":[{"content":{"role":"model","parts":[{"text":"a"}]},"finishReason":"STOP","index":0}],
                 "usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":2,
                 "thoughtsTokenCount":5,"totalTokenCount":17}})"},
        },
        from_openai);
}

TEST(Translate, ChatsGoThroughToOpenAiButForTheModel) {
    const Json request =
        parse_json(R"({"new":{"a":[1]},"model":"asked","messages":[{"role":"user","content":"a"}],"max_tokens":7})");
    EXPECT_EQ((OpenAiApi{"", "served"}.translate(Dialect::chat, Delivery::whole, request)),
              R"({"model":"served","new":{"a":[1]},"messages":[{"role":"user","content":"a"}],"max_tokens":7})");
    EXPECT_EQ((OpenAiApi{"", ""}.translate(Dialect::chat, Delivery::whole, request)), gateway::dump(request));
    const std::string response = R"({"id":"x","choices":[{"message":{"content":"a","new":1}}],"new":[2],"usage":
                                     {"prompt_tokens":1,"completion_tokens":2}})";
    const gateway::ModelAnswer answer = OpenAiApi{"", ""}.read_response(parse_json(response), Dialect::chat, id);
    EXPECT_EQ(answer.text, gateway::dump(parse_json(response)));
    EXPECT_EQ(answer.usage.input, 1U);
    EXPECT_EQ(answer.usage.output, 2U);
    EXPECT_THROW((void)(OpenAiApi{"", ""}.read_response(parse_json("{}"), Dialect::chat, id)), gateway::NotUnderstood);
}

TEST(Translate, TheEmbeddedModelSpeaksToChats) {
    gateway::HeavyWork heavy;
    gateway::EmbeddedModel model{0, heavy};
    gateway::WaitNote note;
    const std::string text = R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"one two"}],
                                 "max_tokens":5,"n":2})";
    const gateway::SharedText prepared = model.prepare(Dialect::chat, Delivery::whole, parse_json(text), text);
    gateway::ModelRequest request{prepared, Dialect::chat, std::string{id}};
    const Json answer = parse_json(test::run_awaitable(model.generate(std::move(request), note)).text);
    EXPECT_EQ(answer.at("model"), "embedded");
    EXPECT_EQ(answer.at("choices").size(), 2U);
    EXPECT_EQ(answer.at("choices").at(1).at("index"), 1);
    EXPECT_EQ(answer.at("usage").at("prompt_tokens"), 2) << "a token is a word, of what is not the system's";
    EXPECT_LE(answer.at("usage").at("completion_tokens"), 10);
}

TEST(Translate, WhatTheEmbeddedModelCannotBeGivenOfAChatIsRefused) {
    gateway::HeavyWork heavy;
    const gateway::EmbeddedModel model{0, heavy};
    expect_refused(
        {
            {"an image", R"({"messages":[{"role":"user","content":[
                             {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]})",
             "the embedded model cannot be given \"messages[0].content[0].image_url\": it takes text"},
            {"tools", R"({"messages":[{"role":"user","content":"a"}],
                          "tools":[{"type":"function","function":{"name":"f"}}]})",
             "the embedded model cannot be given tools: leave it out"},
            {"JSON", R"({"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_object"}})",
             "the embedded model cannot be given response_format of type \"json_object\": leave it out"},
        },
        [&](const std::string& request) {
            return model.prepare(Dialect::chat, Delivery::whole, parse_json(request), request).view();
        });
}

}  // namespace translate_test
