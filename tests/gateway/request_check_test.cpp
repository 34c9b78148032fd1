// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/request_check.hpp>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

std::string error(const std::string& request) {
    try {
        gateway::check_request(gateway::parse_json(request));
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
    const std::string object = "the request must be a JSON object with an array \"contents\"";
    const std::string no_contents =
        R"(contents is missing: it must be an array such as [{"role": "user", "parts": [{"text": "..."}]}])";
    const std::string no_parts = R"(.parts is missing: it must be an array such as [{"text": "..."}])";
    for (const auto& [request, why] : std::vector<std::pair<std::string, std::string>>{
             {"null", object},
             {"[]", object},
             {"\"hi\"", object},
             {"{}", no_contents},
             {R"({"contents":null})", no_contents},
             {R"({"contents":"hi"})", "contents must be an array that is not empty"},
             {R"({"contents":{"parts":[{"text":"hi"}]}})", "contents must be an array that is not empty"},
             {R"({"contents":[]})", "contents must be an array that is not empty"},
             {R"({"contents":["hi"]})", "contents[0] must be an object"},
             {R"({"contents":[null]})", "contents[0] must be an object"},
             {R"({"contents":[{}]})", "contents[0]" + no_parts},
             {R"({"contents":[{"parts":[{"text":"hi"}]},{"parts":null}]})", "contents[1]" + no_parts},
             {R"({"contents":[{"parts":{"text":"hi"}}]})", "contents[0].parts must be an array that is not empty"},
             {R"({"contents":[{"parts":[]}]})", "contents[0].parts must be an array that is not empty"},
             {R"({"contents":[{"parts":["hi"]}]})",
              R"(contents[0].parts[0] must be an object such as {"text": "..."})"},
             {R"({"contents":[{"parts":[{},{"text":7}]}]})", "contents[0].parts[1].text must be a string"},
             {R"({"contents":[{"role":"system","parts":[{}]}]})", R"(contents[0].role must be "user" or "model")"},
             {R"({"contents":[{"role":7,"parts":[{}]}]})", R"(contents[0].role must be "user" or "model")"},
             {with(R"("systemInstruction":"be brief")"), "systemInstruction must be an object"},
             {with(R"("systemInstruction":{})"), "systemInstruction" + no_parts},
             {with(R"("system_instruction":{"parts":[{"text":[]}]})"),
              "systemInstruction.parts[0].text must be a string"},
             {with(R"("generationConfig":[])"), "generationConfig must be an object"},
             {with(R"("generation_config":7)"), "generationConfig must be an object"},
             {with_config(R"("temperature":-0.1)"), "generationConfig.temperature must be a number from 0 to 2"},
             {with_config(R"("temperature":2.1)"), "generationConfig.temperature must be a number from 0 to 2"},
             {with_config(R"("temperature":"1")"), "generationConfig.temperature must be a number from 0 to 2"},
             {with_config(R"("topP":1.1)"), "generationConfig.topP must be a number from 0 to 1"},
             {with_config(R"("top_p":true)"), "generationConfig.topP must be a number from 0 to 1"},
             {with_config(R"("topK":-1)"), "generationConfig.topK must be a number that is not negative"},
             {with_config(R"("candidateCount":0)"),
              "generationConfig.candidateCount must be a whole number from 1 to 8"},
             {with_config(R"("candidateCount":9)"),
              "generationConfig.candidateCount must be a whole number from 1 to 8"},
             {with_config(R"("candidate_count":1.5)"),
              "generationConfig.candidateCount must be a whole number from 1 to 8"},
             {with_config(R"("maxOutputTokens":0)"),
              "generationConfig.maxOutputTokens must be a whole number from 1 to 2147483647"},
             {with_config(R"("maxOutputTokens":"64")"),
              "generationConfig.maxOutputTokens must be a whole number from 1 to 2147483647"},
             {with_config(R"("max_output_tokens":18446744073709551615)"),
              "generationConfig.maxOutputTokens must be a whole number from 1 to 2147483647"},
             {with_config(R"("seed":2147483648)"), "generationConfig.seed must be a whole number of 32 bits"},
             {with_config(R"("seed":-2147483649)"), "generationConfig.seed must be a whole number of 32 bits"},
             {with_config(R"("presencePenalty":3)"), "generationConfig.presencePenalty must be a number from -2 to 2"},
             {with_config(R"("frequencyPenalty":-3)"),
              "generationConfig.frequencyPenalty must be a number from -2 to 2"},
             {with_config(R"("stopSequences":"a")"),
              "generationConfig.stopSequences must be an array of strings that are not empty"},
             {with_config(R"("stopSequences":["a",""])"),
              "generationConfig.stopSequences must be an array of strings that are not empty"},
             {with_config(R"("stop_sequences":["a",7])"),
              "generationConfig.stopSequences must be an array of strings that are not empty"},
         }) {
        EXPECT_EQ(error(request), why) << request;
    }
}

TEST(RequestCheck, ReadsTheSpellingWithoutUnderscoresWhereBothAreThere) {
    EXPECT_EQ(error(with_config(R"("max_output_tokens":0,"maxOutputTokens":1)")), "good");
    EXPECT_NE(error(with_config(R"("max_output_tokens":1,"maxOutputTokens":0)")), "good");
}

}  // namespace
