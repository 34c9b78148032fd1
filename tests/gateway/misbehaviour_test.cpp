// SPDX-License-Identifier: Apache-2.0
//
// The whole gateway with an upstream that misbehaves: what the client sees, what the job says, what is counted.
#include <chrono>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/upstream/http_client.hpp>
#include <gateway/upstream/openai.hpp>
#include <gateway/upstream/remote_model.hpp>
#include <gateway/upstream/vertex.hpp>

#include "support/certificates.hpp"
#include "support/fake_upstream.hpp"
#include "support/models.hpp"
#include "support/raw_client.hpp"
#include "support/temporary_file.hpp"
#include "support/test_gateway.hpp"

namespace {

using namespace std::chrono_literals;
using gateway::HttpResponse;
using gateway::Json;
using gateway::Model;
using test::Behaviour;
using test::FakeUpstream;
using test::head;
using test::message;
using test::prompt;
using test::RawClient;
using test::TestGateway;
namespace http = gateway::http;
namespace net = gateway::net;

/// A remote model with the client that it needs.
class ModelOfUpstream : public Model {
  public:
    ModelOfUpstream(const net::any_io_executor& executor, const gateway::Origin& origin, bool openai,
                    const std::string& ca_file)
        : client_{executor, client_options(ca_file)}, model_{make_api(openai), client_, nullptr, options(origin)} {}

    net::awaitable<Json> generate(const Json& request) override { return model_.generate(request); }

    gateway::UpstreamCounters counters() const { return model_.counters(); }

  private:
    static gateway::HttpClientOptions client_options(const std::string& ca_file) {
        gateway::HttpClientOptions options;
        options.body_limit = 100'000;
        options.ca_file = ca_file;
        return options;
    }

    static gateway::RemoteModelOptions options(const gateway::Origin& origin) {
        gateway::RemoteModelOptions options;
        options.origin = origin;
        options.retry.max_attempts = 3;
        options.retry.backoff_min = 1ms;
        options.retry.backoff_max = 1'500ms;
        options.attempt_timeout = 500ms;
        return options;
    }

    static std::unique_ptr<gateway::Api> make_api(bool openai) {
        if (openai) {
            return std::make_unique<gateway::OpenAiApi>("", "some-model");
        }
        return std::make_unique<gateway::VertexApi>("", "p", "l", "m");
    }

