// SPDX-License-Identifier: Apache-2.0
// What an HttpServer tells of its requests when they have ended, and of those that failed in the log.
#include <chrono>
#include <cstdint>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/http/server.hpp>

#include "support/channel_source.hpp"
#include "support/log_capture.hpp"
#include "support/raw_client.hpp"

namespace http_exchange_test {

using namespace std::chrono_literals;
using gateway::HttpExchange;
using gateway::HttpPeer;
using gateway::HttpReply;
using gateway::HttpRequest;
using gateway::HttpResponse;
using test::ChannelSource;
using test::head;
using test::message;
using test::Parts;
using test::RawClient;
namespace http = gateway::http;
namespace net = gateway::net;

struct Record {
    std::string target;
    unsigned status = 0;
    std::string request_id;
    std::string client;
    std::uint64_t received = 0, sent = 0;
    gateway::Clock::duration first_byte{}, took{};
    bool complete = false;
};

/// /parts is answered in parts, /hint with an interim response first, and /throw with an exception.
class Service {
  public:
    Service() : parts{threads_, 64}, server_{threads_.get_executor(), handlers(), options()}, port_{server_.listen()} {
        server_.start();
    }
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    ~Service() {
        net::co_spawn(threads_, server_.stop(10s), net::use_future).get();
        threads_.join();
    }

    RawClient client() const { return RawClient{port_}; }
    void give(std::string part) { EXPECT_TRUE(parts.try_send(gateway::error_code{}, std::move(part))); }

    /// Of the next request that has ended.
    Record await_end() {
        ended_.acquire();
        const Record record = records_.at(seen_++);
        return record;
    }
    bool has_ended() { return ended_.try_acquire(); }

  private:
    static gateway::HttpServerOptions options() {
        gateway::HttpServerOptions options;
        options.port = 0;
        options.linger_timeout = 200ms;
        options.body_limit = 100;
        return options;
    }

    gateway::HttpHandlers handlers() {
        gateway::HttpHandlers handlers;
        handlers.respond = [this](HttpRequest& request, HttpPeer& peer) { return respond(request, peer); };
        handlers.ended = [this](const HttpExchange& exchange) {
            records_.push_back({std::string{gateway::view(exchange.request.target())}, exchange.response.result_int(),
                                std::string{exchange.request_id}, exchange.client.address().to_string(),
                                exchange.received, exchange.sent, exchange.first_byte, exchange.took,
                                exchange.complete});
            ended_.release();
        };
        return handlers;
    }

    net::awaitable<HttpReply> respond(HttpRequest& request, HttpPeer& peer) {
        HttpResponse response{http::status::ok, 11};
        if (request.target() == "/parts") {
            co_return HttpReply{std::move(response), std::make_unique<ChannelSource>(parts)};
        }
        if (request.target().starts_with("/throw")) {
            throw std::runtime_error{"as the test says"};
        }
        if (request.target() == "/hint") {
            co_await peer.hint("X-Hint", "yes");
        }
        response.body() = gateway::view(request["X-Request-Id"]);
        co_return response;
    }

    net::thread_pool threads_{1};

  public:
    Parts parts;

  private:
    std::vector<Record> records_ = [] {
        std::vector<Record> room;
        room.reserve(100);  // one is read while others are added
        return room;
    }();
    std::size_t seen_ = 0;
    std::counting_semaphore<100> ended_{0};
    gateway::HttpServer server_;
    std::uint16_t port_;
};

std::string id_of(const HttpResponse& response) { return std::string{gateway::view(response["X-Request-Id"])}; }

TEST(HttpExchange, CountsTheBytesOfARequestAndItsResponse) {
    Service service;
    RawClient client = service.client();
    for (int i = 0; i < 2; ++i) {  // of each by itself, on one connection
        const std::string request = message("POST /", "0123456789", {{"X-Request-Id", "mine"}});
        client.send(request);
        std::string answer = client.receive_up_to("\r\n\r\n");
        answer += client.receive_up_to("mine");
        const Record record = service.await_end();
        EXPECT_EQ(record.target, "/");
        EXPECT_EQ(record.status, 200U);
        EXPECT_EQ(record.request_id, "mine");
        EXPECT_EQ(record.client, "127.0.0.1");
        EXPECT_EQ(record.received, request.size());
        EXPECT_EQ(record.sent, answer.size());
        EXPECT_TRUE(record.complete);
        EXPECT_LE(record.first_byte, record.took);
    }
    const std::string chunked = head("POST /", {{"Transfer-Encoding", "chunked"}}) + "3\r\nabc\r\n0\r\n\r\n";
    client.exchange(chunked);
    EXPECT_EQ(service.await_end().received, chunked.size());
    client.send(head("GET /hint"));
    std::string answer = client.receive_up_to("\r\n\r\n");
    answer += client.receive_up_to("\r\n\r\n");
    const Record record = service.await_end();
    EXPECT_EQ(record.sent, answer.size() + 32) << "of an interim response, the response, and an id as its body";
    const std::string expects = head("POST /", {{"Expect", "100-continue"}, {"Content-Length", "3"}});
    RawClient another = service.client();
    another.send(expects);
    answer = another.receive_up_to("\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 100 ")) << answer;
    another.send("abc");
    answer += another.receive_up_to("\r\n\r\n");
    const Record continued = service.await_end();
    EXPECT_EQ(continued.received, expects.size() + 3);
    EXPECT_EQ(continued.sent, answer.size() + 32);
}

