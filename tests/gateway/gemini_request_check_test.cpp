// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/conversation/bad_request.hpp>
#include <gateway/dialects/gemini_request_check.hpp>

namespace gemini_request_check_test {

std::string error(const std::string& request) {
    try {
        gateway::check_gemini_request(gateway::parse_json(request));
    } catch (const gateway::BadRequest& error) {
        return error.what();
    }
    return "good";
}

/// A request with this member besides its contents.
std::string with(const std::string& member) { return R"({"contents":[{"parts":[{"text":"hi"}]}],)" + member + '}'; }

std::string with_config(const std::string& member) { return with(R"("generationConfig":{)" + member + '}'); }

TEST(RequestCheck, PassesWhatAModelMayTake) {
    for (const std::string& request : std::vector<std::string>{
             R"({"contents":[{"parts":[{"text":"hi"}]}]})",
             R"({"contents":[{"role":"user","parts":[{"text":""}]},{"role":"model","parts":[{"text":"b"}]}]})",
             R"({"contents":[{"role":null,"parts":[{"text":null}]}],"generationConfig":null,"systemInstruction":null})",
             R"({"contents":[{"parts":[{}]}]})",
             R"({"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}},{"text":"?"}]}]})",
             R"({"contents":[{"parts":[{"new":1}],"new":2}],"new":3,"generationConfig":{"new":4}})",
             with(R"("systemInstruction":{"parts":[{"text":"be brief"}]})"),
             with(R"("system_instruction":{"role":"system","parts":[{"text":"be brief"}]})"),
             with(R"("generation_config":{"max_output_tokens":5,"top_p":0.5,"stop_sequences":["a"]})"),
             with_config(R"("temperature":null,"seed":null,"stopSequences":null)"),
             with_config(R"("temperature":0,"topP":0,"topK":0,"candidateCount":1,"maxOutputTokens":1)"),
             with_config(R"("temperature":2,"topP":1.0,"topK":40.0,"candidateCount":8)"),
             with_config(R"("maxOutputTokens":2147483647,"seed":-2147483648,"stopSequences":[])"),
             with_config(R"("seed":2147483647,"presencePenalty":-2,"frequencyPenalty":2)"),
         }) {
        EXPECT_EQ(error(request), "good") << request;
    }
}