    gateway::HttpClient client_;
    gateway::RemoteModel model_;
};

struct Row {
    std::string name;
    std::string behaviours;  ///< of the first requests; then all is well
    std::string why;         ///< a part of the job's result; empty: it is completed
    std::uint64_t attempts = 1;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Misbehaviour : public testing::TestWithParam<std::tuple<bool, Row>> {};

TEST_P(Misbehaviour, IsToldAndCounted) {
    const bool openai = std::get<0>(GetParam());
    const Row& row = std::get<1>(GetParam());
    FakeUpstream upstream;
    if (!row.behaviours.empty()) {
        upstream.script(Behaviour::parse_list(row.behaviours));
    }
    ModelOfUpstream* model = nullptr;
    TestGateway gateway{[&](const net::any_io_executor& executor) {
        auto made = std::make_unique<ModelOfUpstream>(executor, upstream.origin(), openai, "");
        model = made.get();
        return made;
    }};
    RawClient client{gateway.port()};
    const HttpResponse response = client.exchange(message("POST /generate?wait=true", prompt("hello")));
    const Json answer = Json::parse(response.body());
    const Json job = Json::parse(client.exchange(head("GET /jobs/" + answer.at("job_id").get<std::string>())).body());
    EXPECT_EQ(answer.at("status"), job.at("status"));
    EXPECT_EQ(answer.at("result"), job.at("result"));
    const bool fails = !row.why.empty();
    if (fails) {
        EXPECT_EQ(response.result(), http::status::bad_gateway);
        EXPECT_EQ(job.at("status"), "Failed");
        EXPECT_NE(job.at("result").get<std::string>().find(row.why), std::string::npos) << job.at("result");
    } else {
        EXPECT_EQ(response.result(), http::status::ok) << response.body();
        EXPECT_EQ(job.at("status"), "Completed");
        EXPECT_TRUE(job.at("result").at("candidates").at(0).at("content").at("parts").at(0).at("text").is_string());
    }
    const gateway::UpstreamCounters counters = model->counters();
    EXPECT_EQ(counters.requests, 1U);
    EXPECT_EQ(counters.attempts, row.attempts);
    EXPECT_EQ(counters.retries, row.attempts - 1);
    EXPECT_EQ(counters.failures, fails ? 1U : 0U);
    EXPECT_EQ(upstream.requests().size(), row.attempts);
    const gateway::MetricsSnapshot metrics = gateway.metrics();
    EXPECT_EQ(metrics.jobs.completed, fails ? 0U : 1U);
    EXPECT_EQ(metrics.jobs.failed, fails ? 1U : 0U);
    EXPECT_EQ(metrics.ledger.failed, fails ? 1U : 0U);

    // The gateway goes on.
    EXPECT_EQ(client.exchange(message("POST /generate?wait=true", prompt("again"))).result(), http::status::ok);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Misbehaviour,
    testing::Combine(testing::Bool(),
                     testing::Values(Row{"Good", "", ""},                                              //
                                     Row{"Slow", "slow:100", ""},                                      //
                                     Row{"InChunks", "chunked", ""},                                   //
                                     Row{"TooManyRequestsWithRetryAfter", "429:1", "", 2},             //
                                     Row{"TooManyRequestsForLong", "429:7", "429"},                    //
                                     Row{"Unavailable", "503,503", "", 3},                             //
                                     Row{"UnavailableForGood", "503,503,503", "503", 3},               //
                                     Row{"ResetOnce", "reset", "", 2},                                 //
                                     Row{"ClosedOnce", "close", "", 2},                                //
                                     Row{"ResetForGood", "reset,reset,reset", "after 3 attempts", 3},  //
                                     Row{"HalfAResponse", "half",
                                         "it closed the connection in the middle of the response"},  //
                                     Row{"ResetAmidTheResponse", "half-reset",
                                         "it reset the connection in the middle of the response"},             //
                                     Row{"InternalError", "500", "500"},                                       //
                                     Row{"Redirect", "302", "302"},                                            //
                                     Row{"Forbidden", "403", "403"},                                           //
                                     Row{"InvalidJson", "invalid-json", "not JSON"},                           //
                                     Row{"Garbage", "garbage", "its response is not valid HTTP"},              //
                                     Row{"Huge", "huge:1000000", "the response's body is over 100000 bytes"},  //
                                     Row{"Hangs", "hang", "it did not respond in time"})),
    [](const auto& row) {
        return std::string{std::get<0>(row.param) ? "OpenAi" : "Vertex"} + std::get<1>(row.param).name;
    });

TEST(Misbehaviour, AnExpiredCertificateIsNotTrusted) {
    const test::CertificateAuthority authority;
    const test::TemporaryFile ca_file{authority.certificate()};
    test::FakeUpstreamOptions options;
    options.tls = authority.issue_expired();
    FakeUpstream upstream{options};
    TestGateway gateway{[&](const net::any_io_executor& executor) {
        return std::make_unique<ModelOfUpstream>(executor, upstream.origin(), false, ca_file.path());
    }};
    RawClient client{gateway.port()};
    const HttpResponse response = client.exchange(message("POST /generate?wait=true", prompt("hello")));
    EXPECT_EQ(response.result(), http::status::bad_gateway);
    EXPECT_NE(response.body().find("expired"), std::string::npos) << response.body();
    EXPECT_TRUE(upstream.requests().empty());
}

}  // namespace
