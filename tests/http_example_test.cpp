// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <semaphore>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/experimental/concurrent_channel.hpp>
#include <gtest/gtest.h>

#include "../examples/http_server/aggregate.hpp"
#include "../examples/http_server/beast.hpp"
#include "../examples/http_server/config.hpp"
#include "../examples/http_server/flags.hpp"
#include "../examples/http_server/json.hpp"
#include "../examples/http_server/server.hpp"
#include "../examples/http_server/sha256.hpp"

namespace {

using namespace std::chrono_literals;
using example::Aggregate;
using example::AggregateRequest;
using example::Json;
using example::Response;
namespace beast = example::beast;
namespace http = example::http;
namespace net = example::net;
using example::tcp;

/// A blocking client that sends exactly the bytes it is told to.
class Client {
  public:
    explicit Client(std::uint16_t port) { socket_.connect({net::ip::address_v4::loopback(), port}); }

    void send(std::string_view bytes) { net::write(socket_, net::buffer(bytes)); }

    /// Throws when the server closes instead of answering.
    Response receive() {
        Response response;
        http::read(socket_, buffer_, response);
        return response;
    }

    /// The response to a HEAD: no body, whatever Content-Length says.
    Response receive_head() {
        http::response_parser<http::string_body> parser;
        parser.skip(true);
        http::read(socket_, buffer_, parser);
        return parser.release();
    }

    Response exchange(std::string_view bytes) {
        send(bytes);
        return receive();
    }

    /// Waits until the server closes. True: it did so in order, and sent nothing more.
    bool closed_by_server() {
        std::array<char, 1> byte{};
        beast::error_code error;
        const std::size_t size = socket_.read_some(net::buffer(byte), error);
        return buffer_.size() == 0 && size == 0 && error == net::error::eof;
    }

  private:
    net::io_context context_;
    tcp::socket socket_{context_};
    beast::flat_buffer buffer_;
};

using Headers = std::initializer_list<std::pair<std::string_view, std::string_view>>;

std::string head(std::string_view line, Headers headers = {}) {
    std::string text{line};
    text += " HTTP/1.1\r\nHost: test\r\n";
    for (const auto& [name, value] : headers) {
        text.append(name).append(": ").append(value).append("\r\n");
    }
    return text + "\r\n";
}

std::string post(std::string_view body, std::string_view session = {}) {
    const std::string length = std::to_string(body.size());
    std::string text = session.empty() ? head("POST /submit", {{"Content-Length", length}})
                                       : head("POST /submit", {{"Content-Length", length}, {"X-Session-Id", session}});
    return text.append(body);
}

Json parse(const Response& response) { return Json::parse(response.body()); }

std::string error_of(const Response& response) { return parse(response).at("error").get<std::string>(); }

std::string worker_of(const Response& response) { return std::string{example::view(response["X-Worker"])}; }

/// A handler that tells when a job has begun, and ends it when the test says so.
class Gate {
  public:
    explicit Gate(const net::any_io_executor& executor) : channel_{executor, 64} {}

    net::awaitable<Aggregate> pass(AggregateRequest request) {
        begun_.release();
        co_await channel_.async_receive(net::use_awaitable);
        co_return example::aggregate_body(request.body);
    }

    /// Waits until one more job has begun.
    void await_job() { begun_.acquire(); }
    /// Lets one job end.
    void open() { EXPECT_TRUE(channel_.try_send(beast::error_code{})); }

  private:
    net::experimental::concurrent_channel<void(beast::error_code)> channel_;
    std::counting_semaphore<64> begun_{0};
};

struct Options {
    example::ServerConfig server;
    dispatch::WorkerOptions worker;
    std::size_t workers = 4;
    bool gated = false;
};

/// A server on a free port, with threads and a pool of its own; stopped at the end of the test.
class Service {
  public:
    explicit Service(const Options& options = {})
        : gate_{threads_.get_executor()},
          pool_{options.gated ? gated_workers(options) : workers(options), pool_options()},
          server_{threads_.get_executor(), pool_, config(options)},
          port_{server_.start()} {}

    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    ~Service() {
        if (!stopping_) {
            expect_adds_up(stop().get());
        }
        threads_.join();
    }

    std::future<dispatch::Ledger> stop() {
        stopping_ = true;
        return net::co_spawn(threads_, server_.stop(), net::use_future);
    }

