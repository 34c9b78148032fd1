// SPDX-License-Identifier: Apache-2.0
// Responses of an HttpServer whose bodies come in parts.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/http/server.hpp>

#include "support/channel_source.hpp"
#include "support/raw_client.hpp"

namespace http_parts_test {

using namespace std::chrono_literals;
using gateway::BodySource;
using gateway::error_code;
using gateway::HttpPeer;
using gateway::HttpReply;
using gateway::HttpRequest;
using gateway::HttpResponse;
using gateway::HttpServerOptions;
using test::ChannelSource;
using test::head;
using test::Parts;
using test::RawClient;
namespace http = gateway::http;
namespace net = gateway::net;

constexpr std::size_t block = 64 * 1024;
constexpr std::size_t more_than_sockets_hold = 40 * 1024 * 1024;

/// What tests see of the sources of a server, and tell them.
struct Sources {
    explicit Sources(const net::any_io_executor& executor) : parts{executor, 64} {}

    Parts parts;
    std::counting_semaphore<64> destroyed{0};
    std::atomic<std::size_t> endless_bytes{0};
};

/// Says when it is destroyed.
class TestSource final : public ChannelSource {
  public:
    explicit TestSource(Sources& sources) : ChannelSource{sources.parts}, sources_{sources} {}
    ~TestSource() override { sources_.destroyed.release(); }

  private:
    Sources& sources_;
};

/// Always has another part.
class EndlessSource final : public BodySource {
  public:
    EndlessSource(Sources& sources, bool counted) : sources_{sources}, counted_{counted} {}
    ~EndlessSource() override { sources_.destroyed.release(); }

    net::awaitable<std::optional<std::string>> next() override {
        sources_.endless_bytes += counted_ ? block : 0;
        co_return std::string(block, 'x');
    }

  private:
    Sources& sources_;
    bool counted_;
};

/// A server on a free port; /endless and /uncounted are endless, and all else has a TestSource.
class Service {
  public:
    explicit Service(HttpServerOptions options = {})
        : sources{threads_.get_executor()},
          server_{threads_.get_executor(),
                  {[this](HttpRequest& request, HttpPeer&) { return respond(request); }},
                  on_any_port(std::move(options))},
          port_{server_.listen()} {
        server_.start();
    }
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    ~Service() {
        stop(0s).get();
        threads_.join();
        EXPECT_EQ(server_.counters().connections, 0U);
    }

    std::future<void> stop(std::chrono::milliseconds grace) {
        return std::exchange(stopped_, true) ? std::async(std::launch::deferred, [] {})
                                             : net::co_spawn(threads_, server_.stop(grace), net::use_future);
    }

    RawClient client() const { return RawClient{port_}; }
    gateway::HttpServerCounters counters() const { return server_.counters(); }
    void give(std::string part) { EXPECT_TRUE(sources.parts.try_send(error_code{}, std::move(part))); }
    bool await_destruction() { return sources.destroyed.try_acquire_for(30s); }

  private:
    net::thread_pool threads_{2};

  public:
    Sources sources;

  private:
    static HttpServerOptions on_any_port(HttpServerOptions options) {
        options.port = 0;
        options.linger_timeout = 200ms;
        return options;
    }

    net::awaitable<HttpReply> respond(const HttpRequest& request) {
        HttpResponse response{http::status::ok, 11};
        response.set(http::field::content_type, "text/event-stream");
        const bool counted = request.target() == "/endless";
        if (counted || request.target() == "/uncounted") {
            co_return HttpReply{std::move(response), std::make_unique<EndlessSource>(sources, counted)};
        }
        response.body() = request.target() == "/begun" ? "first" : "";
        co_return HttpReply{std::move(response), std::make_unique<TestSource>(sources)};
    }

