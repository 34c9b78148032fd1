// SPDX-License-Identifier: Apache-2.0
// Responses that an HttpClient reads as they arrive.
#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/base/run_cancellable.hpp>
#include <gateway/upstream/http_client.hpp>

#include "support/certificates.hpp"
#include "support/deadlines.hpp"
#include "support/fake_upstream.hpp"
#include "support/temporary_file.hpp"

namespace response_reader_test {

namespace net = gateway::net;
namespace http = gateway::http;
using gateway::Clock;
using gateway::HttpClient;
using gateway::HttpClientOptions;
using gateway::Origin;
using gateway::ResponseReader;
using gateway::TransportError;
using gateway::UpstreamRequest;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Behaviour;
using test::FakeUpstream;
using test::in;
using test::patiently;
using Kind = Behaviour::Kind;

constexpr std::size_t more_than_sockets_hold = 40 * 1024 * 1024;

UpstreamRequest post() {
    UpstreamRequest request{http::verb::post, "/v1/chat/completions", 11};
    request.body() = R"({"model":"m","messages":[{"role":"user","content":"hello"}]})";
    return request;
}

/// A client, and a strand on which all of a test's reading is done.
class ResponseReaderTest : public testing::Test {
  protected:
    ~ResponseReaderTest() override {
        reader_.reset();
        client_.reset();
        threads_.join();
    }

    template <typename T>
    T run(net::awaitable<T> work) {
        return net::co_spawn(strand_, std::move(work), net::use_future).get();
    }

    void start(HttpClientOptions options = {}) {
        client_ = std::make_unique<HttpClient>(threads_.get_executor(), std::move(options));
    }

    void open(const Origin& origin) { reader_ = run(client_->open(origin, post(), patiently())); }

    std::optional<std::string> read() { return run(reader_->read(patiently())); }

    /// The rest of the body.
    std::string read_all() {
        std::string body;
        while (const std::optional<std::string> bytes = read()) {
            EXPECT_FALSE(bytes->empty());
            body += *bytes;
        }
        return body;
    }

    TransportError error_of_read(Clock::time_point deadline = patiently()) {
        try {
            (void)run(reader_->read(deadline));
        } catch (const TransportError& error) {
            return error;
        }
        throw std::logic_error{"it can be read"};
    }

    /// Once the reader is destroyed, with what it holds.
    void drop() {
        net::post(strand_, [reader = std::move(reader_)] {});
    }

