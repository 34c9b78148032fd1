// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/base/json.hpp>
#include <gateway/base/sha256.hpp>

#include "support/log_capture.hpp"
#include "support/models.hpp"
#include "support/raw_client.hpp"
#include "support/test_gateway.hpp"

namespace access_log_test {

using gateway::HttpResponse;
using gateway::Json;
using gateway::LogFormat;
using gateway::log::Level;
using test::EchoModel;
using test::head;
using test::LogCapture;
using test::make;
using test::message;
using test::prompt;
using test::RawClient;
using test::TestGateway;
using test::TestGatewayOptions;

TestGatewayOptions with_access_log() {
    TestGatewayOptions options;
    options.routes.access_log = true;
    return options;
}

/// A gateway with an access log of JSON, and a client.
class Service {
  public:
    explicit Service(Level level = Level::info) : log_{level, LogFormat::json} {}

    HttpResponse exchange(std::string_view request) { return client_.exchange(request); }

    /// The line on the request with an id, which is written after its response has been sent.
    Json await_line(const std::string& request_id) {
        for (int i = 0; i < 10'000'000; ++i) {
            for (const std::string& text : log_.lines()) {
                Json line = Json::parse(text);
                if (line.at("message") == "access" && line.at("request_id") == request_id) {
                    return line;
                }
            }
            std::this_thread::yield();
        }
        throw std::runtime_error{"there is no line on " + request_id};
    }

    std::vector<std::string> lines() const { return log_.lines(); }

  private:
    LogCapture log_;
    TestGateway gateway_{make<EchoModel>(), with_access_log()};
    RawClient client_{gateway_.port()};
};

std::string hash_of(std::string_view session) { return gateway::hex(gateway::sha256(session)).substr(0, 16); }

TEST(AccessLog, SaysWhatBecameOfARequest) {
    Service service;
    const std::string request =
        message("POST /generate?wait=true&key=secret", prompt("hello"),
                {{"X-Request-Id", "r1"}, {"X-Session-Id", "Jane Doe"}, {"User-Agent", "a \"client\"/1"}});
    const HttpResponse response = service.exchange(request);
    const Json line = service.await_line("r1");
    EXPECT_EQ(line.at("level"), "info");
    EXPECT_EQ(line.at("method"), "POST");
    EXPECT_EQ(line.at("path"), "/generate");
    EXPECT_EQ(line.at("status"), 200);
    EXPECT_EQ(line.at("bytes_in"), request.size());
    EXPECT_GT(line.at("bytes_out"), response.body().size());
    EXPECT_EQ(line.at("job_id"), gateway::view(response["X-Job-Id"]));
    EXPECT_EQ(line.at("session"), hash_of("Jane Doe"));
    EXPECT_EQ(line.at("user_agent"), "a \"client\"/1");
    EXPECT_TRUE(line.at("client").get<std::string>().starts_with("127.0.0.1:"));
    EXPECT_LE(line.at("first_byte_ms").get<double>(), line.at("ms").get<double>());
    EXPECT_FALSE(line.contains("cut_off"));
    for (const std::string& text : service.lines()) {
        EXPECT_EQ(text.find("secret"), std::string::npos) << text;
        EXPECT_EQ(text.find("Jane"), std::string::npos) << text;
    }
}

TEST(AccessLog, HasTheSessionThatWasFoundInTheBody) {
    Service service;
    service.exchange(message("POST /v1/chat/completions",
                             R"({"model":"m","user":"Jane Doe","messages":[{"role":"user","content":"x"}]})",
                             {{"X-Request-Id", "r1"}}));
    EXPECT_EQ(service.await_line("r1").at("session"), hash_of("Jane Doe"));
}

TEST(AccessLog, HasRefusedRequests) {
    Service service;
    EXPECT_EQ(service.exchange(head("GET /nothing/here", {{"X-Request-Id", "r1"}})).result_int(), 404U);
    const Json line = service.await_line("r1");
    EXPECT_EQ(line.at("path"), "/nothing/here");
    EXPECT_EQ(line.at("status"), 404);
    EXPECT_FALSE(line.contains("job_id"));
    EXPECT_FALSE(line.contains("session"));
    const HttpResponse malformed = service.exchange("GET / HTTP/1.1\r\n bad\r\n\r\n");
    EXPECT_EQ(service.await_line(std::string{gateway::view(malformed["X-Request-Id"])}).at("status"), 400);
}

TEST(AccessLog, BoundsWhatAClientSent) {
    Service service;
    const std::string name(5000, 'x');
    service.exchange(head("GET /" + name, {{"X-Request-Id", "r1"}, {"User-Agent", name}}));
    const Json line = service.await_line("r1");
    EXPECT_EQ(line.at("path").get<std::string>().size(), gateway::log::max_value_bytes + 3);
    EXPECT_EQ(line.at("user_agent"), std::string(256, 'x'));
}

TEST(AccessLog, ProbesThatFindAllWellAreForDebugging) {
    const auto levels = [](Level level) {
        Service service{level};
        service.exchange(head("GET /readyz", {{"X-Request-Id", "probe"}}));
        service.exchange(message("POST /readyz", "", {{"X-Request-Id", "wrong"}}));
        service.await_line("wrong");  // which comes after that on the probe
        std::vector<Json> found;
        for (const std::string& text : service.lines()) {
            if (const Json line = Json::parse(text); line.at("message") == "access") {
                found.push_back(line.at("level"));
            }
        }
        return found;
    };
    EXPECT_EQ(levels(Level::info), (std::vector<Json>{"info"}));
    EXPECT_EQ(levels(Level::debug), (std::vector<Json>{"debug", "info"}));
}

TEST(AccessLog, IsOffByDefault) {
    const LogCapture log;
    {
        TestGateway gateway{make<EchoModel>()};
        RawClient client{gateway.port()};
        client.exchange(message("POST /generate?wait=true", prompt("hello")));
    }
    for (const std::string& line : log.lines()) {
        EXPECT_EQ(line.find("access"), std::string::npos) << line;
    }
}

}  // namespace access_log_test
