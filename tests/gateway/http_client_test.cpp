// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/base/json.hpp>
#include <gateway/upstream/connection.hpp>
#include <gateway/upstream/connection_pool.hpp>
#include <gateway/upstream/http_client.hpp>
#include <gateway/upstream/tls_context.hpp>

#include "support/certificates.hpp"
#include "support/deadlines.hpp"
#include "support/fake_upstream.hpp"
#include "support/temporary_file.hpp"

namespace http_client_test {

namespace net = gateway::net;
namespace http = gateway::http;
using gateway::Clock;
using gateway::HttpClient;
using gateway::HttpClientOptions;
using gateway::HttpResponse;
using gateway::Origin;
using gateway::TransportError;
using gateway::UpstreamRequest;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Behaviour;
using test::FakeUpstream;
using test::FakeUpstreamOptions;
using test::in;
using test::patiently;
using test::TemporaryFile;
using Kind = Behaviour::Kind;
using Stage = TransportError::Stage;

UpstreamRequest chat(const std::string& prompt) {
    gateway::Json message;
    message["role"] = "user";
    message["content"] = prompt;
    gateway::Json body;
    body["model"] = "m";
    body["messages"] = gateway::Json::array({message});
    UpstreamRequest request{http::verb::post, "/v1/chat/completions", 11};
    request.set(http::field::content_type, "application/json");
    request.body() = gateway::dump(body);
    return request;
}

std::string text_of(const HttpResponse& response) {
    return gateway::parse_json(response.body()).at("choices").at(0).at("message").at("content").get<std::string>();
}

using Signal = std::shared_ptr<net::cancellation_signal>;

/// A send that is under way, and can be cancelled. The coroutine looks at the signal until it is gone, which is
/// a moment after its result is there.
class Sending {
  public:
    Sending(const net::any_io_executor& executor, Signal signal, HttpClient& client, const Origin& origin,
            UpstreamRequest request, Clock::time_point deadline)
        : signal_{std::move(signal)},
          strand_{net::make_strand(executor)},
          result_{net::co_spawn(strand_, client.send(origin, std::move(request), deadline),
                                net::bind_cancellation_slot(signal_->slot(), net::use_future))} {}

    void cancel() {
        net::post(strand_, [signal = signal_] { signal->emit(net::cancellation_type::terminal); });
    }

    HttpResponse get() { return result_.get(); }

    [[nodiscard]] bool aborted() {
        try {
            (void)get();
        } catch (const boost::system::system_error& error) {
            return error.code() == net::error::operation_aborted;
        }
        return false;
    }

    /// Why it failed. Throws if it did not.
    TransportError error() {
        try {
            (void)get();
        } catch (const TransportError& error) {
            return error;
        }
        throw std::logic_error{"there is a response"};
    }

  private:
    Signal signal_;
    net::any_io_executor strand_;
    std::future<HttpResponse> result_;
};

class HttpClientTest : public testing::Test {
  protected:
    ~HttpClientTest() override {
        threads_.join();
        signals_.clear();  // they refer to strands, which must not outlive their context
    }

    Sending start(HttpClient& client, const Origin& origin, UpstreamRequest request = chat("hello"),
                  Clock::time_point deadline = patiently()) {
        return Sending{threads_.get_executor(), new_signal(), client, origin, std::move(request), deadline};
    }

    HttpResponse send(HttpClient& client, const Origin& origin, UpstreamRequest request = chat("hello")) {
        return start(client, origin, std::move(request)).get();
    }

    /// How a request fails that has time enough to fail as why says, and no more: how long it takes to come so far is
    /// for the machine to say.
    TransportError past_deadline(HttpClient& client, const Origin& origin, std::string_view why) {
        for (milliseconds limit{50};; limit *= 2) {
            TransportError error = start(client, origin, chat("hello"), in(limit)).error();
            EXPECT_TRUE(error.timed_out());
            if (limit > seconds{30} || std::string_view{error.what()}.find(why) != std::string_view::npos) {
                return error;
            }
        }
    }

    HttpClient client(HttpClientOptions options = {}) {
        return HttpClient{threads_.get_executor(), std::move(options)};
    }

    /// One that lives until the coroutine is gone.
    Signal new_signal() { return signals_.emplace_back(std::make_shared<net::cancellation_signal>()); }

