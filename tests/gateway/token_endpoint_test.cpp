// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <gateway/upstream/token_endpoint.hpp>

#include "support/run_awaitable.hpp"
#include "support/scripted_transport.hpp"

namespace token_endpoint_test {

using namespace std::chrono_literals;
using gateway::Json;
using gateway::Origin;
using gateway::TokenError;
using gateway::TransportError;
using test::ScriptedTransport;

const Origin origin{true, "tokens.example", 443};
const std::string a_secret(400, 's');

Json ask(ScriptedTransport& transport) {
    return test::run_awaitable(gateway::ask_token_endpoint(transport, origin, {}));
}

/// The error of an ask for which transport is prepared.
TokenError error_of(ScriptedTransport& transport) {
    try {
        (void)ask(transport);
    } catch (const TokenError& error) {
        return error;
    }
    throw std::logic_error{"no error"};
}

TokenError refusal(unsigned status, const std::string& body) {
    ScriptedTransport transport;
    transport.then_answer(status, body);
    return error_of(transport);
}

template <typename Function>
std::string message_of(const Function& function) {
    try {
        function();
    } catch (const TokenError& error) {
        return error.what();
    }
    return "no error";
}

TEST(TokenEndpoint, GivesTheAnswersJson) {
    ScriptedTransport transport;
    transport.then_answer(200, R"({"a": 1})");
    const auto before = gateway::Clock::now();
    EXPECT_EQ(ask(transport).at("a"), 1);
    ASSERT_EQ(transport.sent().size(), 1U);
    EXPECT_EQ(transport.sent().front().origin, origin);
    EXPECT_GE(transport.sent().front().deadline, before + 30s);
}

TEST(TokenEndpoint, SaysThatNobodyAnswered) {
    ScriptedTransport transport;
    transport.then_fail(TransportError{TransportError::Stage::connecting, false, "Connection refused"});
    const TokenError error = error_of(transport);
    EXPECT_STREQ(error.what(), "cannot get an access token from tokens.example: Connection refused");
    EXPECT_TRUE(error.temporary());
    EXPECT_EQ(error.status(), 0U);
}

TEST(TokenEndpoint, SaysWhyItWasRefused) {
    EXPECT_STREQ(
        refusal(400, R"({"error":"invalid_grant","error_description":"Invalid JWT Signature."})").what(),
        "cannot get an access token from tokens.example: it answers 400 Bad Request (invalid_grant: Invalid JWT "
        "Signature.)");
    EXPECT_STREQ(refusal(403, R"({"error":{"code":403,"message":"Permission denied"}})").what(),
                 "cannot get an access token from tokens.example: it answers 403 Forbidden (Permission denied)");
    for (const char* const body : {"", "<html>", "[]", "{}", R"({"error":1})", R"({"error":{}})", R"({"error":""})"}) {
        EXPECT_STREQ(refusal(404, body).what(),
                     "cannot get an access token from tokens.example: it answers 404 Not Found")
            << body;
    }
    EXPECT_STREQ(refusal(555, "").what(), "cannot get an access token from tokens.example: it answers 555");
}

TEST(TokenEndpoint, TellsWhatMayPass) {
    for (const unsigned status : {429U, 500U, 503U, 599U}) {
        EXPECT_TRUE(refusal(status, "").temporary()) << status;
        EXPECT_EQ(refusal(status, "").status(), status);
    }
    for (const unsigned status : {201U, 302U, 400U, 401U, 403U, 404U}) {
        EXPECT_FALSE(refusal(status, "").temporary()) << status;
        EXPECT_EQ(refusal(status, "").status(), status);
    }
}

TEST(TokenEndpoint, QuotesNoSecretOfARefusal) {
    const std::string what = refusal(400, R"({"error":"bad \")" + a_secret + R"(\" given"})").what();
    EXPECT_EQ(what.find("ssss"), std::string::npos) << what;
    EXPECT_TRUE(what.ends_with("(bad (...) given)")) << what;
}

TEST(TokenEndpoint, QuotesLittleAndNoControlCharacters) {
    std::string error;
    for (int i = 0; i < 10'000; ++i) {
        error += "word\\n\\u001b\\u009b ";
    }
    const std::string what = refusal(400, R"({"error":")" + error + "\"}").what();
    EXPECT_LT(what.size(), 500U);
    for (const char c : what) {
        EXPECT_TRUE(c >= ' ' && c <= '~') << int{c};
    }
}

TEST(TokenEndpoint, QuotesNothingOfAnAnswerThatIsNotJson) {
    const std::string what = refusal(200, R"({"access_token":")" + a_secret).what();
    EXPECT_EQ(what, "cannot get an access token from tokens.example: its answer is not JSON");
}

TEST(TokenEndpoint, ReadsATokenOfOAuth) {
    const auto token =
        gateway::oauth_token(origin, Json::parse(R"({"access_token":"t","expires_in":3599,"token_type":"Bearer"})"));
    EXPECT_EQ(token.value, "t");
    EXPECT_EQ(token.lifetime, 3599s);
    EXPECT_EQ(gateway::oauth_token(origin, Json::parse(R"({"access_token":"t","expires_in":1e300})")).lifetime,
              std::chrono::weeks{1});
}

TEST(TokenEndpoint, RefusesAnAnswerWithoutAToken) {
    for (const char* const answer :
         {"[]", "1", "{}", R"({"access_token":1,"expires_in":9})", R"({"access_token":"","expires_in":9})",
          R"({"access_token":"a b","expires_in":9})", R"({"access_token":"a\r\nX: y","expires_in":9})",
          R"({"access_token":"é","expires_in":9})"}) {
        EXPECT_EQ(message_of([&] { (void)gateway::oauth_token(origin, Json::parse(answer)); }),
                  "cannot get an access token from tokens.example: its answer has no access_token that can be used")
            << answer;
    }
    Json large;
    large["access_token"] = std::string(20'000, 's');
    large["expires_in"] = 9;
    EXPECT_NE(message_of([&] { (void)gateway::oauth_token(origin, large); }), "no error");
}

TEST(TokenEndpoint, RefusesATokenWithoutALifetime) {
    for (const char* const answer :
         {R"({"access_token":"t"})", R"({"access_token":"t","expires_in":"9"})",
          R"({"access_token":"t","expires_in":0})", R"({"access_token":"t","expires_in":-1})"}) {
        EXPECT_EQ(
            message_of([&] { (void)gateway::oauth_token(origin, Json::parse(answer)); }),
            "cannot get an access token from tokens.example: its answer does not say in how many seconds the token "
            "expires")
            << answer;
    }
}

}  // namespace token_endpoint_test
