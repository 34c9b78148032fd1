// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/http/date.hpp>
#include <gateway/http/server.hpp>

#include "support/raw_client.hpp"
#include "support/responses.hpp"

namespace http_server_test {

using namespace std::chrono_literals;
using gateway::HttpPeer;
using gateway::HttpReply;
using gateway::HttpRequest;
using gateway::HttpResponse;
using gateway::HttpServerOptions;
using gateway::tcp;
using test::error_of;
using test::head;
using test::message;
using test::RawClient;
namespace http = gateway::http;
namespace net = gateway::net;

constexpr std::size_t large = 32 * 1024 * 1024;

HttpServerOptions on_any_port(HttpServerOptions options = {}) {
    options.port = 0;
    options.linger_timeout = 200ms;
    return options;
}

/// A server on a free port, with threads of its own; stopped at the end of the test. It echoes targets, hosts, the
/// field X and bodies; /gate waits for open() first, /until_left for the client to leave, /large answers with more than
/// sockets hold, /204 with a status that has no body, and /throw throws. /no is refused by its head, and /no_throw when
/// that is looked at.
class Service {
  public:
    explicit Service(const HttpServerOptions& options = {}, std::size_t threads = 2)
        : threads_{threads},
          gate_{threads_, 64},
          server_{threads_.get_executor(),
                  {[this](HttpRequest& request, HttpPeer& peer) { return respond(request, peer); },
                   [](const HttpRequest& head) { return screen(head); },
                   [this](const HttpRequest& head, http::status status) { answered(head, status); }},
                  on_any_port(options)},
          port_{server_.listen()} {
        server_.start();
    }
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    ~Service() {
        if (!stopping_) {
            stop(10s).get();
        }
        threads_.join();
        EXPECT_EQ(server_.counters().connections, 0U);
    }

    std::future<void> stop(std::chrono::milliseconds grace) {
        stopping_ = true;
        return net::co_spawn(threads_, server_.stop(grace), net::use_future);
    }

    std::uint16_t port() const { return port_; }
    gateway::HttpServerCounters counters() const { return server_.counters(); }

    /// Waits until one more request is at the gate.
    void await_request() { begun_.acquire(); }
    /// Waits until one more client is seen to have left, for limit.
    bool await_departure(std::chrono::milliseconds limit = 30s) { return left_.try_acquire_for(limit); }
    void open() { EXPECT_TRUE(gate_.try_send(gateway::error_code{})); }

    /// "<target> <status>" of each response so far.
    std::vector<std::string> answers() const {
        const std::lock_guard lock{mutex_};
        return answers_;
    }

  private:
    static std::optional<HttpResponse> screen(const HttpRequest& head) {
        if (head.target() == "/no_throw") {
            throw std::runtime_error{"none of the client's business"};
        }
        return head.target() == "/no" ? std::optional{gateway::error_response(http::status::not_found, "no")}
                                      : std::nullopt;
    }

    void answered(const HttpRequest& head, http::status status) {
        const std::lock_guard lock{mutex_};
        answers_.push_back(std::string{gateway::view(head.target())} + ' ' +
                           std::to_string(static_cast<unsigned>(status)));
    }

    net::awaitable<HttpReply> respond(HttpRequest& request, HttpPeer& peer) {
        const std::string_view target = gateway::view(request.target());
        if (target == "/throw") {
            throw std::runtime_error{"none of the client's business"};
        }
        if (target == "/throw_a_number") {
            throw 7;
        }
        if (target == "/gate" || target == "/watched" || target == "/large" || target == "/until_left") {
            begun_.release();
        }
        if (target == "/until_left") {
            net::steady_timer departure{co_await net::this_coro::executor, gateway::Clock::time_point::max()};
            bool left = false;
            peer.watch([&] {
                left = true;
                departure.cancel();
            });
            gateway::error_code ignored;
            while (!left) {
                co_await departure.async_wait(net::redirect_error(net::use_awaitable, ignored));
            }
            peer.watch(nullptr);
            left_.release();
        }
        if (target == "/watched") {
            peer.watch([this] { left_.release(); });
        }
        if (target == "/gate" || target == "/watched") {
            co_await gate_.async_receive(net::use_awaitable);
        }
        peer.watch(nullptr);
        HttpResponse response{target == "/204" ? http::status::no_content : http::status::ok, 11};
        response.set("X-Target", request.target());
        response.set("X-Host", request[http::field::host]);
        response.set("X", request["X"]);
        response.body() = target == "/large" ? std::string(large, 'x') : request.body();
        co_return response;
    }