    gateway::HttpServer server_;
    std::uint16_t port_;
    bool stopped_ = false;
};

TEST(HttpParts, EachPartIsSentWhenItIsThere) {
    Service service;
    RawClient client = service.client();
    for (const std::string_view target : {"GET /", "GET /", "GET /begun"}) {
        client.send(head(target));
        const std::string response_head = client.receive_up_to("\r\n\r\n");
        EXPECT_NE(response_head.find("Transfer-Encoding: chunked\r\n"), std::string::npos) << response_head;
        EXPECT_EQ(response_head.find("Content-Length"), std::string::npos) << response_head;
        if (target == "GET /begun") {
            EXPECT_EQ(client.receive_up_to("first\r\n"), "5\r\nfirst\r\n");
        }
        for (const std::string part : {"one", "a second one, which is longer"}) {
            service.give(part);
            client.receive_up_to(part + "\r\n");  // while the next is not there
        }
        service.give("end");
        EXPECT_EQ(client.receive_up_to("\r\n\r\n"), "0\r\n\r\n");
        EXPECT_TRUE(service.await_destruction());
    }
    EXPECT_EQ(service.counters().accepted, 1U) << "the connection is kept";
}

TEST(HttpParts, AreWhatTheClientReadsAsABody) {
    Service service;
    RawClient client = service.client();
    const std::string large(1'000'000, 'y');
    for (const std::string& part : {std::string{"one"}, large, std::string{"end"}}) {
        service.give(part);
    }
    EXPECT_EQ(client.exchange(head("GET /begun")).body(), "firstone" + large);
}

TEST(HttpParts, AClientThatLeavesInSilenceDestroysTheSource) {
    Service service;
    RawClient client = service.client();
    client.send(head("GET /"));
    client.receive_up_to("\r\n\r\n");
    client.close();
    EXPECT_TRUE(service.await_destruction());

    RawClient another = service.client();
    another.send(head("GET /"));
    another.receive_up_to("\r\n\r\n");
    another.finish_sending();
    EXPECT_TRUE(service.await_destruction()) << "half a departure is one";
}

TEST(HttpParts, AClientThatHasLeftAtOnceDestroysTheSource) {
    Service service;
    RawClient client = service.client();
    client.send(head("GET /"));
    client.close();
    EXPECT_TRUE(service.await_destruction());
}

TEST(HttpParts, AClientThatLeavesWhileItTakesNothingDestroysTheSource) {
    Service service;
    RawClient client = service.client();
    client.send(head("GET /endless"));
    client.receive_up_to("xxx");
    client.close();
    EXPECT_TRUE(service.await_destruction());
}

TEST(HttpParts, ASlowClientSlowsItsOwnSourceOnly) {
    Service service;
    RawClient slow = service.client();
    slow.send(head("GET /endless"));
    slow.receive_up_to("xxx");
    RawClient fast = service.client();
    fast.send(head("GET /uncounted"));
    for (std::size_t received = 0; received < more_than_sockets_hold; received += block) {
        fast.receive_up_to(std::string(block, 'x') + "\r\n");
    }
    EXPECT_LT(service.sources.endless_bytes, more_than_sockets_hold);
}

TEST(HttpParts, ARequestThatFollowsIsNoDeparture) {
    Service service;
    RawClient client = service.client();
    client.send(head("GET /") + head("GET /"));
    for (int i = 0; i < 2; ++i) {
        service.give("one");
        service.give("end");
        EXPECT_EQ(client.receive().body(), "one");
    }
}

TEST(HttpParts, AClientThatTakesNothingIsDropped) {
    HttpServerOptions options;
    options.request_timeout = 250ms;
    Service service{options};
    RawClient client = service.client();
    client.send(head("GET /endless"));
    EXPECT_TRUE(service.await_destruction());
    EXPECT_EQ(service.counters().timed_out, 1U);
}

TEST(HttpParts, AClientThatTakesNothingIsDroppedThoughPartsAreFewAndSmall) {
    HttpServerOptions options;
    options.request_timeout = 250ms;
    Service service{options};
    RawClient client = service.client();
    client.send(head("GET /"));
    const std::string part(2'000, 'x');  // less, in all, than the sockets hold
    for (int i = 0; i < 600 && service.counters().timed_out == 0; ++i) {
        service.give(part);
        std::this_thread::sleep_for(50ms);
    }
    EXPECT_EQ(service.counters().timed_out, 1U) << "while there were parts";
    EXPECT_TRUE(service.await_destruction());
}

TEST(HttpParts, ASilentSourceIsNotTimedOutAsASlowClient) {
    HttpServerOptions options;
    options.request_timeout = 250ms;  // in which a slow machine reads the request, too
    Service service{options};
    RawClient client = service.client();
    client.send(head("GET /"));
    service.give("one");
    client.receive_up_to("one\r\n");
    std::this_thread::sleep_for(600ms);
    service.give("end");
    client.receive_up_to("0\r\n\r\n");
    EXPECT_EQ(service.counters().timed_out, 0U);
}

TEST(HttpParts, ASourceThatFailsCutsTheBodyOff) {
    Service service;
    RawClient client = service.client();
    client.send(head("GET /"));
    service.give("one");
    service.give("throw");
    try {
        (void)client.receive();
        ADD_FAILURE() << "the body is complete";
    } catch (const boost::system::system_error& error) {
        EXPECT_EQ(error.code(), http::error::partial_message);
    }
    EXPECT_TRUE(service.await_destruction());
}

TEST(HttpParts, ToAClientOfHttp10TheEndIsThatOfTheConnection) {
    Service service;
    RawClient client = service.client();
    client.send("GET / HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n");
    const std::string response_head = client.receive_up_to("\r\n\r\n");
    EXPECT_EQ(response_head.find("Transfer-Encoding"), std::string::npos) << response_head;
    service.give("one");
    service.give("two");
    service.give("end");
    EXPECT_EQ(client.receive_up_to("two"), "onetwo");
    EXPECT_TRUE(client.closed_by_server());
}

TEST(HttpParts, AHeadHasNone) {
    Service service;
    RawClient client = service.client();
    client.send(head("HEAD /begun"));
    client.receive_up_to("\r\n\r\n");
    EXPECT_TRUE(service.await_destruction());
    client.send(head("HEAD /begun"));
    EXPECT_EQ(client.receive_up_to("HTTP/1.1 200"), "HTTP/1.1 200");
}

TEST(HttpParts, AServerThatStopsWaitsForTheirEndAndThenDropsTheClient) {
    Service service;
    RawClient client = service.client();
    client.send(head("GET /"));
    client.receive_up_to("\r\n\r\n");
    std::future<void> stopped = service.stop(30s);
    service.give("one");
    client.receive_up_to("one\r\n");
    EXPECT_EQ(stopped.wait_for(0s), std::future_status::timeout);
    service.give("end");
    client.receive_up_to("0\r\n\r\n");
    EXPECT_TRUE(client.closed_by_server());
    stopped.get();

    Service impatient;
    RawClient dropped = impatient.client();
    dropped.send(head("GET /"));
    dropped.receive_up_to("\r\n\r\n");
    impatient.stop(0s).get();
    EXPECT_TRUE(impatient.await_destruction());
}

}  // namespace http_parts_test
