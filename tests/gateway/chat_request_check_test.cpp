// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/conversation/bad_request.hpp>
#include <gateway/dialects/chat_request_check.hpp>

namespace chat_request_check_test {

std::string error(const std::string& request) {
    try {
        gateway::check_chat_request(gateway::parse_json(request));
        return "";
    } catch (const gateway::BadRequest& error) {
        return error.what();
    }
}

TEST(ChatRequestCheck, LetsPassWhatIsInOrder) {
    for (const char* const request :
         {R"({"messages":[{"role":"user","content":"a"}]})",
          R"({"model":"m","messages":[{"role":"developer","content":[{"type":"text","text":"a"}]}],"stop":"x","n":1})",
          R"({"messages":[{"role":"assistant","content":null,"tool_calls":[
              {"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},
              {"role":"tool","tool_call_id":"1","content":"a"}],"tools":[{"new":1}],"stop":["x"],"stream":false})",
          R"({"messages":[{"role":"user","content":[{"type":"new","x":1}],"new":1}],"new":{"a":1}})"}) {
        EXPECT_EQ(error(request), "") << request;
    }
}

TEST(ChatRequestCheck, SaysWhatIsWrong) {
    const std::string message = R"(an array such as [{"role": "user", "content": "..."}])";
    const std::vector<std::pair<std::string, std::string>> rows{
        {"[]", R"(the request is an empty array: it must be an object with an array "messages")"},
        {"{}", "messages is missing: it must be " + message},
        {R"({"messages":[]})", "messages is an empty array: it must be " + message},
        {R"({"messages":"a"})", R"(messages is "a": it must be )" + message},
        {R"({"messages":[7]})", R"(messages[0] is 7: it must be an object such as {"role": "user", "content": "..."})"},
        {R"({"messages":[{"content":"a"}]})",
         R"(messages[0].role is missing: it must be "system", "developer", "user", "assistant" or "tool")"},
        {R"({"messages":[{"role":"model","content":"a"}]})",
         R"(messages[0].role is "model": it must be "system", "developer", "user", "assistant" or "tool")"},
        {R"({"messages":[{"role":"user"}]})", "messages[0].content is missing: it must be a string"},
        {R"({"messages":[{"role":"user","content":7}]})",
         R"(messages[0].content is 7: it must be a string, or an array such as [{"type": "text", "text": "..."}])"},
        {R"({"messages":[{"role":"user","content":["a"]}]})",
         R"(messages[0].content[0] is "a": it must be an object such as {"type": "text", "text": "..."})"},
        {R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})",
         "messages[0].content[0].text is missing: it must be a string"},
        {R"({"messages":[{"role":"user","content":[{"type":"text","text":1}]}]})",
         "messages[0].content[0].text is 1: it must be a string"},
        {R"({"messages":[{"role":"tool","content":"a"}]})",
         "messages[0].tool_call_id is missing: it must be the id of a call"},
        {R"({"messages":[{"role":"assistant","tool_calls":{}}]})",
         "messages[0].tool_calls is an object: it must be an array"},
        {R"({"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":{}}}]}]})",
         "messages[0].tool_calls[0].function.arguments is an object: it must be a string"},
        {R"({"messages":[{"role":"user","content":"a"}],"temperature":3})",
         "temperature is 3: it must be a number from 0 to 2"},
        {R"({"messages":[{"role":"user","content":"a"}],"top_p":"1"})",
         R"(top_p is "1": it must be a number from 0 to 1)"},
        {R"({"messages":[{"role":"user","content":"a"}],"n":0})", "n is 0: it must be a whole number from 1 to 128"},
        {R"({"messages":[{"role":"user","content":"a"}],"max_tokens":0})",
         "max_tokens is 0: it must be a whole number from 1 to 2147483647"},
        {R"({"messages":[{"role":"user","content":"a"}],"max_completion_tokens":1.5})",
         "max_completion_tokens is 1.5: it must be a whole number from 1 to 2147483647"},
        {R"({"messages":[{"role":"user","content":"a"}],"presence_penalty":-3})",
         "presence_penalty is -3: it must be a number from -2 to 2"},
        {R"({"messages":[{"role":"user","content":"a"}],"stop":[""]})",
         R"(stop[0] is "": it must be a string that is not empty)"},
        {R"({"messages":[{"role":"user","content":"a"}],"stop":1})",
         "stop is 1: it must be an array of strings that are not empty"},
        {R"({"messages":[{"role":"user","content":"a"}],"stream":"yes"})",
         R"(stream is "yes": it must be true or false)"},
        {R"({"messages":[{"role":"user","content":"a"}],"model":1})", "model is 1: it must be a string"},
        {R"({"messages":[{"role":"user","content":"a"}],"tools":{}})",
         R"(tools is an object: it must be an array such as [{"type": "function", "function": {"name": "..."}}])"},
    };
    for (const auto& [request, why] : rows) {
        EXPECT_EQ(error(request), why) << request;
    }
}

}  // namespace chat_request_check_test