TEST(HttpExchange, EachResponseHasTheRequestsId) {
    Service service;
    RawClient client = service.client();
    EXPECT_EQ(id_of(client.exchange(head("GET /", {{"X-Request-Id", "mine"}}))), "mine");
    EXPECT_EQ(service.await_end().request_id, "mine");
    const HttpResponse made_up = client.exchange(head("GET /", {{"X-Request-Id", "not one"}}));
    EXPECT_EQ(id_of(made_up).size(), 32U);
    EXPECT_EQ(made_up.body(), id_of(made_up)) << "what the handler sees";
    EXPECT_EQ(service.await_end().request_id, id_of(made_up));
    EXPECT_EQ(id_of(client.exchange(message("POST /", std::string(101, 'x'), {{"X-Request-Id", "large"}}))), "large");
    EXPECT_EQ(service.await_end().status, 413U);
    RawClient another = service.client();
    const HttpResponse refused = another.exchange("nonsense\r\n\r\n");
    EXPECT_EQ(id_of(refused).size(), 32U);
    const Record record = service.await_end();
    EXPECT_EQ(record.status, 400U);
    EXPECT_EQ(record.target, "");
    EXPECT_EQ(record.received, 12U);
    EXPECT_EQ(record.request_id, id_of(refused));
}

TEST(HttpExchange, CountsTheBytesOfARequestThatIsNotComplete) {
    Service service;
    RawClient client = service.client();
    client.send("GET / HTT");
    client.finish_sending();
    const Record record = service.await_end();
    EXPECT_EQ(record.status, 400U);
    EXPECT_EQ(record.received, 9U);
}

TEST(HttpExchange, OfAResponseInPartsIsToldAtItsEnd) {
    Service service;
    RawClient client = service.client();
    client.send(head("GET /parts", {{"X-Request-Id", "mine"}}));
    std::string answer = client.receive_up_to("\r\n\r\n");
    EXPECT_NE(answer.find("X-Request-Id: mine\r\n"), std::string::npos) << answer;
    for (const std::string part : {"one", "two"}) {
        service.give(part);
        answer += client.receive_up_to(part + "\r\n");
        EXPECT_FALSE(service.has_ended());
    }
    service.give("end");
    answer += client.receive_up_to("0\r\n\r\n");
    const Record record = service.await_end();
    EXPECT_EQ(record.sent, answer.size());
    EXPECT_TRUE(record.complete);
    EXPECT_LT(record.first_byte, record.took);
}

TEST(HttpExchange, AResponseWhoseClientLeavesIsNotComplete) {
    Service service;
    RawClient client = service.client();
    client.send(head("GET /parts"));
    client.receive_up_to("\r\n\r\n");
    client.close();
    const Record record = service.await_end();
    EXPECT_EQ(record.status, 200U);
    EXPECT_FALSE(record.complete);
}

TEST(HttpExchange, AResponseThatIsCutOffIsNotCompleteAndInTheLog) {
    const test::LogCapture log;
    Service service;
    RawClient client = service.client();
    client.send(head("GET /parts", {{"X-Request-Id", "mine"}}));
    client.receive_up_to("\r\n\r\n");
    service.give("throw");
    EXPECT_FALSE(service.await_end().complete);
    const std::vector<std::string> lines = log.lines();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_TRUE(lines[0].ends_with("a response was cut off request_id=mine error=\"as the test says\"")) << lines[0];
}

TEST(HttpExchange, ARequestThatFailsIsInTheLogByIdAndPath) {
    const test::LogCapture log;
    Service service;
    RawClient client = service.client();
    const HttpResponse response = client.exchange(head("GET /throw?key=secret", {{"X-Request-Id", "mine"}}));
    EXPECT_EQ(response.result(), http::status::internal_server_error);
    EXPECT_EQ(id_of(response), "mine");
    const std::vector<std::string> lines = log.lines();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_TRUE(lines[0].ends_with("a request failed request_id=mine path=/throw error=\"as the test says\""))
        << lines[0];
}

}  // namespace http_exchange_test
