// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include <gateway/api/error_shape.hpp>

#include "support/responses.hpp"

namespace error_shape_test {

using gateway::ErrorShape;
using gateway::Failure;
using gateway::HttpResponse;
using gateway::Json;
using gateway::parse_json;
using test::field;

const Failure limited{429, "upstream_rate_limited", "too \"much\"", true, std::chrono::seconds{7}};

TEST(ErrorShape, IsTheGatewaysOwn) {
    const HttpResponse response = error_response(ErrorShape::own, limited);
    EXPECT_EQ(response.body(), error_response(limited).body());
    EXPECT_EQ(response.result_int(), 429U);
}

TEST(ErrorShape, IsOpenAis) {
    const HttpResponse response = error_response(ErrorShape::openai, limited);
    EXPECT_EQ(response.result_int(), 429U);
    EXPECT_EQ(field(response, "Retry-After"), "7");
    EXPECT_EQ(field(response, "X-Should-Retry"), "true");
    EXPECT_EQ(parse_json(response.body()), parse_json(R"({"error":{"message":"too \"much\"","type":"rate_limit_error",
                                                          "param":null,"code":"upstream_rate_limited"}})"));
    struct Row {
        unsigned status;
        const char* type;
    };
    for (const Row& row : {Row{400, "invalid_request_error"}, Row{401, "authentication_error"},
                           Row{403, "permission_error"}, Row{404, "invalid_request_error"},
                           Row{422, "invalid_request_error"}, Row{500, "server_error"}, Row{503, "server_error"}}) {
        const HttpResponse other = error_response(ErrorShape::openai, Failure{row.status, "c", "m", false, {}});
        EXPECT_EQ(parse_json(other.body()).at("error").at("type"), row.type) << row.status;
        EXPECT_EQ(field(other, "X-Should-Retry"), "false");
        EXPECT_EQ(other.count("Retry-After"), 0U);
    }
}

TEST(ErrorShape, IsGeminis) {
    const HttpResponse response = error_response(ErrorShape::gemini, limited);
    EXPECT_EQ(response.result_int(), 429U);
    EXPECT_EQ(field(response, "Retry-After"), "7");
    EXPECT_EQ(parse_json(response.body()), parse_json(R"({"error":{"code":429,"message":"too \"much\"",
        "status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"UPSTREAM_RATE_LIMITED","domain":"gateway"},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}})"));
    struct Row {
        unsigned status;
        const char* name;
    };
    for (const Row& row :
         {Row{400, "INVALID_ARGUMENT"}, Row{401, "UNAUTHENTICATED"}, Row{403, "PERMISSION_DENIED"},
          Row{404, "NOT_FOUND"}, Row{405, "UNIMPLEMENTED"}, Row{409, "ABORTED"}, Row{413, "INVALID_ARGUMENT"},
          Row{500, "INTERNAL"}, Row{502, "UNAVAILABLE"}, Row{503, "UNAVAILABLE"}, Row{504, "DEADLINE_EXCEEDED"}}) {
        const HttpResponse other = error_response(ErrorShape::gemini, Failure{row.status, "c", "m", false, {}});
        const Json error = parse_json(other.body()).at("error");
        EXPECT_EQ(error.at("status"), row.name) << row.status;
        EXPECT_EQ(error.at("code"), row.status);
        EXPECT_EQ(error.at("details").size(), 1U);
    }
}

}  // namespace error_shape_test