    net::thread_pool threads_{2};
    net::strand<net::any_io_executor> strand_{net::make_strand(net::any_io_executor{threads_.get_executor()})};
    std::unique_ptr<HttpClient> client_;
    std::unique_ptr<ResponseReader> reader_;
};

TEST_F(ResponseReaderTest, ReadsEachPartBeforeTheNextIsSent) {
    FakeUpstream upstream;
    start();
    for (int i = 0; i < 3; ++i) {
        upstream.script({Behaviour::in_parts({"one", "two", "three"})});
        open(upstream.origin());
        EXPECT_EQ(reader_->head().result(), http::status::ok);
        EXPECT_EQ(reader_->head()[http::field::content_type], "text/event-stream");
        for (const std::string part : {"one", "two", "three"}) {
            EXPECT_EQ(read(), part);
            upstream.release();
        }
        EXPECT_EQ(read(), std::nullopt);
        EXPECT_EQ(read(), std::nullopt) << "nothing comes after the end";
    }
    EXPECT_EQ(upstream.accepted(), 1U) << "a connection whose response was read is used again";
    EXPECT_EQ(client_->metrics().idle, 1U);
}

TEST_F(ResponseReaderTest, ReadsWithTls) {
    const test::CertificateAuthority authority;
    const test::TemporaryFile ca_file{authority.certificate()};
    test::FakeUpstreamOptions tls;
    tls.tls = authority.issue();
    FakeUpstream upstream{tls};
    HttpClientOptions options;
    options.ca_file = ca_file.path();
    start(options);
    for (int i = 0; i < 2; ++i) {
        upstream.script({Behaviour::in_parts({"one", "two"})});
        open(upstream.origin());
        EXPECT_EQ(read(), "one");
        upstream.release();
        EXPECT_EQ(read_all(), "two");
    }
    EXPECT_EQ(upstream.accepted(), 1U);
    upstream.script({Behaviour::in_parts({"one", "two"})});
    open(upstream.origin());
    drop();
    EXPECT_TRUE(upstream.await_open(0));
}

TEST_F(ResponseReaderTest, ReadsWhateverFormABodyHas) {
    FakeUpstream upstream;
    start();
    for (const Kind kind : {Kind::answer, Kind::chunked, Kind::until_close, Kind::interim}) {
        upstream.script({Behaviour::of(kind)});
        open(upstream.origin());
        EXPECT_NE(read_all().find("echo: "), std::string::npos);
    }
    Behaviour empty = Behaviour::in_parts({});
    upstream.script({empty});
    open(upstream.origin());
    EXPECT_EQ(read(), std::nullopt);
    upstream.script({Behaviour::huge(5'000'000)});
    open(upstream.origin());
    EXPECT_EQ(read_all().size(), 5'000'000U);
}

TEST_F(ResponseReaderTest, AnErrorHasABodyAsWell) {
    FakeUpstream upstream;
    upstream.script({Behaviour::status(503)});
    start();
    open(upstream.origin());
    EXPECT_EQ(reader_->head().result_int(), 503U);
    EXPECT_NE(read_all().find("As the script says"), std::string::npos);
    EXPECT_EQ(client_->metrics().idle, 1U);
}

TEST_F(ResponseReaderTest, TheConnectionOfOneThatIsDroppedIsClosed) {
    FakeUpstream upstream;
    upstream.script({Behaviour::in_parts({"one", "two"})});
    start();
    open(upstream.origin());
    EXPECT_EQ(read(), "one");
    EXPECT_TRUE(upstream.await_open(1));
    drop();
    EXPECT_TRUE(upstream.await_open(0));
    EXPECT_EQ(client_->metrics().idle, 0U);
}

TEST_F(ResponseReaderTest, ItsConnectionIsOneOfSoMany) {
    FakeUpstream upstream;
    HttpClientOptions options;
    options.max_connections = 1;
    start(options);
    upstream.script({Behaviour::in_parts({"one", "two"})});
    open(upstream.origin());
    EXPECT_EQ(read(), "one");
    EXPECT_THROW(run(client_->send(upstream.origin(), post(), in(milliseconds{20}))), TransportError);
    upstream.release();
    EXPECT_EQ(read_all(), "two");
    EXPECT_EQ(run(client_->send(upstream.origin(), post(), patiently())).result_int(), 200U);
}

TEST_F(ResponseReaderTest, ABodyThatBreaksOffIsAnError) {
    FakeUpstream upstream;
    upstream.script({Behaviour::in_parts({"one", "two"}, true)});
    start();
    open(upstream.origin());
    EXPECT_EQ(read(), "one");
    upstream.release();
    EXPECT_EQ(read(), "two");
    const TransportError error = error_of_read();
    EXPECT_EQ(error.stage(), TransportError::Stage::receiving);
    EXPECT_EQ(error.problem(), "it closed the connection in the middle of the response");
    EXPECT_EQ(client_->metrics().failed_receiving, 1U);
    drop();
    EXPECT_TRUE(upstream.await_open(0));
}

TEST_F(ResponseReaderTest, EachPartHasItsTime) {
    FakeUpstream upstream;
    upstream.script({Behaviour::in_parts({"one", "two"})});
    start();
    open(upstream.origin());
    EXPECT_EQ(read(), "one");
    const TransportError error = error_of_read(in(milliseconds{20}));
    EXPECT_TRUE(error.timed_out());
    EXPECT_EQ(error.problem(), "its response did not go on in time");
    EXPECT_TRUE(upstream.await_open(0));
}

TEST_F(ResponseReaderTest, TheHeadHasItsTime) {
    FakeUpstream upstream;
    upstream.script({Behaviour::of(Kind::hang)});
    start();
    try {
        reader_ = run(client_->open(upstream.origin(), post(), in(milliseconds{20})));
        ADD_FAILURE() << "there is a head";
    } catch (const TransportError& error) {
        EXPECT_TRUE(error.timed_out());
    }
}

TEST_F(ResponseReaderTest, ABodyMayBeOfAnyLength) {
    FakeUpstream upstream;
    upstream.script({Behaviour::of(Kind::endless)});
    HttpClientOptions options;
    options.body_limit = 1'000;
    start(options);
    open(upstream.origin());
    for (std::size_t bytes = 0; bytes < 1'000'000;) {
        bytes += read().value().size();
    }
}

TEST_F(ResponseReaderTest, WhoReadsSlowlySlowsTheUpstream) {
    FakeUpstream upstream;
    upstream.script({Behaviour::of(Kind::endless)});
    HttpClientOptions options;
    start(options);
    open(upstream.origin());
    EXPECT_TRUE(read().has_value());

    FakeUpstream another;
    another.script({Behaviour::of(Kind::endless)});
    const std::unique_ptr<ResponseReader> fast = run(client_->open(another.origin(), post(), patiently()));
    for (std::size_t bytes = 0; bytes < more_than_sockets_hold;) {
        bytes += run(fast->read(patiently())).value().size();
    }
    EXPECT_LT(upstream.endless_bytes(), more_than_sockets_hold);
}

TEST_F(ResponseReaderTest, AReadCanBeCancelled) {
    FakeUpstream upstream;
    upstream.script({Behaviour::in_parts({"one", "two"})});
    start();
    open(upstream.origin());
    EXPECT_EQ(read(), "one");
    const auto signal = std::make_shared<net::cancellation_signal>();
    auto reading =
        net::co_spawn(strand_, gateway::run_cancellable(reader_->read(patiently()), signal), net::use_future);
    net::post(strand_, [signal] { signal->emit(net::cancellation_type::terminal); });
    try {
        (void)reading.get();
        ADD_FAILURE() << "it was read";
    } catch (const boost::system::system_error& error) {
        EXPECT_EQ(error.code(), net::error::operation_aborted);
    }
    EXPECT_TRUE(upstream.await_open(0));
}

TEST_F(ResponseReaderTest, MayOutliveItsClient) {
    FakeUpstream upstream;
    upstream.script({Behaviour::in_parts({"one", "two"})});
    start();
    open(upstream.origin());
    client_.reset();
    upstream.release();
    EXPECT_EQ(read_all(), "onetwo");
    EXPECT_TRUE(upstream.await_open(0)) << "it is not kept";
}

}  // namespace response_reader_test
