// SPDX-License-Identifier: Apache-2.0
//
// The whole gateway with an upstream that misbehaves: what the client sees, what the job says, what is counted.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/certificates.hpp"
#include "support/fake_upstream.hpp"
#include "support/model_of_upstream.hpp"
#include "support/models.hpp"
#include "support/raw_client.hpp"
#include "support/temporary_file.hpp"
#include "support/test_gateway.hpp"

namespace misbehaviour_test {

using namespace std::chrono_literals;
using gateway::HttpResponse;
using gateway::Json;
using test::Behaviour;
using test::FakeUpstream;
using test::head;
using test::message;
using test::ModelOfUpstream;
using test::prompt;
using test::RawClient;
using test::TestGateway;
using test::TestGatewayOptions;
namespace http = gateway::http;
namespace net = gateway::net;

struct Row {
    std::string name;
    std::string behaviours;  ///< of the first requests; then all is well
    std::string why;         ///< a part of the job's result; empty: it is completed
    std::uint64_t attempts = 1;
    unsigned status = 502;
    std::string code = "upstream_failed";
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
    TestGateway gateway{[&](const net::any_io_executor& executor, gateway::HeavyWork& heavy) {
        auto made = std::make_unique<ModelOfUpstream>(executor, heavy, upstream.origin(), openai, "",
                                                      row.behaviours == "hang" ? 2s : 60s);
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
        EXPECT_EQ(response.result_int(), row.status);
        EXPECT_EQ(job.at("status"), "Failed");
        EXPECT_EQ(job.at("error").at("status"), row.status);
        EXPECT_EQ(job.at("error").at("code"), row.code);
        EXPECT_EQ(response.body().find(std::to_string(upstream.origin().port)), std::string::npos)
            << "where the upstream is, is nobody's business: " << response.body();
        EXPECT_NE(job.at("result").get<std::string>().find(row.why), std::string::npos) << job.at("result");
    } else {
        EXPECT_EQ(response.result(), http::status::ok) << response.body();
        EXPECT_EQ(job.at("status"), "Completed");
        EXPECT_TRUE(job.at("result").at("candidates").at(0).at("content").at("parts").at(0).at("text").is_string());
    }
    const gateway::UpstreamCounters counters = model->counters();
    EXPECT_EQ(counters.requests, 1U);
    EXPECT_EQ(counters.attempts, row.attempts);
    EXPECT_EQ(counters.retries + counters.limited, row.attempts - 1);
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
    testing::Combine(
        testing::Bool(),
        testing::Values(Row{"Good", "", ""},                                   //
                        Row{"Slow", "slow:100", ""},                           //
                        Row{"InChunks", "chunked", ""},                        //
                        Row{"TooManyRequestsWithRetryAfter", "429:1", "", 2},  //
                        Row{"TooManyRequestsAgainAndAgain", "429:0,429:0,429:0,429:0,429:0,429:0", "", 7},
                        Row{"Unavailable", "503,503", "", 3},                                                    //
                        Row{"UnavailableForGood", "503,503,503", "503", 3, 503, "upstream_unavailable"},         //
                        Row{"ResetOnce", "reset", "", 2},                                                        //
                        Row{"ClosedOnce", "close", "", 2},                                                       //
                        Row{"ResetForGood", "reset,reset,reset", "after 3 attempts", 3},                         //
                        Row{"HalfAResponse", "half", "it closed the connection in the middle of the response"},  //
                        Row{"ResetAmidTheResponse", "half-reset",
                            "it reset the connection in the middle of the response"},  //
                        Row{"InternalError", "500", "500"},                            //
                        Row{"Redirect", "302", "302"},                                 //
                        Row{"BadRequest", "400", "400", 1, 400, "upstream_rejected"},
                        Row{"NotFound", "404", "404", 1, 404, "upstream_rejected"},
                        Row{"TimedOut", "504", "504", 1, 504, "upstream_timeout"},
                        Row{"Unauthorized", "401", "401", 1, 502, "upstream_denied"},
                        Row{"Forbidden", "403", "403", 1, 502, "upstream_denied"},                                 //
                        Row{"InvalidJson", "invalid-json", "not JSON", 1, 502, "upstream_answer_not_understood"},  //
                        Row{"Garbage", "garbage", "its response is not valid HTTP"},                               //
                        Row{"Huge", "huge:1000000", "the response's body is over 100000 bytes"},                   //
                        Row{"Hangs", "hang", "it did not respond in time", 1, 504, "upstream_timeout"})),
    [](const auto& row) {
        return std::string{std::get<0>(row.param) ? "OpenAi" : "Vertex"} + std::get<1>(row.param).name;
    });

TEST(Misbehaviour, AnExpiredCertificateIsNotTrusted) {
    const test::CertificateAuthority authority;
    const test::TemporaryFile ca_file{authority.certificate()};
    test::FakeUpstreamOptions options;
    options.tls = authority.issue_expired();
    FakeUpstream upstream{options};
    TestGateway gateway{[&](const net::any_io_executor& executor, gateway::HeavyWork& heavy) {
        return std::make_unique<ModelOfUpstream>(executor, heavy, upstream.origin(), false, ca_file.path());
    }};
    RawClient client{gateway.port()};
    const HttpResponse response = client.exchange(message("POST /generate?wait=true", prompt("hello")));
    EXPECT_EQ(response.result(), http::status::bad_gateway);
    EXPECT_NE(response.body().find("expired"), std::string::npos) << response.body();
    EXPECT_TRUE(upstream.requests().empty());
}

TEST(Misbehaviour, NoJobFailsBecauseTheUpstreamLimitsItsRate) {
    constexpr std::size_t jobs = 300;
    FakeUpstream upstream;
    upstream.repeat(Behaviour::parse_list("ok,429:0,429:0,429:0"));
    ModelOfUpstream* model = nullptr;
    TestGatewayOptions options;
    options.store.full_sync = false;
    TestGateway gateway{[&](const net::any_io_executor& executor, gateway::HeavyWork& heavy) {
                            auto made = std::make_unique<ModelOfUpstream>(executor, heavy, upstream.origin(), true, "");
                            model = made.get();
                            return made;
                        },
                        options};
    std::vector<std::future<gateway::Outcome>> outcomes;
    for (std::size_t i = 0; i < jobs; ++i) {
        outcomes.push_back(gateway.accept_and_wait("", prompt(std::to_string(i))));
    }
    for (std::future<gateway::Outcome>& outcome : outcomes) {
        EXPECT_EQ(outcome.get().state.status, gateway::JobStatus::completed);
    }
    EXPECT_GE(model->counters().limited, 3 * (jobs - 1));
    EXPECT_EQ(model->counters().retries, 0U);
}

TEST(Misbehaviour, AJobThatIsLimitedForItsWholeTimeSaysSo) {
    FakeUpstream upstream;
    upstream.repeat(Behaviour::parse_list("429:3600"));
    TestGatewayOptions options;
    options.service.job_timeout = 2s;
    TestGateway gateway{[&](const net::any_io_executor& executor, gateway::HeavyWork& heavy) {
                            return std::make_unique<ModelOfUpstream>(executor, heavy, upstream.origin(), true, "");
                        },
                        options};
    RawClient client{gateway.port()};
    for (int i = 0; i < 2; ++i) {
        const HttpResponse response = client.exchange(message("POST /generate?wait=true", prompt("hello")));
        EXPECT_EQ(response.result(), http::status::too_many_requests);
        EXPECT_GE(std::stoi(std::string{response["Retry-After"]}), 3'590);
        const Json error = Json::parse(response.body()).at("error");
        EXPECT_EQ(error.at("code"), "upstream_rate_limited");
        EXPECT_EQ(error.at("message"), "the job was not done within 2 s, as the upstream limits the rate of requests");
    }
    EXPECT_EQ(upstream.requests().size(), 1U) << "the second has learnt it from the first";
}

TEST(Misbehaviour, WhatTheUpstreamCannotBeGivenIsRefusedOnArrival) {
    FakeUpstream upstream;
    TestGateway gateway{[&](const net::any_io_executor& executor, gateway::HeavyWork& heavy) {
        return std::make_unique<ModelOfUpstream>(executor, heavy, upstream.origin(), true, "");
    }};
    RawClient client{gateway.port()};
    for (const char* const body :
         {R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"googleSearch":{"a":1}}]})",
          R"({"contents":[{"parts":[{"inlineData":{"mimeType":"application/pdf","data":"AAAA"}}]}]})"}) {
        const HttpResponse response = client.exchange(message("POST /generate", body));
        EXPECT_EQ(response.result(), http::status::bad_request);
        EXPECT_NE(response.body().find("cannot be given"), std::string::npos) << response.body();
    }
    EXPECT_EQ(gateway.service().counters().accepted, 0U);
}

}  // namespace misbehaviour_test
