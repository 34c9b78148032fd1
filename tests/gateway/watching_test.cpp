// SPDX-License-Identifier: Apache-2.0
// The page and its events, of a whole gateway.
#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <gateway/upstream/model.hpp>

#include "support/models.hpp"
#include "support/raw_client.hpp"
#include "support/test_gateway.hpp"

namespace watching_test {

using namespace std::chrono_literals;
using gateway::Failure;
using gateway::HttpResponse;
using gateway::Json;
using gateway::UpstreamError;
using test::EchoModel;
using test::head;
using test::make;
using test::message;
using test::prompt;
using test::RawClient;
using test::TestGateway;
using test::TestGatewayOptions;
using test::ThrowingModel;
namespace http = gateway::http;

/// The data of the next event.
Json next_event(RawClient& client) {
    client.receive_up_to("data: ");
    return Json::parse(client.receive_up_to("\n\n"));
}

TEST(Watching, EventsSayWhatTheGatewayDoes) {
    TestGatewayOptions options;
    options.routes.name = "a";
    options.routes.events.interval = 5ms;
    options.worker.max_concurrency = 7;
    TestGateway gateway{make<ThrowingModel<UpstreamError>>(UpstreamError{Failure{502, "upstream_failed", "no"}}),
                        options};
    RawClient client{gateway.port()};
    client.send(head("GET /events"));
    const std::string beginning = client.receive_up_to("\r\n\r\n");
    for (const std::string_view field : {"HTTP/1.1 200", "Content-Type: text/event-stream", "Cache-Control: no-store",
                                         "X-Accel-Buffering: no", "X-Content-Type-Options: nosniff", "X-Gateway: a"}) {
        EXPECT_NE(beginning.find(field), std::string::npos) << beginning;
    }
    Json event = next_event(client);
    EXPECT_EQ(event.at("name"), "a");
    EXPECT_EQ(event.at("state"), "ready");
    EXPECT_EQ(event.at("failures"), Json::array());
    EXPECT_EQ(event.at("metrics").at("workers").size(), 4U);
    EXPECT_EQ(event.at("metrics").at("pool").at("concurrency"), 7);
    RawClient another{gateway.port()};
    const HttpResponse failed = another.exchange(message("POST /generate?wait=true", prompt("a secret")));
    EXPECT_EQ(failed.result(), http::status::bad_gateway);
    while (event.at("failures").empty()) {
        event = next_event(client);
    }
    EXPECT_EQ(event.at("failures").at(0).at("job_id"), gateway::view(failed["X-Job-Id"]));
    EXPECT_EQ(event.at("failures").at(0).at("code"), "upstream_failed");
    EXPECT_EQ(event.at("failures").at(0).at("message"), "no");
    EXPECT_EQ(event.at("metrics").at("jobs").at("failed"), 1);
    EXPECT_EQ(gateway::dump(event).find("a secret"), std::string::npos);
}

TEST(Watching, NoMoreWatchThanMay) {
    TestGatewayOptions options;
    options.routes.events.max_watchers = 1;
    TestGateway gateway{make<EchoModel>(), options};
    RawClient first{gateway.port()};
    first.send(head("GET /events"));
    next_event(first);
    RawClient second{gateway.port()};
    const HttpResponse refused = second.exchange(head("GET /events"));
    EXPECT_EQ(refused.result(), http::status::service_unavailable);
    EXPECT_EQ(refused[http::field::retry_after], "5");
    EXPECT_EQ(Json::parse(refused.body()).at("error").at("code"), "overloaded");
    first.close();
    for (;;) {  // until it is seen that the first has left
        second.send(head("GET /events"));
        const std::string beginning = second.receive_up_to("\r\n\r\n");
        if (beginning.find(" 200 ") != std::string::npos) {
            break;
        }
        second.receive_up_to("}}\n");
    }
    next_event(second);
}

TEST(Watching, AServerThatStopsEndsTheEvents) {
    TestGatewayOptions options;
    options.routes.events.interval = 1h;
    TestGateway gateway{make<EchoModel>(), options};
    RawClient client{gateway.port()};
    client.send(head("GET /events"));
    next_event(client);
    gateway.drain();
    EXPECT_EQ(client.receive_up_to("0\r\n\r\n"), "\r\n0\r\n\r\n");
}

TEST(Watching, ThePageIsForAnybodyAndItsEventsWantTheToken) {
    TestGatewayOptions options;
    options.routes.client_token = "secret";
    TestGateway gateway{make<EchoModel>(), options};
    RawClient client{gateway.port()};
    for (const std::string_view target : {"GET /", "GET /page/page.js", "GET /?x=1"}) {
        client.send(std::string{target} + " HTTP/1.1\r\nHost: any.example\r\n\r\n");
        EXPECT_EQ(client.receive().result(), http::status::ok) << target;
    }
    EXPECT_EQ(client.exchange(head("GET /events")).result(), http::status::unauthorized);
    EXPECT_EQ(client.exchange(head("GET /events", {{"Authorization", "Bearer wrong"}})).result(),
              http::status::unauthorized);
    client.send(head("GET /events", {{"Authorization", "Bearer secret"}}));
    EXPECT_EQ(next_event(client).at("state"), "ready");
}

TEST(Watching, WithoutATokenOtherHostsAndOriginsAreKeptOut) {
    TestGateway gateway{make<EchoModel>()};
    for (const std::string_view target : {"GET /", "GET /page/page.css", "GET /events"}) {
        RawClient client{gateway.port()};
        client.send(std::string{target} + " HTTP/1.1\r\nHost: rebound.example\r\n\r\n");
        EXPECT_EQ(client.receive().result(), http::status::forbidden) << target;
        const HttpResponse response = client.exchange(head(target, {{"Origin", "https://elsewhere.example"}}));
        EXPECT_EQ(response.result(), http::status::forbidden) << target;
    }
}

TEST(Watching, ThePageHasNoBodyForHeadAndForWhoHasIt) {
    TestGateway gateway{make<EchoModel>()};
    RawClient client{gateway.port()};
    const HttpResponse page = client.exchange(head("GET /"));
    EXPECT_NE(page.body().find("<!DOCTYPE html>"), std::string::npos);
    client.send(head("HEAD /"));
    EXPECT_EQ(client.receive_head()[http::field::content_length], page[http::field::content_length]);
    const HttpResponse same =
        client.exchange(head("GET /", {{"If-None-Match", gateway::view(page[http::field::etag])}}));
    EXPECT_EQ(same.result(), http::status::not_modified);
    EXPECT_EQ(client.exchange(head("GET /")).body(), page.body()) << "the connection is in order";
    EXPECT_EQ(client.exchange(message("POST /", "")).result(), http::status::method_not_allowed);
}

}  // namespace watching_test