    net::thread_pool threads_;
    net::experimental::concurrent_channel<void(gateway::error_code)> gate_;
    std::counting_semaphore<64> begun_{0};
    std::counting_semaphore<64> left_{0};
    mutable std::mutex mutex_;  // guards answers_
    std::vector<std::string> answers_;
    gateway::HttpServer server_;
    std::uint16_t port_;
    bool stopping_ = false;
};

TEST(HttpServer, AnswersRequests) {
    Service service;
    RawClient client{service.port()};
    const HttpResponse response = client.exchange(message("POST /", "hello"));
    EXPECT_EQ(response.result(), http::status::ok);
    EXPECT_EQ(response.body(), "hello");
    EXPECT_TRUE(response.keep_alive());
    EXPECT_EQ(response[http::field::date].size(), gateway::http_date(0).size());
    EXPECT_EQ(service.counters().requests, 1U);
    EXPECT_EQ(service.counters().accepted, 1U);
}

TEST(HttpServer, AHandlerLearnsThatItsClientHasLeft) {
    Service service;
    for (int i = 0; i < 3; ++i) {
        RawClient client{service.port()};
        client.send(head("GET /until_left"));
        service.await_request();
    }  // closed
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(service.await_departure());
    }
    while (service.counters().connections != 0) {
        std::this_thread::yield();
    }
}

TEST(HttpServer, AClientThatHasClosedItsHalfIsStillAnswered) {
    Service service;
    RawClient client{service.port()};
    client.send(head("GET /until_left"));
    service.await_request();
    client.finish_sending();
    EXPECT_EQ(client.receive()["X-Target"], "/until_left");
    EXPECT_TRUE(client.closed_by_server());
}

TEST(HttpServer, APipelinedRequestIsNoDeparture) {
    Service service;
    RawClient client{service.port()};
    client.send(head("GET /until_left"));
    service.await_request();
    client.send(head("GET /next"));
    EXPECT_FALSE(service.await_departure(50ms));
    service.stop(0ms).get();
    EXPECT_TRUE(service.await_departure()) << "the server has dropped it";
}

// To see a client leave is to read, and what is read may be the next request.
TEST(HttpServer, WhileAClientIsWatchedItsNextRequestMayArriveInPieces) {
    Service service;
    RawClient client{service.port()};
    const std::string next = head("GET /next");
    for (const std::size_t before : {std::size_t{0}, std::size_t{1}, next.size() / 2, next.size()}) {
        client.send(head("GET /watched"));
        service.await_request();
        client.send(next.substr(0, before));
        EXPECT_FALSE(service.await_departure(20ms));
        service.open();
        EXPECT_EQ(client.receive()["X-Target"], "/watched");
        client.send(next.substr(before));
        EXPECT_EQ(client.receive()["X-Target"], "/next");
    }
}

TEST(HttpServer, AWatchedClientIsIdleOnceItIsAnswered) {
    Service service;
    RawClient client{service.port()};
    client.send(head("GET /watched"));
    service.await_request();
    service.open();
    EXPECT_EQ(client.receive()["X-Target"], "/watched");
    service.stop(30s).get();  // which waits for no idle connection
    EXPECT_TRUE(client.closed_by_server());
    EXPECT_FALSE(service.await_departure(0ms)) << "nobody wanted to know any more";
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
    Service service;
    RawClient client{service.port()};
    client.send(message("POST /gate", "1") + message("POST /", "2") + message("POST /", "3"));
    service.await_request();
    service.open();
    for (const std::string_view body : {"1", "2", "3"}) {
        EXPECT_EQ(client.receive().body(), body);
    }
}

