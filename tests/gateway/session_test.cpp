// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/api/session.hpp>

namespace session_test {

using gateway::Dialect;

std::string of_chat(const std::string& request) {
    return gateway::session_of(Dialect::chat, gateway::parse_json(request));
}

std::string of_gemini(const std::string& request) {
    return gateway::session_of(Dialect::gemini, gateway::parse_json(request));
}

const std::string hi = R"("messages":[{"role":"user","content":"hi"}])";

TEST(Session, IsWhatAChatSays) {
    EXPECT_EQ(of_chat("{" + hi + R"(,"user":"u"})"), "u");
    EXPECT_EQ(of_chat("{" + hi + R"(,"user":"u","prompt_cache_key":"k 1"})"), "k 1");
    EXPECT_EQ(of_chat("{" + hi + R"(,"user":"u","prompt_cache_key":""})"), "u");
    EXPECT_EQ(of_chat("{" + hi + R"(,"user":7})"), of_chat("{" + hi + "}"));
    EXPECT_EQ(of_gemini(R"({"contents":[{"parts":[{"text":"hi"}]}],"user":"u"})"),
              of_gemini(R"({"contents":[{"parts":[{"text":"hi"}]}]})"))
        << "which Gemini does not have";
}

TEST(Session, IsAHashIfItWouldNotFitIntoAHeader) {
    for (const std::string& user : {std::string(257, 'a'), std::string{R"(a\r\nX: b)"}, std::string{"\xc3\xa4"},
                                    std::string{" a"}, std::string{"a "}, std::string{R"(\u0000)"}}) {
        const std::string session = of_chat("{" + hi + R"(,"user":")" + user + R"("})");
        EXPECT_TRUE(session.starts_with("sha256:")) << session;
        EXPECT_EQ(session.size(), 7U + 32U);
        EXPECT_EQ(session.find_first_not_of("sha256:bcdef0123456789"), std::string::npos) << session;
    }
    EXPECT_EQ(of_chat("{" + hi + R"(,"user":")" + std::string(256, 'a') + R"("})"), std::string(256, 'a'));
}

TEST(Session, IsThatOfAConversationAsItGrows) {
    const std::string first = R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]})";
    const std::string later =
        R"({"temperature":1,"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},
                                  {"role":"assistant","content":"b"},{"role":"user","content":"c"}]})";
    EXPECT_EQ(of_chat(first), of_chat(later));
    const std::vector<std::string> others{
        R"({"messages":[{"role":"system","content":"t"},{"role":"user","content":"a"}]})",
        R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"b"}]})",
        R"({"messages":[{"role":"user","content":"a"}]})"};
    for (const std::string& other : others) {
        EXPECT_NE(of_chat(first), of_chat(other)) << other;
    }
}

TEST(Session, IsThatOfAConversationWithGemini) {
    const std::string first = R"({"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"parts":[{"text":"a"}]}]})";
    EXPECT_EQ(of_gemini(first), of_gemini(R"({"systemInstruction":{"parts":[{"text":"s"}]},"contents":[
                                  {"parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]}],"labels":{"a":"b"}})"));
    EXPECT_NE(of_gemini(first), of_gemini(R"({"contents":[{"parts":[{"text":"a"}]}]})"));
    EXPECT_NE(of_gemini(first),
              of_gemini(R"({"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"parts":[{"text":"b"}]}]})"));
}

}  // namespace session_test
