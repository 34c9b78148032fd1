// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <sqlite3.h>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <gateway/api/routes.hpp>
#include <gateway/conversation/bad_request.hpp>
#include <gateway/upstream/embedded_model.hpp>

#include "support/deadlines.hpp"
#include "support/faulty_vfs.hpp"
#include "support/models.hpp"
#include "support/raw_client.hpp"
#include "support/responses.hpp"
#include "support/temporary_directory.hpp"
#include "support/test_gateway.hpp"

namespace routes_test {

using namespace std::chrono_literals;
using gateway::HttpResponse;
using gateway::Json;
using gateway::UpstreamError;
using test::EchoModel;
using test::error_of;
using test::FaultyVfs;
using test::field;
using test::Gate;
using test::GatedModel;
using test::head;
using test::json_of;
using test::make;
using test::message;
using test::prompt;
using test::RawClient;
using test::TestGateway;
using test::TestGatewayOptions;
using test::ThrowingModel;
namespace http = gateway::http;
namespace net = gateway::net;

TEST(Routes, GenerateAnswersAtOnceAndTheJobCanBeRead) {
    TestGateway gateway{make<EchoModel>()};
    RawClient client{gateway.port()};
    const HttpResponse response = client.exchange(message("POST /generate", prompt("hello")));
    EXPECT_EQ(response.result(), http::status::accepted);
    EXPECT_EQ(field(response, "Content-Type"), "application/json");
    const std::string id = json_of(response).at("job_id").get<std::string>();
    EXPECT_EQ(field(response, "X-Job-Id"), id);
    EXPECT_EQ(field(response, "Location"), "/jobs/" + id);
    gateway.await_end(id);
    const HttpResponse job = client.exchange(head("GET /jobs/" + id));
    EXPECT_EQ(job.result(), http::status::ok);
    EXPECT_EQ(job.body(), R"({"status":"Completed","result":)" + prompt("hello") + "}\n");
}

TEST(Routes, AJobThatHasNotEndedIsPending) {
    gateway::net::io_context context;
    const auto gate = std::make_shared<Gate>(context.get_executor());
    TestGateway gateway{make<GatedModel>(gate)};
    RawClient client{gateway.port()};
    const HttpResponse response = client.exchange(message("POST /generate", prompt("hello")));
    const std::string target = "/jobs/" + json_of(response).at("job_id").get<std::string>();
    EXPECT_EQ(client.exchange(head("GET " + target)).body(), "{\"status\":\"Pending\"}\n");
    gate->let_one_go();
}

TEST(Routes, GenerateCanBeWaitedFor) {
    TestGateway gateway{make<EchoModel>()};
    RawClient client{gateway.port()};
    std::string worker;
    for (int i = 0; i < 5; ++i) {
        const HttpResponse response =
            client.exchange(message("POST /generate?wait=true", prompt("hello"), {{"X-Session-Id", "me"}}));
        EXPECT_EQ(response.result(), http::status::ok);
        EXPECT_EQ(json_of(response).at("status"), "Completed");
        EXPECT_EQ(json_of(response).at("job_id"), field(response, "X-Job-Id"));
        EXPECT_EQ(json_of(response).at("result"), Json::parse(prompt("hello")));
        EXPECT_GE(std::stod(field(response, "X-Queue-Time-Ms")), 0);
        worker = worker.empty() ? field(response, "X-Worker") : worker;
        EXPECT_EQ(field(response, "X-Worker"), worker);
    }
    EXPECT_EQ(client.exchange(message("POST /generate?x=1&wait=false", prompt("hello"))).result(),
              http::status::accepted);
}

TEST(Routes, AFailedJobSaysWhy) {
    const gateway::Failure failure{429, "asleep", "it is \"asleep\"", true, 7s};
    TestGateway gateway{make<ThrowingModel<UpstreamError>>(UpstreamError{failure})};
    RawClient client{gateway.port()};
    const HttpResponse response = client.exchange(message("POST /generate?wait=true", prompt("hello")));
    EXPECT_EQ(response.result(), http::status::too_many_requests);
    EXPECT_EQ(field(response, "Retry-After"), "7");
    EXPECT_EQ(json_of(response).at("status"), "Failed");
    EXPECT_EQ(json_of(response).at("result"), "it is \"asleep\"");
    EXPECT_EQ(json_of(response).at("error"), to_json(failure));
    const HttpResponse job = client.exchange(head("GET /jobs/" + field(response, "X-Job-Id")));
    EXPECT_EQ(job.result(), http::status::ok);
    EXPECT_EQ(job.body(), R"({"status":"Failed","result":"it is \"asleep\"","error":{"code":"asleep","status":429,)"
                          R"("message":"it is \"asleep\"","retryable":true,"retry_after_seconds":7}})"
                          "\n");
}