TEST(HttpServer, TakesBodiesInChunksAndAnnounced) {
    Service service;
    RawClient client{service.port()};
    EXPECT_EQ(
        client.exchange(head("POST /", {{"Transfer-Encoding", "chunked"}}) + "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n").body(),
        "abc");
    client.send(head("POST /", {{"Content-Length", "3"}, {"Expect", "100-continue"}}));
    EXPECT_EQ(client.receive_head().result(), http::status::continue_);
    EXPECT_EQ(client.exchange("abc").body(), "abc");
}

TEST(HttpServer, ABodyThatIsAnnouncedAndTooLongIsNotAskedFor) {
    HttpServerOptions options;
    options.body_limit = 1'000;
    Service service{options};
    RawClient client{service.port()};
    client.send(head("POST /", {{"Content-Length", "1001"}, {"Expect", "100-continue"}}));
    EXPECT_EQ(client.receive().result(), http::status::payload_too_large);
    EXPECT_TRUE(client.closed_by_server());
}

TEST(HttpServer, FieldsAfterABodyAreNotTakenForHeaderFields) {
    Service service;
    RawClient client{service.port()};
    client.send(head("POST /", {{"Transfer-Encoding", "chunked"}, {"X", "before"}}) +
                "1\r\na\r\n0\r\nX: after\r\nHost: elsewhere\r\n\r\n");
    const HttpResponse response = client.receive();
    EXPECT_EQ(response.body(), "a");
    EXPECT_EQ(response["X"], "before");
    EXPECT_EQ(response["X-Host"], "test");
}

TEST(HttpServer, ATargetMayBeAbsolute) {
    Service service;
    RawClient client{service.port()};
    for (const auto& [target, path] : {std::pair{"http://other:81/a?b", "/a?b"}, {"HTTP://other:81?b", "/?b"}}) {
        const HttpResponse response = client.exchange(head("GET " + std::string{target}));
        EXPECT_EQ(response["X-Target"], path);
        EXPECT_EQ(response["X-Host"], "other:81");
    }
}

TEST(HttpServer, AnEmptyLineMayComeBeforeARequest) {
    Service service;
    RawClient client{service.port()};
    EXPECT_EQ(client.exchange(message("POST /", "1") + "\r\n" + message("POST /", "2")).body(), "1");
    EXPECT_EQ(client.receive().body(), "2");
}

TEST(HttpServer, AHeadHasTheLengthAndNotTheBody) {
    Service service;
    RawClient client{service.port()};
    client.send(message("HEAD /", "12345"));
    EXPECT_EQ(client.receive_head()[http::field::content_length], "5");
    EXPECT_EQ(client.exchange(message("POST /", "x")).body(), "x");
}

TEST(HttpServer, KeepsConnectionsAsTheClientWishes) {
    Service service;
    RawClient leaving{service.port()};
    EXPECT_FALSE(leaving.exchange(head("GET /", {{"Connection", "close"}})).keep_alive());
    EXPECT_TRUE(leaving.closed_by_server());
    RawClient old{service.port()};
    EXPECT_EQ(old.exchange("GET / HTTP/1.0\r\n\r\n").version(), 10U);
    EXPECT_TRUE(old.closed_by_server());
}

TEST(HttpServer, AHandlerThatThrowsIsA500) {
    Service service;
    RawClient client{service.port()};
    for (const std::string_view request : {"POST /throw", "POST /throw_a_number", "POST /204"}) {
        const HttpResponse response = client.exchange(message(request, "204 has no body"));
        EXPECT_EQ(response.result(), http::status::internal_server_error);
        EXPECT_EQ(error_of(response), "the request failed");
        EXPECT_TRUE(response.keep_alive());
    }
    EXPECT_EQ(client.exchange(head("GET /")).result(), http::status::ok);
    EXPECT_EQ(service.counters().failed, 3U);
}