    std::vector<Signal> signals_;
    net::thread_pool threads_{2};
};

void expect_failure(const TransportError& error, Stage stage, bool timed_out, const std::string& what) {
    EXPECT_EQ(error.stage(), stage) << error.what();
    EXPECT_EQ(error.timed_out(), timed_out) << error.what();
    EXPECT_NE(std::string{error.what()}.find(what), std::string::npos) << error.what();
}

TEST_F(HttpClientTest, KeepsTheConnection) {
    FakeUpstream upstream;
    HttpClient client = this->client();
    for (const std::string prompt : {"one", "two", "three"}) {
        EXPECT_EQ(text_of(send(client, upstream.origin(), chat(prompt))), "echo: " + prompt);
    }
    EXPECT_EQ(upstream.accepted(), 1U);
    const gateway::HttpClientMetrics metrics = client.metrics();
    EXPECT_EQ(metrics.opened, 1U);
    EXPECT_EQ(metrics.reused, 2U);
    EXPECT_EQ(metrics.idle, 1U);
}

TEST_F(HttpClientTest, SetsItsHeadersAndLeavesTheOthers) {
    FakeUpstream upstream;
    HttpClientOptions options;
    options.user_agent = "a-test";
    HttpClient client = this->client(options);
    UpstreamRequest request = chat("hello");
    request.set("X-Mine", "1");
    request.set(http::field::connection, "close");
    request.set(http::field::host, "wrong.example");
    (void)send(client, upstream.origin(), request);

    const test::SeenRequest seen = upstream.requests().at(0);
    EXPECT_EQ(seen.header("Host"), "127.0.0.1:" + std::to_string(upstream.origin().port));
    EXPECT_EQ(seen.header("User-Agent"), "a-test");
    EXPECT_EQ(seen.header("Content-Length"), std::to_string(request.body().size()));
    EXPECT_EQ(seen.header("Connection"), "");
    EXPECT_EQ(seen.header("X-Mine"), "1");
    EXPECT_EQ(seen.body, request.body());
    EXPECT_EQ(client.metrics().idle, 1U);
}

TEST_F(HttpClientTest, AnyStatusIsAResponseAndNoRedirectIsFollowed) {
    FakeUpstream upstream;
    upstream.script({Behaviour::status(302), Behaviour::retry_after(429, "2"), Behaviour::status(500)});
    HttpClient client = this->client();
    const HttpResponse redirect = send(client, upstream.origin());
    EXPECT_EQ(redirect.result_int(), 302U);
    EXPECT_EQ(gateway::view(redirect[http::field::location]), "http://192.0.2.1/elsewhere");
    const HttpResponse too_many = send(client, upstream.origin());
    EXPECT_EQ(too_many.result_int(), 429U);
    EXPECT_EQ(gateway::view(too_many[http::field::retry_after]), "2");
    EXPECT_EQ(send(client, upstream.origin()).result_int(), 500U);
    EXPECT_EQ(upstream.accepted(), 1U);
    EXPECT_EQ(client.metrics().failed_waiting + client.metrics().failed_receiving, 0U);
}

TEST_F(HttpClientTest, TakesResponsesOfEveryShape) {
    FakeUpstream upstream;
    upstream.script({Behaviour::of(Kind::chunked), Behaviour::of(Kind::interim), Behaviour::huge(1'000'000)});
    HttpClient client = this->client();
    EXPECT_EQ(text_of(send(client, upstream.origin())), "echo: hello");
    EXPECT_EQ(text_of(send(client, upstream.origin())), "echo: hello");
    EXPECT_EQ(send(client, upstream.origin()).body().size(), 1'000'000U);
    const UpstreamRequest head{http::verb::head, "/nowhere", 11};
    const HttpResponse without_body = send(client, upstream.origin(), head);
    EXPECT_EQ(without_body.result_int(), 404U);
    EXPECT_NE(gateway::view(without_body[http::field::content_length]), "0");
    EXPECT_EQ(without_body.body(), "");
    EXPECT_EQ(upstream.accepted(), 1U);
    EXPECT_EQ(client.metrics().idle, 1U);
    upstream.script({Behaviour::of(Kind::until_close)});
    EXPECT_EQ(text_of(send(client, upstream.origin())), "echo: hello");
    EXPECT_EQ(client.metrics().idle, 0U);
}

TEST_F(HttpClientTest, SaysWhatTheUpstreamDidWrong) {
    struct Case {
        Behaviour behaviour;
        Stage stage;
        std::string what;
    };
    HttpClientOptions options;
    options.body_limit = 100'000;
    options.header_limit = 4'000;
    Behaviour long_header;
    long_header.headers.emplace_back("X-Long", std::string(5'000, 'x'));
    const std::vector<Case> cases{
        {Behaviour::of(Kind::close), Stage::waiting, "closed the connection without a response"},
        {Behaviour::of(Kind::reset), Stage::waiting, "reset the connection before a response"},
        {Behaviour::of(Kind::half), Stage::receiving, "closed the connection in the middle of the response"},
        {Behaviour::of(Kind::half_reset), Stage::receiving, "reset the connection in the middle of the response"},
        {Behaviour::of(Kind::garbage), Stage::receiving, "not valid HTTP"},
        {Behaviour::huge(100'001), Stage::receiving, "body is over 100000 bytes"},
        {long_header, Stage::receiving, "header is over 4000 bytes"},
    };
    FakeUpstream upstream;
    HttpClient client = this->client(options);
    std::size_t connections = 0;
    for (const Case& expected : cases) {
        upstream.script({expected.behaviour});
        Sending sending = start(client, upstream.origin());
        expect_failure(sending.error(), expected.stage, false, upstream.url() + ": ");
        upstream.script({expected.behaviour});
        Sending again = start(client, upstream.origin());
        expect_failure(again.error(), expected.stage, false, expected.what);
        connections += 2;
        EXPECT_EQ(upstream.accepted(), connections) << "a broken connection was used again";
        EXPECT_EQ(client.metrics().idle, 0U);
    }
    EXPECT_EQ(client.metrics().failed_waiting, 4U);
    EXPECT_EQ(client.metrics().failed_receiving, 2 * cases.size() - 4U);
    EXPECT_EQ(client.metrics().timeouts, 0U);
    EXPECT_TRUE(upstream.await_open(0));
}

TEST_F(HttpClientTest, AFailureOnAKeptConnectionIsReportedAndTriedOnce) {
    FakeUpstream upstream;
    HttpClient client = this->client();
    (void)send(client, upstream.origin());
    upstream.script({Behaviour::of(Kind::close)});
    expect_failure(start(client, upstream.origin()).error(), Stage::waiting, false, "without a response");
    EXPECT_EQ(upstream.requests().size(), 2U);
    EXPECT_EQ(upstream.accepted(), 1U);
}

TEST_F(HttpClientTest, DoesNotKeepAConnectionThatTheUpstreamGivesUp) {
    FakeUpstream upstream;
    Behaviour last;
    last.headers.emplace_back("Connection", "close");
    upstream.script({Behaviour::status(503), last});
    HttpClient client = this->client();
    EXPECT_EQ(send(client, upstream.origin()).result_int(), 503U);
    EXPECT_EQ(client.metrics().idle, 1U);
    EXPECT_EQ(send(client, upstream.origin()).result_int(), 200U);
    EXPECT_EQ(client.metrics().idle, 0U);
    EXPECT_EQ(upstream.accepted(), 1U);
}

// TLS

class HttpClientTlsTest : public HttpClientTest {
  protected:
    FakeUpstreamOptions tls(test::Identity identity) {
        FakeUpstreamOptions options;
        options.tls = std::move(identity);
        return options;
    }

    HttpClientOptions trusting(const TemporaryFile& authority) {
        HttpClientOptions options;
        options.ca_file = authority.path();
        return options;
    }

    test::CertificateAuthority authority_;
    TemporaryFile ca_file_{authority_.certificate()};
};

TEST_F(HttpClientTlsTest, KeepsTheConnection) {
    FakeUpstream upstream{tls(authority_.issue())};
    HttpClient client = this->client(trusting(ca_file_));
    EXPECT_EQ(text_of(send(client, upstream.origin(), chat("one"))), "echo: one");
    EXPECT_EQ(text_of(send(client, upstream.origin(), chat("two"))), "echo: two");
    EXPECT_EQ(send(client, upstream.origin(), chat(std::string(300'000, 'x'))).result_int(), 200U);
    EXPECT_EQ(upstream.accepted(), 1U);
}

TEST_F(HttpClientTlsTest, TakesANameForAHost) {
    FakeUpstream upstream{tls(authority_.issue())};
    Origin origin = upstream.origin();
    origin.host = "localhost";
    HttpClient client = this->client(trusting(ca_file_));
    EXPECT_EQ(text_of(send(client, origin)), "echo: hello");
    EXPECT_EQ(upstream.requests().at(0).header("Host"), "localhost:" + std::to_string(origin.port));
}

TEST_F(HttpClientTlsTest, SaysWhatIsWrongWithACertificate) {
    const test::CertificateAuthority unknown;
    test::CertificateRequest early;
    early.from = std::chrono::hours{24};
    early.until = std::chrono::hours{48};
    struct Case {
        test::Identity identity;
        std::string what;
    };
    for (const Case& expected : {
             Case{authority_.issue_expired(), "its certificate has expired"},
             Case{authority_.issue(early), "not valid yet"},
             Case{authority_.issue_for_another_host(), "its certificate is for another host"},
             Case{unknown.issue(), "signed by an unknown authority"},
         }) {
        FakeUpstream upstream{tls(expected.identity)};
        HttpClient client = this->client(trusting(ca_file_));
        Origin by_name = upstream.origin();
        by_name.host = "localhost";
        expect_failure(start(client, upstream.origin()).error(), Stage::connecting, false, expected.what);
        expect_failure(start(client, by_name).error(), Stage::connecting, false, expected.what);
        EXPECT_TRUE(upstream.requests().empty());
        EXPECT_TRUE(upstream.await_open(0));
        EXPECT_EQ(client.metrics().failed_connecting, 2U);
        EXPECT_EQ(client.metrics().opened, 0U);
    }
}

TEST_F(HttpClientTlsTest, WithoutAFileTheAuthoritiesAreTheSystems) {
    FakeUpstream upstream{tls(authority_.issue())};
    HttpClient client = this->client();
    expect_failure(start(client, upstream.origin()).error(), Stage::connecting, false, "unknown authority");
}

TEST_F(HttpClientTlsTest, NoticesThatTheOtherSideSpeaksNoTls) {
    FakeUpstream plain;
    Origin origin = plain.origin();
    origin.tls = true;
    HttpClient client = this->client(trusting(ca_file_));
    expect_failure(start(client, origin).error(), Stage::connecting, false, "does not speak TLS");
}

TEST_F(HttpClientTlsTest, RefusesANameThatTlsCannotCarry) {
    net::ssl::context context = gateway::client_tls_context(ca_file_.path());
    net::ssl::stream<gateway::tcp::socket> session{threads_, context};
    EXPECT_TRUE(gateway::expect_host(session.native_handle(), std::string(300, 'x')));
    EXPECT_FALSE(gateway::expect_host(session.native_handle(), "localhost"));
}

TEST_F(HttpClientTlsTest, FailuresAreThoseOfPlainConnections) {
    FakeUpstream upstream{tls(authority_.issue())};
    upstream.script({Behaviour::of(Kind::close), Behaviour::of(Kind::half), Behaviour::of(Kind::reset)});
    HttpClient client = this->client(trusting(ca_file_));
    expect_failure(start(client, upstream.origin()).error(), Stage::waiting, false, "without a response");
    expect_failure(start(client, upstream.origin()).error(), Stage::receiving, false, "in the middle of the response");
    expect_failure(start(client, upstream.origin()).error(), Stage::waiting, false, "before a response");
}

// Connecting

TEST_F(HttpClientTest, SaysThatNobodyListens) {
    net::io_context context;
    net::ip::tcp::socket bound{context, {net::ip::make_address("127.0.0.1"), 0}};
    const Origin origin{false, "127.0.0.1", bound.local_endpoint().port()};
    HttpClient client = this->client();
    expect_failure(start(client, origin).error(), Stage::connecting, false, "cannot connect: Connection refused");
}

TEST_F(HttpClientTest, SaysThatANameCannotBeResolved) {
    const Origin origin{false, std::string(64, 'x') + ".invalid", 80};  // no label is that long: nobody is asked
    HttpClient client = this->client();
    expect_failure(start(client, origin).error(), Stage::connecting, false, "cannot be resolved");
}

TEST_F(HttpClientTest, TakesIpv6) {
    FakeUpstreamOptions options;
    options.address = "::1";
    std::optional<FakeUpstream> upstream;
    try {
        upstream.emplace(options);
    } catch (const boost::system::system_error& error) {
        GTEST_SKIP() << "no IPv6 here: " << error.what();
    }
    HttpClient client = this->client();
    EXPECT_EQ(text_of(send(client, upstream->origin())), "echo: hello");
    EXPECT_EQ(upstream->requests().at(0).header("Host"), "[::1]:" + std::to_string(upstream->origin().port));
}

// Deadlines

TEST_F(HttpClientTest, ADeadlineInThePastSendsNothing) {
    FakeUpstream upstream;
    HttpClient client = this->client();
    const Clock::time_point past = Clock::now() - seconds{1};
    expect_failure(start(client, upstream.origin(), chat("late"), past).error(), Stage::connecting, true, "in time");
    EXPECT_EQ(upstream.accepted(), 0U);
}

TEST_F(HttpClientTest, ConnectingHasALimitOfItsOwn) {
    FakeUpstreamOptions options;
    options.mute = true;
    FakeUpstream upstream{options};
    Origin origin = upstream.origin();
    origin.tls = true;
    HttpClientOptions hasty;
    hasty.connect_timeout = milliseconds{50};
    HttpClient client = this->client(hasty);
    expect_failure(start(client, origin).error(), Stage::connecting, true, "could not be connected to in time");
    EXPECT_TRUE(upstream.await_open(0));
}

TEST_F(HttpClientTest, TheDeadlineIsOverConnecting) {
    FakeUpstreamOptions options;
    options.mute = true;
    FakeUpstream upstream{options};
    Origin origin = upstream.origin();
    origin.tls = true;
    HttpClientOptions calm;
    calm.connect_timeout = seconds{60};
    HttpClient client = this->client(calm);
    expect_failure(start(client, origin, chat("hello"), in(milliseconds{50})).error(), Stage::connecting, true,
                   "could not be connected to in time");
    EXPECT_EQ(client.metrics().timeouts, 1U);
    EXPECT_EQ(client.metrics().failed_connecting, 1U);
}

TEST_F(HttpClientTest, TheDeadlineIsOverWaiting) {
    FakeUpstream upstream;
    HttpClient client = this->client();
    (void)send(client, upstream.origin());  // so that the next need not connect
    upstream.repeat({Behaviour::of(Kind::hang)});
    expect_failure(past_deadline(client, upstream.origin(), "did not respond"), Stage::waiting, true,
                   "did not respond in time");
    EXPECT_TRUE(upstream.await_open(0));
}

TEST_F(HttpClientTest, TheDeadlineIsOverReceiving) {
    FakeUpstream upstream;
    upstream.repeat({Behaviour::of(Kind::stall)});
    HttpClient client = this->client();
    expect_failure(past_deadline(client, upstream.origin(), "did not arrive"), Stage::receiving, true,
                   "did not arrive in full in time");
    EXPECT_TRUE(upstream.await_open(0));
}

TEST_F(HttpClientTest, TheDeadlineIsOverStandingInLine) {
    FakeUpstream upstream;
    upstream.script({Behaviour::of(Kind::hold)});
    HttpClientOptions options;
    options.max_connections = 1;
    HttpClient client = this->client(options);
    Sending first = start(client, upstream.origin());
    ASSERT_TRUE(upstream.await_requests(1));
    expect_failure(past_deadline(client, upstream.origin(), "none of"), Stage::connecting, true,
                   "none of the 1 connections that it may have became free in time");
    upstream.release();
    EXPECT_EQ(first.get().result_int(), 200U);
    EXPECT_EQ(send(client, upstream.origin()).result_int(), 200U);
}

// The number of connections

TEST_F(HttpClientTest, ThoseInLineAreServedInOrder) {
    net::thread_pool one_thread{1};  // so that they get in line in the order in which they are started
    {
        FakeUpstream upstream;
        upstream.script({Behaviour::of(Kind::hold)});
        HttpClientOptions options;
        options.max_connections = 1;
        HttpClient client{one_thread.get_executor(), options};
        std::vector<Sending> sendings;
        std::vector<std::string> prompts;
        for (int i = 0; i < 6; ++i) {
            prompts.push_back("prompt " + std::to_string(i));
            sendings.emplace_back(one_thread.get_executor(), new_signal(), client, upstream.origin(),
                                  chat(prompts.back()), patiently());
            ASSERT_TRUE(upstream.await_requests(1));
        }
        upstream.release();
        for (Sending& sending : sendings) {
            EXPECT_EQ(sending.get().result_int(), 200U);
        }
        const std::vector<test::SeenRequest> seen = upstream.requests();
        ASSERT_EQ(seen.size(), prompts.size());
        for (std::size_t i = 0; i < seen.size(); ++i) {
            EXPECT_NE(seen[i].body.find(prompts[i]), std::string::npos) << seen[i].body;
        }
        EXPECT_EQ(upstream.accepted(), 1U);
    }
    one_thread.join();
    signals_.clear();
}

TEST_F(HttpClientTest, TheLimitIsPerOrigin) {
    FakeUpstream busy;
    FakeUpstream other;
    busy.script({Behaviour::of(Kind::hold)});
    HttpClientOptions options;
    options.max_connections = 1;
    HttpClient client = this->client(options);
    Sending first = start(client, busy.origin());
    ASSERT_TRUE(busy.await_requests(1));
    EXPECT_EQ(send(client, other.origin()).result_int(), 200U);
    busy.release();
    EXPECT_EQ(first.get().result_int(), 200U);
}

TEST_F(HttpClientTest, KeepsNoMoreThanItMay) {
    FakeUpstream upstream;
    const std::vector<Behaviour> held(4, Behaviour::of(Kind::hold));
    upstream.script(held);
    HttpClientOptions options;
    options.max_idle = 2;
    HttpClient client = this->client(options);
    std::vector<Sending> sendings;
    for (std::size_t i = 0; i < held.size(); ++i) {
        sendings.push_back(start(client, upstream.origin()));
    }
    ASSERT_TRUE(upstream.await_requests(held.size()));
    EXPECT_EQ(upstream.open(), held.size());
    upstream.release();
    for (Sending& sending : sendings) {
        EXPECT_EQ(sending.get().result_int(), 200U);
    }
    EXPECT_TRUE(upstream.await_open(2));
    EXPECT_EQ(client.metrics().idle, 2U);
}

TEST_F(HttpClientTest, DoesNotUseAConnectionThatWasIdleForTooLong) {
    FakeUpstream upstream;
    HttpClientOptions options;
    options.idle_timeout = milliseconds{0};
    HttpClient client = this->client(options);
    (void)send(client, upstream.origin());
    (void)send(client, upstream.origin());
    EXPECT_EQ(upstream.accepted(), 2U);
    EXPECT_TRUE(upstream.await_open(1));
}

TEST_F(HttpClientTest, CloseEndsIdleConnectionsAndKeepsNone) {
    FakeUpstream upstream;
    upstream.script({Behaviour::answer(), Behaviour::of(Kind::hold)});
    HttpClient client = this->client();
    (void)send(client, upstream.origin());
    Sending under_way = start(client, upstream.origin());
    ASSERT_TRUE(upstream.await_requests(2));
    client.close();
    upstream.release();
    EXPECT_EQ(under_way.get().result_int(), 200U);
    EXPECT_TRUE(upstream.await_open(0));
    EXPECT_EQ(send(client, upstream.origin()).result_int(), 200U);
    EXPECT_TRUE(upstream.await_open(0));
    EXPECT_EQ(client.metrics().idle, 0U);
}

// The connection itself

class ConnectionTest : public HttpClientTest {
  protected:
    /// An answer to one request.
    HttpResponse use(gateway::Connection& connection) {
        return net::co_spawn(net::make_strand(threads_), open_and_exchange(connection), net::use_future).get();
    }

    static net::awaitable<HttpResponse> open_and_exchange(gateway::Connection& connection) {
        co_await connection.open();
        UpstreamRequest request = chat("hello");
        request.set(http::field::host, "localhost");
        request.prepare_payload();
        const gateway::ResponseLimits limits{4'000, 4'000};
        co_await connection.exchange(request, limits);
        co_return connection.take_response();
    }

    static bool becomes_unquiet(gateway::Connection& connection) {
        const Clock::time_point limit = patiently();
        while (connection.quiet() && Clock::now() < limit) {
            std::this_thread::yield();
        }
        return !connection.quiet();
    }

    net::ssl::context tls_ = gateway::client_tls_context("");
};

TEST_F(ConnectionTest, NoticesThatThePeerHasClosedIt) {
    FakeUpstream upstream;
    upstream.script({Behaviour::answer(), Behaviour::of(Kind::answer_close)});
    gateway::Connection kept{threads_.get_executor(), upstream.origin(), tls_};
    EXPECT_EQ(use(kept).result_int(), 200U);
    EXPECT_TRUE(kept.reusable());
    EXPECT_TRUE(kept.quiet());

    gateway::Connection closed{threads_.get_executor(), upstream.origin(), tls_};
    EXPECT_EQ(use(closed).result_int(), 200U);
    EXPECT_TRUE(closed.reusable());
    EXPECT_TRUE(becomes_unquiet(closed));
}

TEST_F(ConnectionTest, APoolHandsOutNoneThatThePeerHasClosed) {
    FakeUpstream upstream;
    upstream.script({Behaviour::answer(), Behaviour::of(Kind::answer_close)});
    auto alive = std::make_unique<gateway::Connection>(threads_.get_executor(), upstream.origin(), tls_);
    auto closed = std::make_unique<gateway::Connection>(threads_.get_executor(), upstream.origin(), tls_);
    EXPECT_EQ(use(*alive).result_int(), 200U);
    EXPECT_EQ(use(*closed).result_int(), 200U);
    ASSERT_TRUE(becomes_unquiet(*closed));

    const gateway::PoolLimits limits{2, 2, seconds{60}};
    gateway::OriginPool pool{threads_.get_executor(), upstream.origin(), limits};
    const gateway::Connection* const expected = alive.get();
    pool.put(std::move(alive));
    pool.put(std::move(closed));
    EXPECT_EQ(pool.take().get(), expected);
    EXPECT_EQ(pool.take(), nullptr);
}

// Cancellation

TEST_F(HttpClientTest, CancelledWhileStandingInLine) {
    FakeUpstream upstream;
    upstream.script({Behaviour::of(Kind::hold)});
    HttpClientOptions options;
    options.max_connections = 1;
    HttpClient client = this->client(options);
    Sending first = start(client, upstream.origin());
    ASSERT_TRUE(upstream.await_requests(1));
    Sending second = start(client, upstream.origin());
    second.cancel();
    EXPECT_TRUE(second.aborted());
    upstream.release();
    EXPECT_EQ(first.get().result_int(), 200U);
    EXPECT_EQ(send(client, upstream.origin()).result_int(), 200U);
    EXPECT_EQ(upstream.requests().size(), 2U);
}

TEST_F(HttpClientTest, CancelledDuringTheHandshake) {
    FakeUpstreamOptions options;
    options.mute = true;
    FakeUpstream upstream{options};
    Origin origin = upstream.origin();
    origin.tls = true;
    HttpClient client = this->client();
    Sending sending = start(client, origin);
    ASSERT_TRUE(upstream.await_accepted(1));
    sending.cancel();
    EXPECT_TRUE(sending.aborted());
    EXPECT_TRUE(upstream.await_open(0));
}

TEST_F(HttpClientTest, CancelledWithoutAndAmidAResponse) {
    for (const Kind kind : {Kind::hang, Kind::stall}) {
        FakeUpstream upstream;
        upstream.script({Behaviour::of(kind)});
        HttpClientOptions options;
        options.max_connections = 1;
        HttpClient client = this->client(options);
        Sending sending = start(client, upstream.origin());
        ASSERT_TRUE(upstream.await_requests(1));
        sending.cancel();
        EXPECT_TRUE(sending.aborted());
        EXPECT_TRUE(upstream.await_open(0));
        EXPECT_EQ(client.metrics().idle, 0U);
        EXPECT_EQ(send(client, upstream.origin()).result_int(), 200U) << "the place was given back";
        EXPECT_EQ(client.metrics().failed_waiting + client.metrics().failed_receiving, 0U);
    }
}

TEST_F(HttpClientTest, CancelledAtAnyMomentItEndsAndLeavesNothing) {
    const test::CertificateAuthority authority;
    const TemporaryFile ca_file{authority.certificate()};
    FakeUpstreamOptions tls;
    tls.tls = authority.issue();
    FakeUpstream upstream{tls};
    upstream.repeat({Behaviour::answer(), Behaviour::of(Kind::hang), Behaviour::of(Kind::stall)});
    HttpClientOptions options;
    options.max_connections = 3;
    options.ca_file = ca_file.path();
    HttpClient client = this->client(options);
    const Clock::time_point begun = Clock::now();
    EXPECT_EQ(text_of(start(client, upstream.origin()).get()), "echo: hello");
    const Clock::duration undisturbed = Clock::now() - begun;  // with the handshake
    constexpr int rounds = 60;
    int aborted = 0;
    for (int round = 0; round < rounds; ++round) {
        std::vector<Sending> sendings;
        for (int i = 0; i < 4; ++i) {
            sendings.push_back(start(client, upstream.origin()));
        }
        // The moments are spread over the time that it takes, and as much again, however busy this machine is. Counted
        // in yields they were early ones on a fast machine, and without end on a busy one.
        const Clock::time_point moment = Clock::now() + 2 * undisturbed * round / rounds;
        while (Clock::now() < moment) {
            std::this_thread::yield();
        }
        for (Sending& sending : sendings) {
            sending.cancel();
        }
        for (Sending& sending : sendings) {
            try {
                EXPECT_EQ(text_of(sending.get()), "echo: hello");
            } catch (const boost::system::system_error& error) {
                EXPECT_EQ(error.code(), net::error::operation_aborted);
                ++aborted;
            }
        }
    }
    EXPECT_GT(aborted, 0);
    client.close();
    EXPECT_TRUE(upstream.await_open(0));
}

// Many at a time

TEST_F(HttpClientTest, ManySendsFromManyThreads) {
    net::thread_pool callers{4};
    FakeUpstream upstream;
    upstream.repeat({Behaviour::answer(), Behaviour::of(Kind::chunked), Behaviour::of(Kind::close),
                     Behaviour::status(503), Behaviour::of(Kind::half), Behaviour::answer()});
    HttpClientOptions options;
    options.max_connections = 5;
    HttpClient client = this->client(options);
    struct Sum {
        std::atomic<int> answers{0};
        std::atomic<int> refusals{0};
        std::atomic<int> failures{0};
    } sum;
    struct Caller {
        static net::awaitable<void> run(HttpClient& client, Origin origin, int number, Sum& sum) {
            for (int i = 0; i < 30; ++i) {
                const std::string prompt = std::to_string(number) + "." + std::to_string(i);
                try {
                    auto sending = client.send(origin, chat(prompt), patiently());
                    const HttpResponse response = co_await std::move(sending);
                    if (response.result_int() == 503) {
                        ++sum.refusals;
                    } else {
                        EXPECT_EQ(text_of(response), "echo: " + prompt);
                        ++sum.answers;
                    }
                } catch (const TransportError&) {
                    ++sum.failures;
                }
            }
        }
    };
    std::vector<std::future<void>> done;
    for (int number = 0; number < 20; ++number) {
        done.push_back(net::co_spawn(net::make_strand(callers), Caller::run(client, upstream.origin(), number, sum),
                                     net::use_future));
    }
    for (std::future<void>& caller : done) {
        caller.get();
    }
    EXPECT_EQ(sum.answers, 300);
    EXPECT_EQ(sum.refusals, 100);
    EXPECT_EQ(sum.failures, 200);
    const gateway::HttpClientMetrics metrics = client.metrics();
    EXPECT_EQ(metrics.opened + metrics.reused, 600U);
    EXPECT_EQ(metrics.failed_waiting, 100U);
    EXPECT_EQ(metrics.failed_receiving, 100U);
    EXPECT_LE(metrics.idle, 5U);
    EXPECT_TRUE(upstream.await_open(metrics.idle));
    callers.join();
}

// Lifetime

TEST_F(HttpClientTest, MayBeDestroyedBeforeItsSends) {
    FakeUpstream upstream;
    upstream.script({Behaviour::of(Kind::hold)});
    std::optional<HttpClient> client;
    client.emplace(threads_.get_executor());
    Sending sending = start(*client, upstream.origin());
    ASSERT_TRUE(upstream.await_requests(1));
    client.reset();
    upstream.release();
    EXPECT_EQ(text_of(sending.get()), "echo: hello");
    EXPECT_TRUE(upstream.await_open(0));
}

TEST_F(HttpClientTest, ItsContextMayEndAmidSends) {
    FakeUpstream upstream;
    upstream.repeat({Behaviour::of(Kind::hang)});
    {
        net::thread_pool threads{2};
        HttpClientOptions options;
        options.max_connections = 2;
        HttpClient client{threads.get_executor(), options};
        for (int i = 0; i < 4; ++i) {
            net::co_spawn(net::make_strand(threads), client.send(upstream.origin(), chat("hello"), patiently()),
                          net::detached);
        }
        ASSERT_TRUE(upstream.await_requests(2));
        threads.stop();
        threads.join();
    }
    EXPECT_TRUE(upstream.await_open(0));
}

// Options

TEST_F(HttpClientTest, RefusesOptionsThatCannotWork) {
    const auto refusal = [this](auto change) -> std::string {
        HttpClientOptions options;
        change(options);
        try {
            (void)this->client(options);
        } catch (const std::invalid_argument& error) {
            return error.what();
        }
        return "none";
    };
    const auto names = [](const std::string& text, const std::string& option) {
        return text.find(option) != std::string::npos;
    };
    EXPECT_EQ(refusal([](HttpClientOptions&) {}), "none");
    EXPECT_TRUE(names(refusal([](HttpClientOptions& o) { o.max_connections = 0; }), "max_connections"));
    EXPECT_TRUE(names(refusal([](HttpClientOptions& o) { o.connect_timeout = {}; }), "connect_timeout"));
    EXPECT_TRUE(names(refusal([](HttpClientOptions& o) { o.header_limit = 0; }), "header_limit"));
    EXPECT_TRUE(names(refusal([](HttpClientOptions& o) { o.body_limit = 0; }), "body_limit"));
    EXPECT_TRUE(names(refusal([](HttpClientOptions& o) { o.ca_file = "/nowhere.pem"; }), "/nowhere.pem"));
    const TemporaryFile no_certificate{"hello"};
    EXPECT_TRUE(names(refusal([&](HttpClientOptions& o) { o.ca_file = no_certificate.path(); }), "PEM"));
}

}  // namespace http_client_test
