// SPDX-License-Identifier: Apache-2.0
// What the other tests rely on.
#include <chrono>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <gateway/base/json.hpp>

#include "support/behaviour.hpp"
#include "support/fake_apis.hpp"

namespace fake_apis_test {

namespace http = gateway::http;
using gateway::HttpRequest;
using gateway::HttpResponse;
using gateway::Json;
using test::Behaviour;

HttpRequest post(const std::string& target, std::string body) {
    HttpRequest request{http::verb::post, target, 11};
    request.body() = std::move(body);
    return request;
}

Json body_of(const HttpResponse& response) { return gateway::parse_json(response.body()); }

const std::string vertex = "/v1/projects/p/locations/l/publishers/google/models/gemini-x:generateContent";

TEST(FakeApis, Vertex) {
    const HttpRequest request = post(vertex, R"({"contents": [{"role": "user", "parts": [{"text": "a b"}]}]})");
    const HttpResponse response = test::answer(request, 1);
    EXPECT_EQ(response.result_int(), 200U);
    const Json body = body_of(response);
    EXPECT_EQ(body.at("candidates").at(0).at("content").at("parts").at(0).at("text"), "echo: a b");
    EXPECT_EQ(body.at("usageMetadata").at("promptTokenCount"), 2);
    EXPECT_EQ(body.at("usageMetadata").at("totalTokenCount"), 5);
    EXPECT_EQ(body.at("modelVersion"), "gemini-x");
    EXPECT_EQ(body_of(test::answer(post(vertex, "{}"), 1)).at("error").at("code"), 400);
    EXPECT_EQ(test::answer(post(vertex, "{"), 1).result_int(), 400U);
}

TEST(FakeApis, OpenAi) {
    const std::string target = "/v1/chat/completions";
    const HttpRequest request = post(target, R"({"model": "m", "messages": [{"role": "user", "content": "a b"}]})");
    const Json body = body_of(test::answer(request, 7));
    EXPECT_EQ(body.at("id"), "chatcmpl-7");
    EXPECT_EQ(body.at("choices").at(0).at("message").at("content"), "echo: a b");
    EXPECT_EQ(body.at("usage").at("total_tokens"), 5);
    EXPECT_EQ(test::answer(post(target, "[]"), 1).result_int(), 400U);
}

TEST(FakeApis, TokenExchange) {
    const std::string grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c";
    const Json body = body_of(test::answer(post("/token", grant), 3));
    EXPECT_EQ(body.at("access_token"), "token-3");
    EXPECT_EQ(body.at("expires_in"), 3600);
    EXPECT_EQ(test::answer(post("/token", "grant_type=password"), 1).result_int(), 400U);
}

TEST(FakeApis, MetadataServer) {
    HttpRequest request{http::verb::get, "/computeMetadata/v1/instance/service-accounts/default/token", 11};
    EXPECT_EQ(test::answer(request, 1).result_int(), 403U);
    request.set("Metadata-Flavor", "Google");
    EXPECT_EQ(body_of(test::answer(request, 4)).at("access_token"), "metadata-token-4");
}

TEST(FakeApis, Impersonation) {
    HttpRequest request = post("/v1/projects/-/serviceAccounts/a@b.example:generateAccessToken",
                               R"({"scope": ["https://www.googleapis.com/auth/cloud-platform"]})");
    EXPECT_EQ(test::answer(request, 1).result_int(), 401U);
    request.set(http::field::authorization, "Bearer x");
    const Json body = body_of(test::answer(request, 5));
    EXPECT_EQ(body.at("accessToken"), "impersonated-token-5");
    EXPECT_TRUE(body.at("expireTime").get<std::string>().ends_with("Z"));
}

TEST(FakeApis, NothingElse) {
    EXPECT_EQ(test::answer(post("/", "{}"), 1).result_int(), 404U);
    const HttpRequest get{http::verb::get, "/v1/chat/completions", 11};
    EXPECT_EQ(test::answer(get, 1).result_int(), 404U);
}

TEST(Behaviour, IsParsed) {
    EXPECT_EQ(Behaviour::parse("ok").kind, Behaviour::Kind::answer);
    EXPECT_EQ(Behaviour::parse("slow:500").delay, std::chrono::milliseconds{500});
    EXPECT_EQ(Behaviour::parse("503").status_code, 503U);
    EXPECT_EQ(Behaviour::parse("429:2").headers.at(0).second, "2");
    EXPECT_EQ(Behaviour::parse("302").headers.at(0).first, "Location");
    EXPECT_EQ(Behaviour::parse("huge:7").size, 7U);
    EXPECT_EQ(Behaviour::parse("half-reset").kind, Behaviour::Kind::half_reset);
    EXPECT_EQ(Behaviour::parse_list("ok,503,hang").size(), 3U);
    for (const char* const wrong : {"", "fine", "slow", "slow:x", "99", "600", "503:", "huge:-1"}) {
        EXPECT_THROW((void)Behaviour::parse(wrong), std::invalid_argument) << wrong;
    }
}

}  // namespace fake_apis_test