TEST(HttpServer, ARequestThatItsHeadRefusesIsAnsweredBeforeItsBody) {
    HttpServerOptions options;
    options.body_limit = 1'000'000;
    Service service{options};
    for (const auto& [target, status] :
         {std::pair{"POST /no", http::status::not_found}, {"POST /no_throw", http::status::internal_server_error}}) {
        for (const test::Headers& fields : {test::Headers{{"Content-Length", "1000000"}},
                                            {{"Content-Length", "1000000"}, {"Expect", "100-continue"}},
                                            {{"Transfer-Encoding", "chunked"}}}) {
            RawClient client{service.port()};
            const HttpResponse response = client.exchange(head(target, fields));  // and nothing of the body
            EXPECT_EQ(response.result(), status);
            EXPECT_FALSE(response.keep_alive());
            client.finish_sending();
            EXPECT_TRUE(client.closed_by_server());
        }
    }
    RawClient over{service.port()};
    const HttpResponse response = over.exchange(head("POST /", {{"Content-Length", "1000001"}}));
    EXPECT_EQ(response.result(), http::status::payload_too_large);
    EXPECT_EQ(service.counters().failed, 3U);
    EXPECT_EQ(service.counters().requests, 6U);
}

TEST(HttpServer, ARefusalByTheHeadEndsNoConnectionWhoseBodyIsThere) {
    Service service;
    RawClient client{service.port()};
    // In one piece, which arrives as one.
    client.send(head("GET /no") + message("POST /no", "12345") + message("POST /", "next"));
    for (int i = 0; i < 2; ++i) {
        const HttpResponse response = client.receive();
        EXPECT_EQ(response.result(), http::status::not_found);
        EXPECT_TRUE(response.keep_alive());
    }
    EXPECT_EQ(client.receive().body(), "next");
    client.send(message("HEAD /no", "12345"));
    EXPECT_EQ(client.receive_head().result(), http::status::not_found);
}