TEST(RequestCheck, SaysWhatIsWrongAndWhere) {
    const std::string object = R"(: it must be an object with an array "contents")";
    const std::string contents = R"(: it must be an array such as [{"role": "user", "parts": [{"text": "..."}]}])";
    const std::string parts = R"(: it must be an array such as [{"text": "..."}])";
    const std::string part = R"(: it must be an object such as {"text": "..."})";
    const std::string content = R"(: it must be an object such as {"role": "user", "parts": [{"text": "..."}]})";
    const std::string role = R"(: it must be "user" or "model")";
    const std::string system = R"(: it must be an object such as {"parts": [{"text": "..."}]})";
    const std::string config = R"(: it must be an object such as {"maxOutputTokens": 256})";
    const std::string data = R"(: it must be an object such as {"mimeType": "image/png", "data": "..."})";
    const std::string stops = ": it must be an array of strings that are not empty";
    const std::string no_contents = "contents is missing" + contents;
    const std::string no_parts = ".parts is missing" + parts;
    for (const auto& [request, why] : std::vector<std::pair<std::string, std::string>>{
             {"null", "the request is null" + object},
             {"[]", "the request is an empty array" + object},
             {"\"hi\"", "the request is \"hi\"" + object},
             {"{}", no_contents},
             {R"({"contents":null})", no_contents},
             {R"({"contents":"hi"})", R"(contents is "hi")" + contents},
             {R"({"contents":{"parts":[{"text":"hi"}]}})", "contents is an object" + contents},
             {R"({"contents":[]})", "contents is an empty array" + contents},
             {R"({"contents":["hi"]})", R"(contents[0] is "hi")" + content},
             {R"({"contents":[null]})", "contents[0] is null" + content},
             {R"({"contents":[{}]})", "contents[0]" + no_parts},
             {R"({"contents":[{"parts":[{"text":"hi"}]},{"parts":null}]})", "contents[1]" + no_parts},
             {R"({"contents":[{"parts":{"text":"hi"}}]})", "contents[0].parts is an object" + parts},
             {R"({"contents":[{"parts":[]}]})", "contents[0].parts is an empty array" + parts},
             {R"({"contents":[{"parts":["hi"]}]})", R"(contents[0].parts[0] is "hi")" + part},
             {R"({"contents":[{"parts":[{},{"text":7}]}]})", "contents[0].parts[1].text is 7: it must be a string"},
             {R"({"contents":[{"parts":[{"inlineData":7}]}]})", "contents[0].parts[0].inlineData is 7" + data},
             {R"({"contents":[{"parts":[{"inlineData":{"data":""}}]}]})",
              "contents[0].parts[0].inlineData.mimeType is missing: it must be a string"},
             {R"({"contents":[{"parts":[{"inline_data":{"mime_type":"image/png"}}]}]})",
              "contents[0].parts[0].inlineData.data is missing: it must be a string"},
             {R"({"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":[]}}]}]})",
              "contents[0].parts[0].inlineData.data is an empty array: it must be a string"},
             {R"({"contents":[{"role":"system","parts":[{}]}]})", R"(contents[0].role is "system")" + role},
             {R"({"contents":[{"role":7,"parts":[{}]}]})", "contents[0].role is 7" + role},
             {with(R"("systemInstruction":"be brief")"), R"(systemInstruction is "be brief")" + system},
             {with(R"("systemInstruction":{})"), "systemInstruction" + no_parts},
             {with(R"("system_instruction":{"parts":[{"text":[]}]})"),
              "systemInstruction.parts[0].text is an empty array: it must be a string"},
             {with(R"("generationConfig":[])"), "generationConfig is an empty array" + config},
             {with(R"("generation_config":7)"), "generationConfig is 7" + config},
             {with_config(R"("temperature":-0.1)"),
              "generationConfig.temperature is -0.1: it must be a number from 0 to 2"},
             {with_config(R"("temperature":2.1)"),
              "generationConfig.temperature is 2.1: it must be a number from 0 to 2"},
             {with_config(R"("temperature":"1")"),
              "generationConfig.temperature is \"1\": it must be a number from 0 to 2"},
             {with_config(R"("topP":1.1)"), "generationConfig.topP is 1.1: it must be a number from 0 to 1"},
             {with_config(R"("top_p":true)"), "generationConfig.topP is true: it must be a number from 0 to 1"},
             {with_config(R"("topK":-1)"), "generationConfig.topK is -1: it must be a number from 0 to 2147483647"},
             {with_config(R"("candidateCount":0)"),
              "generationConfig.candidateCount is 0: it must be a whole number from 1 to 8"},
             {with_config(R"("candidateCount":9)"),
              "generationConfig.candidateCount is 9: it must be a whole number from 1 to 8"},
             {with_config(R"("candidate_count":1.5)"),
              "generationConfig.candidateCount is 1.5: it must be a whole number from 1 to 8"},
             {with_config(R"("maxOutputTokens":0)"),
              "generationConfig.maxOutputTokens is 0: it must be a whole number from 1 to 2147483647"},
             {with_config(R"("maxOutputTokens":"64")"),
              "generationConfig.maxOutputTokens is \"64\": it must be a whole number from 1 to 2147483647"},
             {with_config(R"("max_output_tokens":18446744073709551615)"),
              "generationConfig.maxOutputTokens is 18446744073709551615: it must be a whole number from 1 to "
              "2147483647"},
             {with_config(R"("seed":2147483648)"),
              "generationConfig.seed is 2147483648: it must be a whole number of 32 bits"},
             {with_config(R"("seed":-2147483649)"),
              "generationConfig.seed is -2147483649: it must be a whole number of 32 bits"},
             {with_config(R"("presencePenalty":3)"),
              "generationConfig.presencePenalty is 3: it must be a number from -2 to 2"},
             {with_config(R"("frequencyPenalty":-3)"),
              "generationConfig.frequencyPenalty is -3: it must be a number from -2 to 2"},
             {with_config(R"("stopSequences":"a")"), R"(generationConfig.stopSequences is "a")" + stops},
             {with_config(R"("stopSequences":["a",""])"),
              R"(generationConfig.stopSequences[1] is "": it must be a string that is not empty)"},
             {with_config(R"("stop_sequences":["a",7])"),
              "generationConfig.stopSequences[1] is 7: it must be a string that is not empty"},
             {with_config(R"("responseMimeType":1)"), "generationConfig.responseMimeType is 1: it must be a string"},
         }) {
        EXPECT_EQ(error(request), why) << request;
    }
}

TEST(RequestCheck, QuotesLittle) {
    const std::string text = error(R"({"contents":")" + std::string(100'000, 'x') + R"(\n"})");
    EXPECT_LT(text.size(), 300U);
    EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(RequestCheck, ReadsTheSpellingWithoutUnderscoresWhereBothAreThere) {
    EXPECT_EQ(error(with_config(R"("max_output_tokens":0,"maxOutputTokens":1)")), "good");
    EXPECT_NE(error(with_config(R"("max_output_tokens":1,"maxOutputTokens":0)")), "good");
}

}  // namespace gemini_request_check_test
