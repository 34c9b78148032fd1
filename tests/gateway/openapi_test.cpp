// SPDX-License-Identifier: Apache-2.0
#include <cctype>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <gateway/api/openapi.hpp>
#include <gateway/api/route_table.hpp>
#include <gateway/base/json.hpp>

#include "support/models.hpp"
#include "support/raw_client.hpp"
#include "support/test_gateway.hpp"

namespace openapi_test {

using gateway::Json;
using gateway::Route;
using gateway::RouteRule;

/// A path that fits a template: "/jobs/{id}" becomes "/jobs/x".
std::string example_of(std::string_view path) {
    if (path == "/page/{file}") {
        return "/page/page.js";  // there are no others
    }
    std::string example;
    bool in_name = false;
    for (const char c : path) {
        if (c == '{') {
            example += 'x';
        }
        in_name = c == '{' || (in_name && c != '}');
        if (!in_name && c != '}') {
            example += c;
        }
    }
    return example;
}

/// As RouteRule::methods; HEAD is not described wherever GET is.
std::string methods_of(const Json& path) {
    std::set<std::string> methods;
    for (const auto& [name, operation] : path.items()) {
        std::string method = name;
        for (char& c : method) {
            c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        }
        if (method == "GET") {
            methods.insert("HEAD");
        }
        methods.insert(method);
    }
    std::string list;
    for (const std::string& method : methods) {
        list += (list.empty() ? "" : ", ") + method;
    }
    return list;
}

TEST(OpenApi, DescribesEachRouteAndNoOther) {
    const Json description = Json::parse(gateway::openapi_text());
    std::set<std::string_view> described;
    for (const auto& [path, operations] : description.at("paths").items()) {
        const RouteRule& rule = rule_of(gateway::route_of(example_of(path)));
        ASSERT_NE(rule.name, "none") << path << " is described, and there is no such route";
        EXPECT_EQ(methods_of(operations), rule.methods) << path;
        described.insert(rule.name);
    }
    for (const RouteRule& rule : gateway::route_table) {
        EXPECT_TRUE(described.contains(rule.name) || rule.name == "none") << rule.name << " is not described";
    }
}

TEST(OpenApi, SaysWhichRoutesAnybodyMayAsk) {
    const Json description = Json::parse(gateway::openapi_text());
    for (const auto& [path, operations] : description.at("paths").items()) {
        for (const auto& [method, operation] : operations.items()) {
            const bool open = operation.contains("security") && operation.at("security").empty();
            const RouteRule& rule = rule_of(gateway::route_of(example_of(path)));
            EXPECT_EQ(open, rule.probe || rule.open) << method << ' ' << path;
        }
    }
}

TEST(OpenApi, IsServed) {
    test::TestGateway gateway{test::make<test::EchoModel>()};
    test::RawClient client{gateway.port()};
    const gateway::HttpResponse response = client.exchange(test::head("GET /openapi.json"));
    EXPECT_EQ(response.result_int(), 200U);
    EXPECT_EQ(gateway::view(response["Content-Type"]), "application/json");
    EXPECT_EQ(Json::parse(response.body()), Json::parse(gateway::openapi_text()));
}

}  // namespace openapi_test
