// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include <gateway/upstream/model.hpp>
#include <gateway/upstream/vertex.hpp>

namespace vertex_test {

using gateway::Delivery;
using gateway::Dialect;
using gateway::Origin;
using gateway::parse_json;
using gateway::VertexApi;

TEST(Vertex, HasAHostForEachLocation) {
    EXPECT_EQ(gateway::vertex_origin("us-central1"), (Origin{true, "us-central1-aiplatform.googleapis.com", 443}));
    EXPECT_EQ(gateway::vertex_origin("europe-west4"), (Origin{true, "europe-west4-aiplatform.googleapis.com", 443}));
    EXPECT_EQ(gateway::vertex_origin("global"), (Origin{true, "aiplatform.googleapis.com", 443}));
}

TEST(Vertex, SendsTheRequestAsItIs) {
    const VertexApi api{"", "my-project", "us-central1", "gemini-2.0-flash"};
    // The order of the members, both spellings, and what nobody here knows.
    const std::string text =
        R"({"z":1,"generation_config":{"topK":3},"contents":[{"parts":[{"functionCall":{"name":"ü"}}]}]})";
    const gateway::UpstreamRequest request =
        api.make_request(Delivery::whole, api.translate(Dialect::gemini, Delivery::whole, parse_json(text)));
    EXPECT_EQ(request.method(), gateway::http::verb::post);
    EXPECT_EQ(
        request.target(),
        "/v1/projects/my-project/locations/us-central1/publishers/google/models/gemini-2.0-flash:generateContent");
    EXPECT_EQ(request.at("Content-Type"), "application/json");
    EXPECT_EQ(request.body(), text);
}

TEST(Vertex, PutsTheBasePathFirst) {
    const VertexApi api{"/proxy/a", "p", "l", "m"};
    EXPECT_EQ(api.make_request(Delivery::whole, {}).target(),
              "/proxy/a/v1/projects/p/locations/l/publishers/google/models/m:generateContent");
}

TEST(Vertex, PassesOnTheResponseAsItIs) {
    const VertexApi api{"", "p", "l", "m"};
    for (const char* const text :
         {R"({"candidates":[{"content":{"role":"model","parts":[{"text":"a"}]}}],"usageMetadata":{"x":1},"new":2})",
          R"({"candidates":[]})", R"({"promptFeedback":{"blockReason":"SAFETY"}})"}) {
        EXPECT_EQ(api.read_response(parse_json(text), Dialect::gemini, "").text, text);
    }
}

TEST(Vertex, RefusesWhatIsNoResponse) {
    const VertexApi api{"", "p", "l", "m"};
    for (const char* const text :
         {"null", "[]", "{}", "7", "\"candidates\"", R"([{"candidates":[]}])", R"({"error":{"message":"no"}})",
          R"({"choices":[]})", R"({"candidates":{}})", R"({"promptFeedback":"no"})"}) {
        EXPECT_THROW((void)api.read_response(parse_json(text), Dialect::gemini, ""), gateway::NotUnderstood) << text;
    }
}

}  // namespace vertex_test