TEST(HttpServer, EachResponseIsReported) {
    HttpServerOptions options;
    options.body_limit = 10;
    options.header_limit = 1'000;
    Service service{options};
    RawClient client{service.port()};
    client.exchange(message("POST /a?b", "1"));
    client.exchange(head("GET /no"));
    client.exchange(head("GET /throw"));
    EXPECT_EQ(service.answers(), (std::vector<std::string>{"/a?b 200", "/no 404", "/throw 500"}));
    client.exchange(message("POST /long", "12345678901"));
    EXPECT_TRUE(client.closed_by_server());
    EXPECT_EQ(service.answers().back(), "/long 413");
    RawClient wide{service.port()};
    wide.exchange(head("GET /", {{"X", std::string(1'000, 'x')}}));
    EXPECT_TRUE(wide.closed_by_server());
    EXPECT_EQ(service.answers().back(), " 431");
}

TEST(HttpServer, ABodyMayBeAsLongAsTheLimit) {
    HttpServerOptions options;
    options.body_limit = 1'000;
    Service service{options};
    RawClient client{service.port()};
    const std::string longest(1'000, 'x');
    EXPECT_EQ(client.exchange(message("POST /", longest)).body(), longest);
    const HttpResponse response = client.exchange(message("POST /", longest + "x"));
    EXPECT_EQ(response.result(), http::status::payload_too_large);
    EXPECT_EQ(error_of(response), "the body is over 1000 bytes");
    EXPECT_TRUE(client.closed_by_server());

    RawClient chunked{service.port()};
    chunked.send(head("POST /", {{"Transfer-Encoding", "chunked"}}) + "3e8\r\n" + longest + "\r\n1\r\nx\r\n0\r\n\r\n");
    EXPECT_EQ(chunked.receive().result(), http::status::payload_too_large);
}

TEST(HttpServer, AHeaderMayBeAsLongAsTheLimit) {
    HttpServerOptions options;
    options.header_limit = 1'000;
    Service service{options};
    RawClient client{service.port()};
    const std::string most(1'000 - head("GET /", {{"X", ""}}).size(), 'x');
    EXPECT_EQ(client.exchange(head("GET /", {{"X", most}})).result(), http::status::ok);
    const HttpResponse response = client.exchange(head("GET /", {{"X", most + "x"}}));
    EXPECT_EQ(response.result(), http::status::request_header_fields_too_large);
    EXPECT_NE(error_of(response).find("1000"), std::string::npos);
    EXPECT_TRUE(client.closed_by_server());
    EXPECT_EQ(service.counters().too_large, 1U);
}

TEST(HttpServer, ASlowRequestTimesOut) {
    HttpServerOptions options;
    options.request_timeout = 1s;
    Service service{options};
    for (const std::string& part : {std::string{"POST /sub"}, head("POST /", {{"Content-Length", "9"}}) + "[1,"}) {
        RawClient client{service.port()};
        const HttpResponse response = client.exchange(part);
        EXPECT_EQ(response.result(), http::status::request_timeout) << part;
        EXPECT_FALSE(response.keep_alive());
        EXPECT_TRUE(client.closed_by_server());
    }
    RawClient silent{service.port()};
    EXPECT_TRUE(silent.closed_by_server());
    EXPECT_EQ(service.counters().timed_out, 2U);
}

TEST(HttpServer, AClientThatDoesNotReadIsDropped) {
    HttpServerOptions options;
    options.request_timeout = 200ms;
    Service service{options};
    RawClient client{service.port()};
    const std::string request = message("POST /", std::string(10'000, 'x'));
    const auto send_for_ever = [&] {
        for (;;) {
            client.send(request);
        }
    };
    EXPECT_THROW(send_for_ever(), boost::system::system_error);
}

/// Lets a while of a server's time pass, which is over when its idle_timeout is.
void pass_time(const Service& service) {
    RawClient idle{service.port()};
    EXPECT_EQ(idle.exchange(head("GET /")).result(), http::status::ok);
    EXPECT_TRUE(idle.closed_by_server());
}

TEST(HttpServer, AResponseMayTakeAsLongAsItIsTaken) {
    HttpServerOptions options;
    options.request_timeout = 1s;
    options.idle_timeout = 50ms;
    options.min_progress = 1'000;
    Service service{options};
    RawClient client{service.port()};
    client.send(head("GET /large"));
    for (const auto end = std::chrono::steady_clock::now() + 2 * options.request_timeout;
         std::chrono::steady_clock::now() < end;) {
        pass_time(service);
        client.read_ahead(large / 200);
    }
    EXPECT_EQ(client.receive_large(large).body().size(), large);
    EXPECT_EQ(service.counters().timed_out, 0U);
}

TEST(HttpServer, ABodyMayTakeAsLongAsItArrives) {
    HttpServerOptions options;
    options.request_timeout = 1s;
    options.idle_timeout = 50ms;
    options.min_progress = 1'000;
    Service service{options};
    RawClient client{service.port()};
    const std::string piece(1'000, 'x');
    std::size_t pieces = 0;
    client.send(head("POST /", {{"Transfer-Encoding", "chunked"}}));
    for (const auto end = std::chrono::steady_clock::now() + 2 * options.request_timeout;
         std::chrono::steady_clock::now() < end; ++pieces) {
        pass_time(service);
        client.send("3e8\r\n" + piece + "\r\n");
    }
    EXPECT_EQ(client.exchange("0\r\n\r\n").body().size(), pieces * piece.size());
    EXPECT_EQ(service.counters().timed_out, 0U);
}

TEST(HttpServer, ABodyThatArrivesByBytesTimesOut) {
    HttpServerOptions options;
    options.request_timeout = 1s;
    options.idle_timeout = 50ms;
    options.min_progress = 1'000;
    Service service{options};
    RawClient client{service.port()};
    client.send(head("POST /", {{"Content-Length", "100000"}}));
    while (!client.answered()) {
        pass_time(service);
        client.send("x");
    }
    EXPECT_EQ(client.receive().result(), http::status::request_timeout);
    EXPECT_EQ(service.counters().timed_out, 1U);
}

TEST(HttpServer, ARequestThatEndsEarlyIsRefused) {
    Service service;
    for (const std::string& part : {std::string{"POST /sub"}, head("POST /", {{"Content-Length", "9"}}) + "[1,"}) {
        RawClient client{service.port()};
        client.send(part);
        client.finish_sending();
        const HttpResponse response = client.receive();
        EXPECT_EQ(response.result(), http::status::bad_request) << part;
        EXPECT_EQ(error_of(response), "the request is not complete");
        EXPECT_TRUE(client.closed_by_server());
    }
}

TEST(HttpServer, AClientThatSendsNoMoreIsStillAnswered) {
    Service service;
    RawClient client{service.port()};
    client.send(message("POST /", "1") + message("POST /", "2"));
    client.finish_sending();
    EXPECT_EQ(client.receive().body(), "1");
    EXPECT_EQ(client.receive().body(), "2");
    EXPECT_TRUE(client.closed_by_server());
}

TEST(HttpServer, AnIdleConnectionIsClosed) {
    HttpServerOptions options;
    options.idle_timeout = 50ms;
    Service service{options};
    RawClient client{service.port()};
    EXPECT_TRUE(client.exchange(head("GET /")).keep_alive());
    EXPECT_TRUE(client.closed_by_server());
}

TEST(HttpServer, AHandlerIsNotTimedOutAsASlowClient) {
    HttpServerOptions options;
    options.request_timeout = 1s;
    Service service{options};
    RawClient client{service.port()};
    RawClient silent{service.port()};
    client.send(head("GET /gate"));
    service.await_request();
    EXPECT_TRUE(silent.closed_by_server()) << "so the time has passed";
    service.open();
    EXPECT_EQ(client.receive().result(), http::status::ok);
}

TEST(HttpServer, AClientThatLeavesEarlyDisturbsNobody) {
    Service service;
    {
        RawClient leaving{service.port()};
        leaving.send(head("GET /gate"));
        service.await_request();
    }
    RawClient client{service.port()};
    EXPECT_EQ(client.exchange(head("GET /")).result(), http::status::ok);
    service.open();
    while (service.counters().connections > 1) {
        std::this_thread::yield();
    }
}

TEST(HttpServer, ANewcomerTakesThePlaceOfTheLongestIdle) {
    HttpServerOptions options;
    options.max_connections = 2;
    Service service{options, 1};  // by one thread, a connection is idle before the next request is seen
    RawClient first{service.port()};
    RawClient second{service.port()};
    EXPECT_EQ(first.exchange(head("GET /")).result(), http::status::ok);
    EXPECT_EQ(second.exchange(head("GET /")).result(), http::status::ok);
    RawClient third{service.port()};
    EXPECT_EQ(third.exchange(head("GET /")).result(), http::status::ok);
    EXPECT_TRUE(first.closed_by_server());
    EXPECT_EQ(second.exchange(head("GET /")).result(), http::status::ok);
    EXPECT_EQ(service.counters().evicted, 1U);
}

TEST(HttpServer, ANewcomerTakesThePlaceOfOneThatSaysNothing) {
    HttpServerOptions options;
    options.max_connections = 2;
    options.newcomer_grace = 0ms;
    options.request_timeout = 100s;
    Service service{options};
    RawClient silent{service.port()};
    RawClient begun{service.port()};
    begun.send("GET /");
    RawClient third{service.port()};
    EXPECT_EQ(third.exchange(head("GET /")).result(), http::status::ok);
    EXPECT_TRUE(silent.closed_by_server());
    EXPECT_EQ(begun.exchange(" HTTP/1.1\r\nHost: test\r\n\r\n").result(), http::status::ok);
    EXPECT_EQ(service.counters().evicted, 1U);
}

TEST(HttpServer, ANewcomerTakesThePlaceOfOneWhoseRequestDoesNotArrive) {
    HttpServerOptions options;
    options.max_connections = 2;
    options.newcomer_grace = 100ms;
    options.request_timeout = 100s;
    options.idle_timeout = 100s;
    Service service{options};
    RawClient head_only{service.port()};
    head_only.send("GET / HTTP/1.1\r\nX-A: ");
    RawClient body_only{service.port()};
    body_only.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n1234");
    RawClient gate{service.port()};
    gate.send(head("GET /gate"));
    service.await_request();
    RawClient last{service.port()};
    last.send(head("GET /gate"));
    service.await_request();
    EXPECT_TRUE(head_only.closed_by_server());
    EXPECT_TRUE(body_only.closed_by_server());
    EXPECT_EQ(service.counters().evicted, 2U);
    service.open();
    service.open();
    EXPECT_EQ(gate.receive().result(), http::status::ok);
    EXPECT_EQ(last.receive().result(), http::status::ok);
}

TEST(HttpServer, NewcomersWaitWhenNoConnectionIsIdle) {
    HttpServerOptions options;
    options.max_connections = 2;
    Service service{options};
    RawClient first{service.port()};
    RawClient second{service.port()};
    first.send(head("GET /gate"));
    second.send(head("GET /gate"));
    service.await_request();
    service.await_request();
    RawClient third{service.port()};
    third.send(message("POST /", "3"));
    EXPECT_EQ(service.counters().requests, 2U);
    service.open();
    EXPECT_EQ(third.receive().body(), "3");
    service.open();
}

/// Clients that have each sent a request's first bytes, and send one more whenever asked.
class SlowClients {
  public:
    SlowClients(std::uint16_t port, std::size_t number) {
        for (std::size_t i = 0; i < number; ++i) {
            clients_.push_back(std::make_unique<RawClient>(port));
            clients_.back()->send("GET / HTTP/1.1\r\nX-A: ");
        }
    }

    void dribble() {
        for (auto& client : clients_) {
            try {
                client->send("x");
            } catch (const boost::system::system_error&) {
                // It has been dropped.
            }
        }
    }

  private:
    std::vector<std::unique_ptr<RawClient>> clients_;
};

TEST(HttpServer, ManySlowClientsDoNotHinderOthers) {
    Service service;
    SlowClients slow{service.port(), 300};
    RawClient good{service.port()};
    for (int i = 0; i < 10; ++i) {
        slow.dribble();
        EXPECT_EQ(good.exchange(message("POST /", "good")).body(), "good");
    }
}

TEST(HttpServer, SlowClientsThatTakeAllConnectionsLoseThem) {
    HttpServerOptions options;
    options.max_connections = 100;
    options.request_timeout = 1s;
    options.newcomer_grace = 1h;  // they do not make room, but run out of time
    Service service{options};
    SlowClients slow{service.port(), 200};
    slow.dribble();
    RawClient good{service.port()};
    EXPECT_EQ(good.exchange(head("GET /")).result(), http::status::ok);
    EXPECT_GE(service.counters().timed_out, 1U);
}

TEST(HttpServer, StopFinishesWhatIsInFlight) {
    Service service;
    RawClient busy{service.port()};
    RawClient idle{service.port()};
    RawClient reading{service.port()};
    busy.send(message("POST /gate", "1") + message("POST /", "2"));
    service.await_request();
    EXPECT_EQ(idle.exchange(head("GET /")).result(), http::status::ok);
    const std::string slow = message("POST /", "slow");
    reading.send(head("GET /") + slow.substr(0, 30));
    EXPECT_EQ(reading.receive().result(), http::status::ok);  // and the rest has been read, too

    std::future<void> stopped = service.stop(10s);
    EXPECT_TRUE(idle.closed_by_server());
    const HttpResponse last = reading.exchange(slow.substr(30));
    EXPECT_EQ(last.body(), "slow");
    EXPECT_FALSE(last.keep_alive());
    EXPECT_TRUE(reading.closed_by_server());
    EXPECT_EQ(stopped.wait_for(0s), std::future_status::timeout);
    service.open();
    const HttpResponse response = busy.receive();
    EXPECT_EQ(response.body(), "1");
    EXPECT_FALSE(response.keep_alive());
    stopped.get();
    EXPECT_THROW(RawClient{service.port()}, boost::system::system_error);
}

TEST(HttpServer, StopFinishesAResponseThatIsBeingWritten) {
    Service service;
    RawClient client{service.port()};
    client.send(head("GET /large"));
    service.await_request();
    std::future<void> stopped = service.stop(100s);
    EXPECT_EQ(client.receive_large(large).body().size(), large);
    EXPECT_TRUE(client.closed_by_server());
    stopped.get();
}

TEST(HttpServer, StopWaitsOnlySoLong) {
    Service service;
    RawClient handled{service.port()};
    RawClient reading{service.port()};
    RawClient written{service.port()};
    handled.send(head("GET /gate"));
    reading.send(head("GET /") + "GET /");
    EXPECT_EQ(reading.receive().result(), http::status::ok);  // and the rest has been read, too
    written.send(head("GET /large"));
    service.await_request();
    service.await_request();
    std::future<void> stopped = service.stop(50ms);
    EXPECT_THROW(handled.receive(), boost::system::system_error);
    EXPECT_THROW(reading.receive(), boost::system::system_error);
    EXPECT_EQ(stopped.wait_for(0s), std::future_status::timeout) << "a handler is not interrupted";
    service.open();
    stopped.get();
    EXPECT_THROW(written.receive_large(large), boost::system::system_error);
}

TEST(HttpServer, APortInUseIsAnError) {
    Service service;
    net::io_context context;
    HttpServerOptions options;
    options.port = service.port();
    gateway::HttpServer second{context.get_executor(), {}, options};
    EXPECT_THROW(second.listen(), boost::system::system_error);
}

/// malformed/<status>_<what>.http: a request, and the status that it must be answered with. A line end in the files
/// stands for CR LF, but in those whose name says "bare_lf".
class Malformed : public testing::TestWithParam<std::filesystem::path> {
  protected:
    static std::string bytes() {
        std::ifstream file{GetParam(), std::ios::binary};
        std::string text{std::istreambuf_iterator<char>{file}, {}};
        if (GetParam().stem().string().find("bare_lf") != std::string::npos) {
            return text;
        }
        std::string crlf;
        for (const char c : text) {
            crlf += c == '\n' ? "\r\n" : std::string(1, c);
        }
        return crlf;
    }

    static std::string status() { return GetParam().stem().string().substr(0, 3); }

    static void expect_refused(RawClient& client) {
        const HttpResponse response = client.receive();
        EXPECT_EQ(std::to_string(response.result_int()), status());
        EXPECT_FALSE(error_of(response).empty());
        EXPECT_FALSE(response.keep_alive());
        EXPECT_TRUE(client.closed_by_server());
    }

    static HttpServerOptions limits() {
        HttpServerOptions options;
        options.header_limit = 4'000;
        options.body_limit = 1'000;
        options.request_timeout = status() == "408" ? 1s : 60s;
        return options;
    }
};

TEST_P(Malformed, IsRefusedAndDisturbsNobody) {
    Service service{limits()};
    RawClient whole{service.port()};
    whole.send(bytes());
    expect_refused(whole);

    RawClient by_byte{service.port()};
    try {
        for (const char byte : bytes()) {
            by_byte.send({&byte, 1});
        }
    } catch (const boost::system::system_error&) {
        // It was refused before the end.
    }
    expect_refused(by_byte);

    RawClient good{service.port()};
    EXPECT_EQ(good.exchange(message("POST /", "good")).body(), "good");
    const gateway::HttpServerCounters counters = service.counters();
    EXPECT_EQ(counters.malformed + counters.too_large + counters.timed_out, 2U);
    EXPECT_EQ(counters.requests, 1U);
}

std::vector<std::filesystem::path> corpus() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator{MALFORMED_REQUESTS}) {
        files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

INSTANTIATE_TEST_SUITE_P(Corpus, Malformed, testing::ValuesIn(corpus()),
                         [](const auto& file) { return "R" + file.param.stem().string(); });

}  // namespace http_server_test