    static void expect_adds_up(const dispatch::Ledger& ledger) {
        EXPECT_EQ(ledger.submitted, ledger.completed + ledger.failed + ledger.rejected + ledger.expired +
                                        ledger.cancelled + ledger.stopped);
    }

    std::uint16_t port() const { return port_; }
    example::Pool& pool() { return pool_; }
    Gate& gate() { return gate_; }

  private:
    using Handles = std::vector<dispatch::WorkerHandle<AggregateRequest, Aggregate>>;

    static example::ServerConfig config(const Options& options) {
        example::ServerConfig config = options.server;
        config.port = 0;
        config.linger_timeout = 200ms;
        return config;
    }

    static dispatch::PoolOptions pool_options() {
        dispatch::PoolOptions options;
        options.affinity_ttl = 1h;
        options.overflow = dispatch::Overflow::reject;
        return options;
    }

    Handles workers(const Options& options) {
        return dispatch::spawn_workers<AggregateRequest, Aggregate>(threads_.get_executor(), options.workers,
                                                                    &example::run_aggregate, options.worker);
    }

    Handles gated_workers(const Options& options) {
        return dispatch::spawn_workers<AggregateRequest, Aggregate>(
            threads_.get_executor(), options.workers,
            [this](AggregateRequest request) { return gate_.pass(std::move(request)); }, options.worker);
    }

