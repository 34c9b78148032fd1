// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/api/model_list.hpp>
#include <gateway/api/route_table.hpp>

namespace route_table_test {

using gateway::Route;
namespace http = gateway::http;

TEST(RouteTable, KnowsEachPath) {
    for (const auto& [path, route] : std::vector<std::pair<std::string, Route>>{
             {"/generate", Route::generate},
             {"/generate/", Route::none},
             {"/jobs/1", Route::job},
             {"/jobs", Route::none},
             {"/v1/chat/completions", Route::chat},
             {"/v1/chat", Route::none},
             {"/v1/models", Route::openai_models},
             {"/v1/models/a", Route::openai_model},
             {"/v1/models/meta/llama", Route::openai_model},
             {"/v1beta/models", Route::gemini_models},
             {"/v1beta/models/a", Route::gemini_model},
             {"/v1beta/models/a:generateContent", Route::gemini_call},
             {"/v1beta/models/a:streamGenerateContent", Route::gemini_call},
             {"/v1/projects/p/locations/l/publishers/google/models/m:generateContent", Route::vertex_call},
             {"/v1beta1/projects/p/locations/l/publishers/google/models/m:generateContent", Route::vertex_call},
             {"/v1/projects/p/locations/l/publishers/google/models/m", Route::none},
             {"/v1/projects/p/locations/l/publishers/meta/models/m:generateContent", Route::none},
             {"/metrics", Route::metrics},
             {"/healthz", Route::healthz},
             {"/readyz", Route::readyz},
             {"/", Route::page},
             {"/page/page.js", Route::page},
             {"/page/", Route::none},
             {"/events", Route::events},
             {"/openapi.json", Route::openapi},
             {"", Route::none},
             {"none", Route::none},
         }) {
        EXPECT_EQ(gateway::route_of(path), route) << path;
    }
}

TEST(RouteTable, KnowsTheMethodsOfEachPath) {
    EXPECT_TRUE(takes(Route::chat, http::verb::post));
    EXPECT_FALSE(takes(Route::chat, http::verb::get));
    EXPECT_TRUE(takes(Route::job, http::verb::delete_));
    EXPECT_TRUE(takes(Route::job, http::verb::head));
    EXPECT_FALSE(takes(Route::metrics, http::verb::delete_));
    EXPECT_FALSE(takes(Route::none, http::verb::get));
    EXPECT_FALSE(takes(Route::job, http::verb::unknown));
}

TEST(RouteTable, SplitsWhatIsAskedOfAModel) {
    const gateway::ModelCall call = gateway::split_model_call("/v1beta/models/meta%2Fllama:generateContent");
    EXPECT_EQ(call.model, "meta%2Fllama");
    EXPECT_EQ(call.method, "generateContent");
    EXPECT_EQ(gateway::split_model_call("/v1beta/models/a").method, "");
    EXPECT_EQ(gateway::split_model_call("/a:b/models/c").method, "");
}

TEST(ModelList, DecodesNames) {
    EXPECT_EQ(gateway::percent_decoded("meta%2Fllama%3a1"), "meta/llama:1");
    EXPECT_EQ(gateway::percent_decoded("100%"), "100%");
    EXPECT_EQ(gateway::percent_decoded("%2"), "%2");
    EXPECT_EQ(gateway::percent_decoded("%zz%-1"), "%zz%-1");
}

TEST(ModelList, DescribesTheModelInEachApi) {
    const gateway::ServedModel model{"m", false, 1'700'000'000};
    EXPECT_EQ(gateway::openai_models(model),
              R"({"object":"list","data":[{"id":"m","object":"model","created":1700000000,"owned_by":"gateway"}]})");
    EXPECT_EQ(gateway::gemini_models(model), R"({"models":[{"name":"models/m","displayName":"m",)"
                                             R"("supportedGenerationMethods":["generateContent"]}]})");
}

}  // namespace route_table_test