TEST(Routes, WhatIsWrongWithARequestIsSaid) {
    TestGateway gateway{make<EchoModel>()};
    RawClient client{gateway.port()};
    struct Row {
        std::string request;
        std::string why;
    };
    const std::vector<Row> rows{
        {message("POST /generate", "{"), "the body is not JSON: "},
        {message("POST /generate", std::string(100'000, '[')), "the body is not JSON: it is nested more than 64 "},
        {message("POST /generate", "{}"), "contents is missing"},
        {message("POST /generate", "[]"), "the request is an empty array: it must be an object"},
        {message("POST /generate", R"({"contents": [{"parts": []}]})"), "contents[0].parts "},
        {message("POST /generate?wait=maybe", prompt("x")), "wait must be true or false"},
        {message("POST /generate", prompt("x"), {{"X-Session-Id", std::string(257, 'x')}}), "X-Session-Id has 257 "},
        {message("POST /generate", prompt("x"), {{"X-Session-Id", "a"}, {"X-Session-Id", "b"}}),
         "X-Session-Id is there more than once"},
    };
    for (const Row& row : rows) {
        const HttpResponse response = client.exchange(row.request);
        EXPECT_EQ(response.result(), http::status::bad_request) << row.why;
        EXPECT_EQ(error_of(response).substr(0, row.why.size()), row.why);
        EXPECT_TRUE(response.keep_alive());
    }
    EXPECT_EQ(gateway.service().counters().accepted, 0U);
}

TEST(Routes, ErrorsAreForProgramsToo) {
    TestGateway gateway{make<EchoModel>()};
    RawClient client{gateway.port()};
    struct Row {
        std::string request;
        unsigned status;
        std::string code;
    };
    for (const Row& row : std::vector<Row>{
             {message("POST /generate", "{"), 400, "bad_request"},
             {head("GET /nothing"), 404, "not_found"},
             {head("GET /generate"), 405, "method_not_allowed"},
             {message("POST /generate", "x", {{"Content-Encoding", "gzip"}}), 415, "unsupported_media_type"},
         }) {
        const HttpResponse response = client.exchange(row.request);
        EXPECT_EQ(response.result_int(), row.status);
        const Json error = json_of(response).at("error");
        EXPECT_EQ(error.at("code"), row.code);
        EXPECT_EQ(error.at("status"), row.status);
        EXPECT_EQ(error.at("retryable"), false);
        EXPECT_TRUE(error.at("message").is_string());
    }
}

TEST(Routes, ABodyThatIsCompressedIsRefusedByName) {
    TestGateway gateway{make<EchoModel>()};
    RawClient client{gateway.port()};
    const HttpResponse response =
        client.exchange(message("POST /generate", prompt("x"), {{"Content-Encoding", "gzip"}}));
    EXPECT_EQ(response.result(), http::status::unsupported_media_type);
    EXPECT_EQ(error_of(response), "Content-Encoding is \"gzip\": send the body as it is");
    EXPECT_EQ(field(response, "Accept-Encoding"), "identity");
    EXPECT_EQ(client.exchange(message("POST /generate", prompt("x"), {{"Content-Encoding", "Identity"}})).result(),
              http::status::accepted);
}

TEST(Routes, WhatTheModelCannotBeGivenIsRefusedOnArrival) {
    TestGatewayOptions options;
    options.routes.generations.prepare = [](gateway::Dialect, gateway::Delivery, const Json& request,
                                            const gateway::SharedText& text) {
        if (request.contains("tools")) {
            throw gateway::BadRequest{"no tools here"};
        }
        return text;
    };
    TestGateway gateway{make<EchoModel>(), options};
    RawClient client{gateway.port()};
    const HttpResponse response =
        client.exchange(message("POST /generate", R"({"contents":[{"parts":[{"text":"x"}]}],"tools":[{}]})"));
    EXPECT_EQ(response.result(), http::status::bad_request);
    EXPECT_EQ(error_of(response), "no tools here");
    EXPECT_EQ(gateway.service().counters().accepted, 0U);
}

/// Occupies the thread for large bodies until it is destroyed.
class Occupied {
  public:
    explicit Occupied(gateway::HeavyWork& heavy) {
        std::promise<void> begun;
        std::future<void> has_begun = begun.get_future();
        net::post(heavy.executor(), [begun = std::move(begun), ends = ends_.get_future()]() mutable {
            begun.set_value();
            ends.wait();
        });
        has_begun.wait();
    }

  private:
    std::promise<void> ends_;  // which is broken when it goes: the thread holds what it waits for itself
};

TEST(Routes, LargeBodiesTakeNoThreadThatServes) {
    constexpr int large_bodies = 64;
    TestGateway gateway{make<EchoModel>()};
    const std::string large = prompt(std::string(gateway::HeavyWork::from_bytes, 'x'));
    std::vector<std::unique_ptr<RawClient>> clients;
    {
        const Occupied occupied{gateway.heavy()};
        for (int i = 0; i < large_bodies; ++i) {
            clients.push_back(std::make_unique<RawClient>(gateway.port()));
            clients.back()->send(message("POST /generate?wait=true", large));
        }
        while (gateway.metrics().http.requests < large_bodies) {
            std::this_thread::yield();
        }
        RawClient client{gateway.port()};
        EXPECT_EQ(client.exchange(head("GET /healthz")).result(), http::status::ok);
        EXPECT_EQ(client.exchange(message("POST /generate?wait=true", prompt("small"))).result(), http::status::ok);
        EXPECT_EQ(gateway.service().counters().accepted, 1U) << "a large body was gone through on a thread that serves";
    }
    for (const std::unique_ptr<RawClient>& client : clients) {
        EXPECT_EQ(client->receive().result(), http::status::ok);
    }
}

TEST(Routes, LargeResultsTakeNoThreadThatServes) {
    TestGateway gateway{make<EchoModel>()};
    RawClient client{gateway.port()};
    const HttpResponse large =
        client.exchange(message("POST /generate?wait=true", prompt(std::string(gateway::HeavyWork::from_bytes, 'x'))));
    RawClient other{gateway.port()};
    const HttpResponse small = other.exchange(message("POST /generate?wait=true", prompt("small")));
    {
        const Occupied occupied{gateway.heavy()};
        const std::uint64_t before = gateway.metrics().http.requests;
        client.send(head("GET /jobs/" + field(large, "X-Job-Id")));
        while (gateway.metrics().http.requests == before) {
            std::this_thread::yield();
        }
        for (int i = 0; i < 100; ++i) {  // which come to the store after the large one
            EXPECT_EQ(other.exchange(head("GET /jobs/" + field(small, "X-Job-Id"))).result(), http::status::ok);
        }
        EXPECT_FALSE(client.answered()) << "a large result was copied on a thread that serves";
    }
    EXPECT_EQ(client.receive().result(), http::status::ok);
}

TEST(Routes, ASessionMayHaveAnyBytes) {
    TestGateway gateway{make<EchoModel>()};
    RawClient client{gateway.port()};
    EXPECT_EQ(
        client.exchange(message("POST /generate?wait=true", prompt("x"), {{"X-Session-Id", "caf\xe9 \"q\""}})).result(),
        http::status::ok);
}

TEST(Routes, UnknownJobsPathsAndMethodsAreRefused) {
    TestGateway gateway{make<EchoModel>()};
    RawClient client{gateway.port()};
    for (const std::string_view target : {"/page", "/jobs", "/jobs/", "/jobs/1", "/generate/", "/Generate",
                                          "/jobs/00000000-0000-4000-8000-000000000000"}) {
        const HttpResponse response = client.exchange(head("GET " + std::string{target}));
        EXPECT_EQ(response.result(), http::status::not_found) << target;
        EXPECT_FALSE(error_of(response).empty());
    }
    struct Row {
        std::string line;
        std::string allowed;
    };
    for (const Row& row : std::vector<Row>{{"GET /generate", "POST"},
                                           {"PUT /jobs/1", "DELETE, GET, HEAD"},
                                           {"POST /metrics", "GET, HEAD"},
                                           {"PUT /healthz", "GET, HEAD"},
                                           {"POST /readyz", "GET, HEAD"}}) {
        const HttpResponse response = client.exchange(head(row.line));
        EXPECT_EQ(response.result(), http::status::method_not_allowed) << row.line;
        EXPECT_EQ(field(response, "Allow"), row.allowed);
    }
}

TEST(Routes, ATokenIsWantedOfClientsAndNotOfProbes) {
    TestGatewayOptions options;
    options.routes.client_token = "secret";
    options.routes.name = "a";
    TestGateway gateway{make<EchoModel>(), options};
    RawClient client{gateway.port()};
    for (const std::string& request :
         {message("POST /generate", prompt("x")), head("GET /metrics"), head("GET /jobs/1"),
          head("GET /metrics", {{"Authorization", "Bearer wrong"}}), head("GET /nothing")}) {
        const HttpResponse response = client.exchange(request);
        EXPECT_EQ(response.result(), http::status::unauthorized);
        EXPECT_EQ(field(response, "WWW-Authenticate"), "Bearer");
        EXPECT_EQ(field(response, "X-Gateway"), "a");
    }
    EXPECT_EQ(client.exchange(message("POST /generate", prompt("x"), {{"Authorization", "Bearer secret"}})).result(),
              http::status::accepted);
    EXPECT_EQ(client.exchange(head("GET /healthz")).result(), http::status::ok);
    EXPECT_EQ(client.exchange(head("GET /readyz")).result(), http::status::ok);
}

/// The status of a request for target with these fields, of which nothing but the head is sent.
unsigned status_by_head(const TestGateway& gateway, std::string_view line, test::Headers fields) {
    RawClient client{gateway.port()};
    return client.exchange(head(line, fields)).result_int();
}

TEST(Routes, TheHeadDecidesBeforeTheBody) {
    TestGatewayOptions options;
    options.http.body_limit = 1'000'000;
    TestGateway open{make<EchoModel>(), options};
    EXPECT_EQ(status_by_head(open, "POST /nothing", {{"Content-Length", "1000000"}}), 404U);
    EXPECT_EQ(status_by_head(open, "PUT /generate", {{"Content-Length", "1000000"}}), 405U);
    EXPECT_EQ(status_by_head(open, "POST /generate", {{"Content-Length", "1000001"}}), 413U);
    EXPECT_EQ(status_by_head(open, "POST /generate", {{"Content-Length", "9"}, {"Origin", "http://a.example"}}), 403U);
    options.routes.client_token = "secret";
    TestGateway closed{make<EchoModel>(), options};
    EXPECT_EQ(status_by_head(closed, "POST /generate", {{"Content-Length", "9"}}), 401U);
    EXPECT_EQ(status_by_head(closed, "POST /nothing", {{"Transfer-Encoding", "chunked"}}), 401U);
}

void await_that(const std::function<bool()>& holds) {
    for (const auto end = test::patiently(); !holds(); std::this_thread::yield()) {
        ASSERT_LT(gateway::Clock::now(), end);
    }
}

TEST(Routes, ABodyIsRefusedByItsHeadWhereNoneIsTaken) {
    TestGateway gateway{make<EchoModel>()};
    for (const std::string_view line : {"GET /healthz", "GET /", "DELETE /jobs/x", "GET /metrics", "HEAD /readyz"}) {
        RawClient client{gateway.port()};
        client.send(head(line, {{"Content-Length", "1000000"}}));
        const HttpResponse response = line.starts_with("HEAD") ? client.receive_head() : client.receive();
        EXPECT_EQ(response.result_int(), 413U) << line;
        EXPECT_FALSE(response.keep_alive()) << line;
    }
    EXPECT_EQ(status_by_head(gateway, "DELETE /jobs/x", {{"Transfer-Encoding", "chunked"}}), 413U);
    EXPECT_EQ(status_by_head(gateway, "GET /healthz", {{"Content-Length", "0"}}), 200U);
    RawClient client{gateway.port()};
    EXPECT_EQ(error_of(client.exchange(head("DELETE /jobs/x", {{"Content-Length", "7"}}))),
              "DELETE /jobs/{id} takes no body: leave it out");
}

TEST(Routes, BodiesThatArriveCountAmongThePendingBytes) {
    TestGatewayOptions options;
    options.service.max_pending_bytes = 400'000;
    TestGateway gateway{make<EchoModel>(), options};
    const auto counted = [&] { return gateway.service().counters().pending_bytes; };
    const auto expect_overloaded = [](const HttpResponse& response) {
        EXPECT_EQ(response.result_int(), 503U);
        EXPECT_EQ(json_of(response).at("error").at("code"), "overloaded");
        EXPECT_EQ(field(response, "Retry-After"), "1");
        EXPECT_FALSE(response.keep_alive());
    };
    const std::string part(250'000, ' ');
    {
        RawClient first{gateway.port()};
        first.send(head("POST /generate", {{"Content-Length", "300000"}}) + part);
        await_that([&] { return counted() > 200'000; });
        // As large as one that would have had room before: refused by its head, or where it has none, as it arrives.
        RawClient announced{gateway.port()};
        expect_overloaded(announced.exchange(head("POST /generate", {{"Content-Length", "300000"}})));
        RawClient chunked{gateway.port()};
        expect_overloaded(
            chunked.exchange(head("POST /generate", {{"Transfer-Encoding", "chunked"}}) + "3d090\r\n" + part + "\r\n"));
        RawClient small{gateway.port()};
        EXPECT_EQ(small.exchange(message("POST /generate?wait=true", prompt("x"))).result(), http::status::ok);
    }
    await_that([&] { return counted() == 0; });
    // What a body has taken is given back when its job is pending, which counts it itself.
    std::string large = prompt("x");
    large.insert(large.size() - 1, part);
    RawClient client{gateway.port()};
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(client.exchange(message("POST /generate?wait=true", large)).result(), http::status::ok);
    }
    await_that([&] { return counted() == 0; });
}

TEST(Routes, APageOfAnotherOriginIsRefusedWhereNoTokenIsWanted) {
    TestGatewayOptions options;
    options.routes.allowed_hosts = {"gateway.example"};
    options.routes.name = "a";
    TestGateway gateway{make<EchoModel>(), options};
    const auto status = [&](std::string_view host, std::string_view origin, std::string_view target = "/metrics") {
        RawClient client{gateway.port()};
        std::string request = "GET " + std::string{target} + " HTTP/1.1\r\nHost: " + std::string{host} + "\r\n";
        if (!origin.empty()) {
            request.append("Origin: ").append(origin).append("\r\n");
        }
        const HttpResponse response = client.exchange(request + "\r\n");
        EXPECT_EQ(field(response, "X-Gateway"), "a");
        return response.result_int();
    };
    for (const std::string_view host : {"localhost:8080", "127.0.0.1", "[::1]:80", "gateway.example", ""}) {
        EXPECT_EQ(status(host, ""), 200U) << host;
    }
    for (const std::string_view host : {"evil.example", "localhost.evil.example:8080", "192.0.2.1", "0.0.0.0"}) {
        EXPECT_EQ(status(host, ""), 403U) << host;
        EXPECT_EQ(status(host, "", "/readyz"), 200U) << "a balancer's probe names what it likes";
    }
    for (const std::string_view origin : {"http://localhost:3000", "https://gateway.example"}) {
        EXPECT_EQ(status("localhost", origin), 200U) << origin;
    }
    for (const std::string_view origin : {"http://evil.example", "null", "http://", "x"}) {
        EXPECT_EQ(status("localhost", origin), 403U) << origin;
    }
    for (const std::string_view second : {"http://evil.example", "http://localhost"}) {
        EXPECT_EQ(status("localhost", "http://localhost\r\nOrigin: " + std::string{second}), 403U) << second;
    }
    RawClient old{gateway.port()};
    EXPECT_EQ(old.exchange("GET /metrics HTTP/1.0\r\n\r\n").result(), http::status::ok) << "no browser leaves it out";
}

TEST(Routes, WhoHasTheTokenMayUseAnyNameAndOrigin) {
    TestGatewayOptions options;
    options.routes.client_token = "secret";
    TestGateway gateway{make<EchoModel>(), options};
    RawClient client{gateway.port()};
    EXPECT_EQ(client
                  .exchange("GET /metrics HTTP/1.1\r\nHost: a.example\r\nOrigin: https://b.example\r\n"
                            "Authorization: Bearer secret\r\n\r\n")
                  .result(),
              http::status::ok);
}

TEST(Routes, ResponsesAreCountedByRouteAndStatus) {
    TestGatewayOptions options;
    options.routes.client_token = "secret";
    options.http.body_limit = 1'000;
    options.http.header_limit = 2'000;
    TestGateway gateway{make<EchoModel>(), options};
    const auto token = std::pair{std::string_view{"Authorization"}, std::string_view{"Bearer secret"}};
    for (const std::string& request : {message("POST /generate", std::string(1'001, 'x'), {token}),
                                       head("GET /", {{"X", std::string(2'000, 'x')}})}) {
        RawClient client{gateway.port()};
        client.exchange(request);
        client.finish_sending();
        EXPECT_TRUE(client.closed_by_server());
    }
    RawClient client{gateway.port()};
    client.exchange(message("POST /generate?wait=true", prompt("x"), {token}));
    client.exchange(message("POST /generate", "{}", {token}));
    client.exchange(head("GET /generate", {token}));
    client.exchange(head("GET /jobs/1", {token}));
    client.exchange(head("GET /jobs/2"));
    client.exchange(head("GET /healthz"));
    client.exchange(head("GET /other", {token}));
    const Json responses = json_of(client.exchange(head("GET /metrics", {token}))).at("responses");
    EXPECT_EQ(responses.at("/generate"), Json::parse(R"({"200": 1, "400": 1, "405": 1, "413": 1})"));
    EXPECT_EQ(responses.at("/jobs/{id}"), Json::parse(R"({"401": 1, "404": 1})"));
    EXPECT_EQ(responses.at("/healthz"), Json::parse(R"({"200": 1})"));
    EXPECT_EQ(responses.at("none"), Json::parse(R"({"404": 1, "431": 1})"));
    const HttpResponse text = client.exchange(head("GET /metrics", {token, {"Accept", "text/plain"}}));
    EXPECT_NE(text.body().find("\ngateway_http_responses_total{route=\"/metrics\",status=\"200\"} 1\n"),
              std::string::npos);
}

TEST(Routes, MetricsAreJsonOrText) {
    TestGateway gateway{make<EchoModel>()};
    RawClient client{gateway.port()};
    for (int i = 0; i < 3; ++i) {
        client.exchange(message("POST /generate?wait=true", prompt("x")));
    }
    const Json metrics = json_of(client.exchange(head("GET /metrics")));
    EXPECT_EQ(metrics.at("workers").size(), 4U);
    EXPECT_EQ(metrics.at("ledger").at("submitted"), 3);
    EXPECT_EQ(metrics.at("jobs").at("accepted"), 3);
    EXPECT_EQ(metrics.at("jobs").at("completed"), 3);
    EXPECT_EQ(metrics.at("store").at("completed"), 3);
    EXPECT_EQ(metrics.at("http").at("requests"), 4);

    const HttpResponse text = client.exchange(head("GET /metrics", {{"Accept", "text/plain;version=0.0.4"}}));
    EXPECT_EQ(field(text, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_NE(text.body().find("\ngateway_jobs_accepted_total 3\n"), std::string::npos);
    EXPECT_NE(text.body().find("\ndispatch_jobs_ended_total{result=\"completed\"} 3\n"), std::string::npos);
    EXPECT_EQ(
        field(client.exchange(head("GET /metrics", {{"Accept", "application/json, text/plain"}})), "Content-Type"),
        "application/json");
    client.send(head("HEAD /metrics"));
    EXPECT_NE(field(client.receive_head(), "Content-Length"), "0");
}

TEST(Routes, OverloadIsAnsweredWithRetryAfter) {
    gateway::net::io_context context;
    const auto gate = std::make_shared<Gate>(context.get_executor());
    TestGatewayOptions options;
    options.service.max_pending = 1;
    TestGateway gateway{make<GatedModel>(gate), options};
    RawClient client{gateway.port()};
    EXPECT_EQ(client.exchange(message("POST /generate", prompt("1"))).result(), http::status::accepted);
    const HttpResponse response = client.exchange(message("POST /generate", prompt("2")));
    EXPECT_EQ(response.result(), http::status::service_unavailable);
    EXPECT_EQ(field(response, "Retry-After"), "1");
    EXPECT_TRUE(response.keep_alive());
    gate->let_one_go();
}

TEST(Routes, OnlySoManyClientsMayWait) {
    gateway::net::io_context context;
    const auto gate = std::make_shared<Gate>(context.get_executor());
    TestGatewayOptions options;
    options.routes.generations.max_waiting = 1;
    TestGateway gateway{make<GatedModel>(gate), options};
    RawClient waiting{gateway.port()};
    waiting.send(message("POST /generate?wait=true", prompt("1")));
    gate->await_one();
    RawClient client{gateway.port()};
    const HttpResponse response = client.exchange(message("POST /generate?wait=true", prompt("2")));
    EXPECT_EQ(response.result(), http::status::service_unavailable);
    EXPECT_EQ(field(response, "Retry-After"), "1");
    EXPECT_EQ(gateway.service().counters().accepted, 1U);
    gate->let_one_go();
    EXPECT_EQ(waiting.receive().result(), http::status::ok);
    gate->let_one_go();
    EXPECT_EQ(client.exchange(message("POST /generate?wait=true", prompt("3"))).result(), http::status::ok);
}

TEST(Routes, WhoLeavesMakesRoomForOthersAndItsJobGoesOn) {
    gateway::net::io_context context;
    const auto gate = std::make_shared<Gate>(context.get_executor());
    TestGatewayOptions options;
    options.routes.generations.max_waiting = 1;
    TestGateway gateway{make<GatedModel>(gate), options};
    constexpr std::uint64_t jobs = 20;
    for (std::uint64_t job = 0; job < jobs; ++job) {
        for (bool accepted = false; !accepted;) {
            RawClient leaving{gateway.port()};
            leaving.send(message("POST /generate?wait=true", prompt("1")));
            // It is refused as long as the one before counts.
            while (!accepted && !leaving.answered()) {
                accepted = gateway.service().counters().accepted > job;
            }
        }
    }
    for (std::uint64_t job = 0; job < jobs; ++job) {
        gate->let_one_go();
    }
    while (gateway.service().counters().completed != jobs) {
        std::this_thread::yield();
    }
    EXPECT_EQ(gateway.service().counters().failed, 0U);
}

TEST(Routes, WhoClosesItsHalfHearsWhereToAsk) {
    gateway::net::io_context context;
    const auto gate = std::make_shared<Gate>(context.get_executor());
    TestGateway gateway{make<GatedModel>(gate)};
    RawClient client{gateway.port()};
    client.send(message("POST /generate?wait=true", prompt("1")));
    gate->await_one();
    client.finish_sending();
    const HttpResponse response = client.receive();
    EXPECT_EQ(response.result(), http::status::accepted);
    const std::string id = json_of(response).at("job_id").get<std::string>();
    gate->let_one_go();
    EXPECT_EQ(gateway.await_end(id).result, prompt("1"));
}

TEST(Routes, WhileItDrainsItIsNotReadyAndAnswersForItsJobs) {
    gateway::net::io_context context;
    const auto gate = std::make_shared<Gate>(context.get_executor());
    TestGateway gateway{make<GatedModel>(gate)};
    RawClient client{gateway.port()};
    RawClient waiting{gateway.port()};
    waiting.send(message("POST /generate?wait=true", prompt("1")));
    gate->await_one();
    std::future<void> drained = gateway.start(gateway.service().drain(30s));
    while (!gateway.service().draining()) {
        std::this_thread::yield();
    }
    const HttpResponse not_ready = client.exchange(head("GET /readyz"));
    EXPECT_EQ(not_ready.result(), http::status::service_unavailable);
    EXPECT_EQ(client.exchange(head("GET /healthz")).result(), http::status::ok);
    EXPECT_EQ(client.exchange(message("POST /generate", prompt("2"))).result(), http::status::service_unavailable);
    gate->let_one_go();
    const HttpResponse response = waiting.receive();
    EXPECT_EQ(response.result(), http::status::ok);
    EXPECT_EQ(client.exchange(head("GET /jobs/" + field(response, "X-Job-Id"))).result(), http::status::ok);
    drained.get();
}

TEST(Routes, WithoutAStoreItIsNotReadyAndHandsOutWhatItCannotKeep) {
    FaultyVfs disk;
    const test::TemporaryDirectory directory;
    gateway::net::io_context context;
    const auto gate = std::make_shared<Gate>(context.get_executor());
    TestGatewayOptions options;
    options.store.path = directory.file("jobs.db");
    options.service.probe_interval = 1ms;
    TestGateway gateway{make<GatedModel>(gate), options};
    RawClient client{gateway.port()};
    RawClient waiting{gateway.port()};
    EXPECT_EQ(client.exchange(head("GET /readyz")).result(), http::status::ok);
    waiting.send(message("POST /generate?wait=true", prompt("1")));
    gate->await_one();
    disk.break_at(FaultyVfs::Call::write, 1, FaultyVfs::Until::repaired, SQLITE_FULL);
    gate->let_one_go();
    const HttpResponse answer = waiting.receive();
    EXPECT_EQ(answer.result(), http::status::ok);
    EXPECT_EQ(json_of(answer).at("stored"), false);
    EXPECT_EQ(json_of(answer).at("result"), Json::parse(prompt("1")));
    const HttpResponse not_ready = client.exchange(head("GET /readyz"));
    EXPECT_EQ(not_ready.result(), http::status::service_unavailable);
    EXPECT_EQ(field(not_ready, "Retry-After"), "1");
    EXPECT_EQ(client.exchange(head("GET /healthz")).result(), http::status::ok);
    EXPECT_EQ(json_of(client.exchange(head("GET /metrics"))).at("store").at("writable"), 0);
    EXPECT_EQ(client.exchange(message("POST /generate", prompt("2"))).result(), http::status::service_unavailable);
    disk.repair();
    while (client.exchange(head("GET /readyz")).result() != http::status::ok) {
        std::this_thread::yield();
    }
    EXPECT_EQ(json_of(client.exchange(head("GET /metrics"))).at("store").at("writable"), 1);
    EXPECT_EQ(gateway.await_end(field(answer, "X-Job-Id")).result, prompt("1"));
}

TEST(Routes, TimesAndTokensAreMeasured) {
    TestGateway gateway{[](const net::any_io_executor&, gateway::HeavyWork& heavy) {
        return std::make_unique<gateway::EmbeddedModel>(0, heavy);
    }};
    RawClient client{gateway.port()};
    std::uint64_t input = 0;
    std::uint64_t output = 0;
    for (int i = 0; i < 3; ++i) {
        const HttpResponse answer = client.exchange(message("POST /generate?wait=true", prompt("one two three")));
        const Json usage = json_of(answer).at("result").at("usageMetadata");
        input += usage.at("promptTokenCount").get<std::uint64_t>();
        output += usage.at("candidatesTokenCount").get<std::uint64_t>();
    }
    EXPECT_GT(output, 0U);
    const Json metrics = json_of(client.exchange(head("GET /metrics")));
    EXPECT_EQ(metrics.at("tokens").at("input"), input);
    EXPECT_EQ(metrics.at("tokens").at("output"), output);
    EXPECT_EQ(metrics.at("log").at("dropped"), 0);
    for (const std::string name : {"queued", "ran", "total"}) {
        const Json& times = metrics.at("times").at(name + "_seconds");
        EXPECT_EQ(times.at("count"), 3) << name;
        EXPECT_GT(times.at("sum"), 0.0) << name;
        EXPECT_EQ(times.at("buckets").back().at("count"), 3) << name;
    }
    const std::string text = client.exchange(head("GET /metrics", {{"Accept", "text/plain"}})).body();
    EXPECT_NE(text.find("\n# TYPE gateway_job_total_seconds histogram\n"), std::string::npos);
    EXPECT_NE(text.find("\ngateway_job_queued_seconds_bucket{le=\"1800\"} 3\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\ngateway_job_ran_seconds_count 3\n"), std::string::npos);
    EXPECT_NE(text.find("\ngateway_tokens_output_total " + std::to_string(output) + "\n"), std::string::npos);
}

TEST(Routes, ThousandsOfSessionsAreServedWithinBoundedMemory) {
    constexpr std::size_t sessions = 10'000;
    constexpr std::size_t clients = 20;
    constexpr std::size_t remembered = 1'000;
    TestGatewayOptions options;
    options.pool.max_sessions = remembered;
    TestGateway gateway{make<EchoModel>(), options};
    std::vector<std::future<std::size_t>> answered;
    for (std::size_t client = 0; client < clients; ++client) {
        answered.push_back(std::async(std::launch::async, [&gateway, client] {
            RawClient connection{gateway.port()};
            std::size_t right = 0;
            for (std::size_t i = client; i < sessions; i += clients) {
                const std::string name = "session-" + std::to_string(i);
                const HttpResponse response =
                    connection.exchange(message("POST /generate?wait=true", prompt(name), {{"X-Session-Id", name}}));
                right += json_of(response).at("result") == Json::parse(prompt(name)) ? 1U : 0U;
            }
            return right;
        }));
    }
    std::size_t right = 0;
    for (std::future<std::size_t>& count : answered) {
        right += count.get();
    }
    EXPECT_EQ(right, sessions);
    std::size_t pinned = 0;
    for (const dispatch::WorkerMetrics& worker : gateway.pool().worker_metrics()) {
        pinned += worker.sessions;
    }
    EXPECT_LE(pinned, remembered);
    EXPECT_EQ(gateway.drain().completed, sessions);
}

}  // namespace routes_test