    net::thread_pool threads_{2};
    Gate gate_;
    example::Pool pool_;
    example::HttpServer server_;
    std::uint16_t port_;
    bool stopping_ = false;
};

TEST(HttpExample, SubmitReturnsTheAggregateOfTheBody) {
    Service service;
    Client client{service.port()};
    for (const std::string_view body : {"[4, -2, 0.5]", R"({"name": "x", "values": [4, -2, 0.5]})"}) {
        const Response response = client.exchange(post(body, "me"));
        ASSERT_EQ(response.result(), http::status::ok) << response.body();
        EXPECT_EQ(response[http::field::content_type], "application/json");
        const Json answer = parse(response);
        EXPECT_EQ(answer.at("count"), 3);
        EXPECT_EQ(answer.at("sum"), 2.5);
        EXPECT_EQ(answer.at("min"), -2);
        EXPECT_EQ(answer.at("max"), 4);
        EXPECT_DOUBLE_EQ(answer.at("mean").get<double>(), 2.5 / 3);
        EXPECT_EQ(answer.at("sha256"), example::sha256_hex(body));
        EXPECT_EQ(answer.at("session"), "me");
        EXPECT_EQ(answer.at("worker").dump(), worker_of(response));
        EXPECT_GE(answer.at("queued_us").get<int>(), 0);
    }
}

TEST(HttpExample, NoNumbersHaveNoMean) {
    Service service;
    const Json answer = parse(Client{service.port()}.exchange(post("[]")));
    EXPECT_EQ(answer.at("count"), 0);
    EXPECT_EQ(answer.at("sum"), 0);
    EXPECT_TRUE(answer.at("min").is_null());
    EXPECT_TRUE(answer.at("max").is_null());
    EXPECT_TRUE(answer.at("mean").is_null());
    EXPECT_TRUE(answer.at("session").is_null());
    EXPECT_EQ(answer.at("sha256"), "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945");
}

TEST(HttpExample, ABadBodyIsAnsweredWithWhatWasWrong) {
    Service service;
    Client client{service.port()};
    const std::map<std::string, std::string> cases{
        {"", "unexpected end of input"},
        {"[1, 2", "unexpected end of input"},
        {"[1, \"\xff\xfe\"]", "ill-formed UTF-8"},
        {"[1e999]", "number overflow"},
        {"[1e308, 1e308]", "too large for a double"},
        {"7", "the body is of type number"},
        {"{}", "no member \"values\""},
        {R"({"values": 3})", "\"values\" is of type number"},
        {"[1, null]", "value 1 is of type null"},
        {"[[1]]", "value 0 is of type array"},
        {std::string(100'000, '['), "unexpected end of input"},
    };
    for (const auto& [body, expected] : cases) {
        const Response response = client.exchange(post(body));
        EXPECT_EQ(response.result(), http::status::bad_request) << body.substr(0, 40);
        EXPECT_NE(error_of(response).find(expected), std::string::npos) << response.body();
        EXPECT_LT(response.body().size(), 500U);
        EXPECT_TRUE(response.keep_alive());
    }
    const Json metrics = parse(client.exchange(head("GET /metrics")));
    EXPECT_EQ(metrics.at("ledger").at("failed"), cases.size());
}

TEST(HttpExample, UnknownPathsAndMethodsAreRefused) {
    Service service;
    Client client{service.port()};
    EXPECT_EQ(client.exchange(head("GET /")).result(), http::status::not_found);
    EXPECT_EQ(client.exchange(head("POST /submit/x", {{"Content-Length", "0"}})).result(), http::status::not_found);

    const Response submit = client.exchange(head("GET /submit"));
    EXPECT_EQ(submit.result(), http::status::method_not_allowed);
    EXPECT_EQ(submit[http::field::allow], "POST");
    const Response metrics = client.exchange(head("DELETE /metrics"));
    EXPECT_EQ(metrics.result(), http::status::method_not_allowed);
    EXPECT_EQ(metrics[http::field::allow], "GET, HEAD");

    EXPECT_EQ(client.exchange(post("[1]")).result(), http::status::ok) << "the connection is still of use";
}

TEST(HttpExample, WhatIsNotHttpIsRefused) {
    Service service;
    for (const std::string_view bytes :
         {"nonsense\r\n\r\n", "GET /metrics HTTP/9.9\r\n\r\n", "POST /submit HTTP/1.1\r\nContent-Length: x\r\n\r\n"}) {
        Client client{service.port()};
        const Response response = client.exchange(bytes);
        EXPECT_EQ(response.result(), http::status::bad_request) << bytes;
        EXPECT_FALSE(response.keep_alive());
        EXPECT_TRUE(client.closed_by_server());
    }
}

TEST(HttpExample, AnOverlongBodyIsRefused) {
    Options options;
    options.server.body_limit = 1000;
    Service service{options};
    EXPECT_EQ(Client{service.port()}.exchange(post('[' + std::string(998, ' ') + ']')).result(), http::status::ok);

    Client declared{service.port()};
    const Response response = declared.exchange(post(std::string(100'000, ' ')));
    EXPECT_EQ(response.result(), http::status::payload_too_large);
    EXPECT_NE(error_of(response).find("1000"), std::string::npos);
    EXPECT_FALSE(response.keep_alive());
    EXPECT_TRUE(declared.closed_by_server());

    Client chunked{service.port()};
    const std::string chunk = "200\r\n" + std::string(0x200, ' ') + "\r\n";
    chunked.send(head("POST /submit", {{"Transfer-Encoding", "chunked"}}) + chunk + chunk + chunk);
    EXPECT_EQ(chunked.receive().result(), http::status::payload_too_large);

    Client asking{service.port()};
    asking.send(head("POST /submit", {{"Content-Length", "1001"}, {"Expect", "100-continue"}}));
    EXPECT_EQ(asking.receive().result(), http::status::payload_too_large) << "before the body was sent";
}

TEST(HttpExample, AnOverlongHeaderIsRefused) {
    Service service;
    Client client{service.port()};
    const Response response = client.exchange(head("GET /metrics", {{"X-Long", std::string(20'000, 'x')}}));
    EXPECT_EQ(response.result(), http::status::request_header_fields_too_large);
    EXPECT_FALSE(response.keep_alive());
    EXPECT_TRUE(client.closed_by_server());
}

TEST(HttpExample, BodiesMayBeChunkedOrAnnounced) {
    Service service;
    Client client{service.port()};
    const Response chunked =
        client.exchange(head("POST /submit", {{"Transfer-Encoding", "chunked"}}) + "3\r\n[1,\r\n3\r\n20]\r\n0\r\n\r\n");
    EXPECT_EQ(parse(chunked).at("sum"), 21);

    client.send(head("POST /submit", {{"Content-Length", "3"}, {"Expect", "100-continue"}}));
    EXPECT_EQ(client.receive_head().result(), http::status::continue_);
    EXPECT_EQ(parse(client.exchange("[5]")).at("sum"), 5);
}

TEST(HttpExample, PipelinedRequestsAreAnsweredInOrder) {
    Service service;
    Client client{service.port()};
    client.send(post("[1]") + head("GET /nowhere") + post("[2, 2]") + post("x") + post("[3, 3, 3]").substr(0, 60));
    EXPECT_EQ(parse(client.receive()).at("sum"), 1);
    EXPECT_EQ(client.receive().result(), http::status::not_found);
    EXPECT_EQ(parse(client.receive()).at("sum"), 4);
    EXPECT_EQ(client.receive().result(), http::status::bad_request);
    EXPECT_EQ(parse(client.exchange(post("[3, 3, 3]").substr(60))).at("sum"), 9);
}

TEST(HttpExample, ConnectionsAreKeptAsTheClientWishes) {
    Service service;
    Client closing{service.port()};
    const Response response = closing.exchange(head("GET /metrics", {{"Connection", "close"}}));
    EXPECT_EQ(response.result(), http::status::ok);
    EXPECT_FALSE(response.keep_alive());
    EXPECT_TRUE(closing.closed_by_server());

    Client old{service.port()};
    EXPECT_EQ(old.exchange("GET /metrics HTTP/1.0\r\n\r\n").version(), 10U);
    EXPECT_TRUE(old.closed_by_server());
}

TEST(HttpExample, SessionsStayOnTheirWorkers) {
    Service service;
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(std::make_unique<Client>(service.port()));
    }
    std::set<std::string> workers;
    for (int session = 0; session < 8; ++session) {
        const std::string name = "session-" + std::to_string(session);
        const std::string worker = worker_of(clients.front()->exchange(post("[1]", name)));
        workers.insert(worker);
        for (const auto& client : clients) {
            client->exchange(post("[1]"));  // moves the choice for those without a session on
            EXPECT_EQ(worker_of(client->exchange(post("[1, 2]", name))), worker) << name;
        }
    }
    EXPECT_EQ(workers.size(), 4U) << "8 sessions over 4 idle workers";
    const Json metrics = parse(clients.front()->exchange(head("GET /metrics")));
    for (const Json& worker : metrics.at("workers")) {
        EXPECT_EQ(worker.at("sessions"), 2);
    }
}

TEST(HttpExample, SessionsMayHoldAnyBytes) {
    Service service;
    Client client{service.port()};
    const Response response = client.exchange(post("[1]", "caf\xe9 \"quoted\""));
    EXPECT_EQ(parse(response).at("session"), "caf\xef\xbf\xbd \"quoted\"");
}

TEST(HttpExample, MetricsAreJsonThatAddsUp) {
    Service service;
    Client client{service.port()};
    for (int i = 0; i < 10; ++i) {
        client.exchange(post("[1]"));
    }
    client.exchange(post("?"));
    const Response response = client.exchange(head("GET /metrics?pretty=no"));
    ASSERT_EQ(response.result(), http::status::ok);
    const Json metrics = parse(response);
    ASSERT_EQ(metrics.at("workers").size(), 4U);
    std::uint64_t errors = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        const Json& worker = metrics.at("workers")[i];
        EXPECT_EQ(worker.at("worker_id"), i);
        EXPECT_EQ(worker.at("inflight"), 0);
        EXPECT_EQ(worker.at("queue_len"), 0);
        EXPECT_EQ(worker.at("waiting"), 0);
        EXPECT_EQ(worker.at("capacity"), dispatch::max_worker_queue_capacity);
        EXPECT_EQ(worker.at("sessions"), 0);
        errors += worker.at("errors").get<std::uint64_t>();
    }
    EXPECT_EQ(errors, 1U);
    EXPECT_EQ(example::ledger_line(metrics.at("ledger")),
              "11 submitted = 10 completed + 1 failed + 0 rejected + 0 expired + 0 cancelled + 0 stopped");

    client.send(head("HEAD /metrics"));
    const Response only_head = client.receive_head();
    EXPECT_EQ(only_head.result(), http::status::ok);
    EXPECT_NE(only_head[http::field::content_length], "0");
    EXPECT_EQ(client.exchange(head("GET /metrics")).result(), http::status::ok);
}

TEST(HttpExample, ASlowRequestTimesOut) {
    Options options;
    options.server.request_timeout = 200ms;
    Service service{options};
    for (const std::string& part :
         {std::string{"POST /sub"}, head("POST /submit", {{"Content-Length", "9"}}) + "[1,"}) {
        Client client{service.port()};
        const Response response = client.exchange(part);
        EXPECT_EQ(response.result(), http::status::request_timeout) << part;
        EXPECT_FALSE(response.keep_alive());
        EXPECT_TRUE(client.closed_by_server());
    }
    Client silent{service.port()};
    EXPECT_TRUE(silent.closed_by_server());
}

TEST(HttpExample, AClientThatDoesNotReadIsDropped) {
    Options options;
    options.server.request_timeout = 200ms;
    Service service{options};
    Client client{service.port()};
    const auto send_for_ever = [&client] {
        for (;;) {
            client.send(head("GET /metrics"));
        }
    };
    EXPECT_THROW(send_for_ever(), boost::system::system_error);
}

TEST(HttpExample, AnIdleConnectionIsClosed) {
    Options options;
    options.server.idle_timeout = 50ms;
    Service service{options};
    Client client{service.port()};
    EXPECT_TRUE(client.exchange(post("[1]")).keep_alive());
    EXPECT_TRUE(client.closed_by_server());
}

TEST(HttpExample, AJobIsNotTimedOutAsASlowClient) {
    Options options;
    options.server.request_timeout = 200ms;
    options.gated = true;
    Service service{options};
    Client client{service.port()};
    Client silent{service.port()};
    client.send(post("[1]"));
    service.gate().await_job();
    EXPECT_TRUE(silent.closed_by_server()) << "so the time has passed";
    service.gate().open();
    EXPECT_EQ(client.receive().result(), http::status::ok);
}

TEST(HttpExample, NewcomersWaitWhenThereAreTooManyConnections) {
    Options options;
    options.server.max_connections = 2;
    Service service{options};
    Client first{service.port()};
    auto second = std::make_unique<Client>(service.port());
    EXPECT_EQ(first.exchange(post("[1]")).result(), http::status::ok);
    EXPECT_EQ(second->exchange(post("[1]")).result(), http::status::ok);

    Client third{service.port()};
    third.send(post("[3]"));
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(parse(first.exchange(head("GET /metrics"))).at("ledger").at("submitted"), 2);
    }
    second.reset();
    EXPECT_EQ(parse(third.receive()).at("sum"), 3);
}

TEST(HttpExample, OverloadIsAnsweredWithRetryAfter) {
    Options options;
    options.workers = 1;
    options.worker.max_concurrency = 1;
    options.worker.queue_capacity = 1;
    options.gated = true;
    Service service{options};
    Client running{service.port()};
    Client queued{service.port()};
    Client rejected{service.port()};

    running.send(post("[1]"));
    service.gate().await_job();
    queued.send(post("[2]"));
    while (parse(rejected.exchange(head("GET /metrics"))).at("workers")[0].at("queue_len") == 0) {
        std::this_thread::yield();
    }
    const Response response = rejected.exchange(post("[3]"));
    EXPECT_EQ(response.result(), http::status::service_unavailable);
    EXPECT_EQ(response[http::field::retry_after], "1");
    EXPECT_TRUE(response.keep_alive());

    service.gate().open();
    EXPECT_EQ(parse(running.receive()).at("sum"), 1);
    service.gate().open();
    EXPECT_EQ(parse(queued.receive()).at("sum"), 2);
    service.gate().open();
    EXPECT_EQ(parse(rejected.exchange(post("[3]"))).at("sum"), 3) << "there is room again";
    EXPECT_EQ(service.pool().ledger().rejected, 1U);
}

TEST(HttpExample, ADeadlineIsKept) {
    Options options;
    options.gated = true;
    Service service{options};
    Client client{service.port()};
    const auto post_within = [](std::string_view limit) {
        return head("POST /submit", {{"Content-Length", "3"}, {"X-Deadline-Ms", limit}}) + "[1]";
    };
    EXPECT_EQ(client.exchange(post_within("20")).result(), http::status::gateway_timeout);
    EXPECT_EQ(client.exchange(post_within("0")).result(), http::status::gateway_timeout);
    for (const std::string_view bad : {"soon", "-1", "1.5", "99999999999"}) {
        EXPECT_EQ(client.exchange(post_within(bad)).result(), http::status::bad_request) << bad;
    }
    EXPECT_EQ(service.pool().ledger().expired, 2U);
}

TEST(HttpExample, StopFinishesWhatIsInFlight) {
    Options options;
    options.gated = true;
    Service service{options};
    Client busy{service.port()};
    Client idle{service.port()};
    Client late{service.port()};
    busy.send(post("[1]") + post("[2]"));
    service.gate().await_job();
    EXPECT_EQ(idle.exchange(head("GET /metrics")).result(), http::status::ok);
    late.send(head("GET /metrics") + post("[2]").substr(0, 30));
    EXPECT_EQ(late.receive().result(), http::status::ok);  // and the rest has been read, too

    std::future<dispatch::Ledger> stopped = service.stop();
    EXPECT_TRUE(idle.closed_by_server());
    const Response refused = late.exchange(post("[2]").substr(30));
    EXPECT_EQ(refused.result(), http::status::service_unavailable);
    EXPECT_FALSE(refused.keep_alive());
    EXPECT_TRUE(late.closed_by_server());
    EXPECT_EQ(stopped.wait_for(0s), std::future_status::timeout);

    service.gate().open();
    const Response response = busy.receive();
    EXPECT_EQ(parse(response).at("sum"), 1);
    EXPECT_FALSE(response.keep_alive());
    EXPECT_TRUE(busy.closed_by_server()) << "the second request is not answered after Connection: close";

    dispatch::Ledger expected;
    expected.submitted = expected.completed = 1;
    EXPECT_EQ(stopped.get(), expected);
    EXPECT_THROW(Client{service.port()}, boost::system::system_error) << "nobody listens any more";
}

TEST(HttpExample, StopWaitsOnlySoLong) {
    Options options;
    options.gated = true;
    options.server.drain_timeout = 50ms;
    Service service{options};
    Client client{service.port()};
    client.send(post("[1]"));
    service.gate().await_job();
    const dispatch::Ledger ledger = service.stop().get();
    EXPECT_EQ(ledger.submitted, 1U);
    EXPECT_EQ(ledger.stopped, 1U);
    const Response response = client.receive();
    EXPECT_EQ(response.result(), http::status::service_unavailable);
    EXPECT_FALSE(response.keep_alive());
}

TEST(HttpExample, APortInUseIsAnError) {
    Service service;
    net::thread_pool threads{1};
    example::ServerConfig config;
    config.port = service.port();
    example::HttpServer second{threads.get_executor(), service.pool(), config};
    EXPECT_THROW(second.start(), boost::system::system_error);
}

TEST(HttpExampleFlags, AreReadIntoTheirVariables) {
    int number = 1;
    std::chrono::milliseconds duration = 2s;
    std::string address = "127.0.0.1";
    example::Flags flags;
    flags.number("--number", number, -5, 5, "a number");
    flags.seconds("--seconds", duration, 0, 60, "a duration");
    flags.ip_address("--address", address, "an address");
    const auto parse = [&flags](std::vector<const char*> arguments) { return flags.parse(arguments); };

    EXPECT_TRUE(parse({}));
    EXPECT_EQ(number, 1);
    EXPECT_TRUE(parse({"--number", "-5", "--seconds=60", "--address", "::1"}));
    EXPECT_EQ(number, -5);
    EXPECT_EQ(duration, 60s);
    EXPECT_EQ(address, "::1");
    EXPECT_FALSE(parse({"--number", "4", "--help"}));
    EXPECT_NE(flags.help().find("  --seconds S   a duration (default 2)\n"), std::string::npos) << flags.help();

    const std::map<std::vector<const char*>, std::string> bad{
        {{"--number", "6"}, "--number: \"6\" is not a whole number from -5 to 5"},
        {{"--number="}, "--number: \"\" is not a whole number from -5 to 5"},
        {{"--number", "1x"}, "--number: \"1x\" is not a whole number from -5 to 5"},
        {{"--seconds", "99999999999999999999"},
         "--seconds: \"99999999999999999999\" is not a whole number from 0 to 60"},
        {{"--address", "here"}, "--address: \"here\" is not an IP address"},
        {{"--number"}, "--number needs a value"},
        {{"--other", "1"}, "unknown flag \"--other\""},
    };
    for (const auto& [arguments, expected] : bad) {
        try {
            parse(arguments);
            ADD_FAILURE() << expected;
        } catch (const example::FlagError& error) {
            EXPECT_EQ(error.what(), expected);
        }
    }
}

}  // namespace
