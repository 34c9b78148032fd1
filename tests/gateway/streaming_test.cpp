// SPDX-License-Identifier: Apache-2.0
//
// Answers in parts, from an upstream through the whole gateway to a client: of both dialects on either side.
#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/upstream/embedded_model.hpp>

#include "support/fake_upstream.hpp"
#include "support/model_of_upstream.hpp"
#include "support/models.hpp"
#include "support/raw_client.hpp"
#include "support/test_gateway.hpp"

namespace streaming_test {

using namespace std::chrono_literals;
using gateway::HttpResponse;
using gateway::Json;
using gateway::UpstreamError;
using test::Behaviour;
using test::FakeUpstream;
using test::make;
using test::message;
using test::ModelOfUpstream;
using test::prompt;
using test::RawClient;
using test::TestGateway;
using test::TestGatewayOptions;
using test::ThrowingModel;
using Kind = Behaviour::Kind;
namespace http = gateway::http;
namespace net = gateway::net;

constexpr std::size_t more_than_sockets_hold = 40 * 1024 * 1024;
const std::string chat_request = R"({"model":"m","messages":[{"role":"user","content":"a b"}],"stream":true})";
const std::string chat_target = "POST /v1/chat/completions";
const std::string gemini_target = "POST /v1beta/models/m:streamGenerateContent?alt=sse";

std::string event(const std::string& data) { return "data: " + data + "\n\n"; }

/// The data of each event of a body.
std::vector<std::string> events_of(std::string_view body) {
    std::vector<std::string> events;
    while (!body.empty()) {
        const std::size_t end = body.find("\n\n");
        EXPECT_TRUE(body.starts_with("data: ") && end != std::string_view::npos) << body;
        events.emplace_back(body.substr(6, end - 6));
        body.remove_prefix(end == std::string_view::npos ? body.size() : end + 2);
    }
    return events;
}

/// A dialect, as a client or an upstream speaks it.
struct Speech {
    bool chat;

    [[nodiscard]] std::string request() const {
        return chat ? message(chat_target, chat_request) : message(gemini_target, prompt("a b"));
    }
    [[nodiscard]] std::string part(const std::string& text) const {
        return event(chat ? R"({"model":"m","choices":[{"index":0,"delta":{"content":")" + text + R"("}}]})"
                          : R"({"candidates":[{"index":0,"content":{"parts":[{"text":")" + text + R"("}]}}]})");
    }
    [[nodiscard]] std::string end() const {
        return chat ? event(R"({"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})") +
                          event("[DONE]")
                    : event(R"({"candidates":[{"index":0,"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]})");
    }
    /// Of all events but the end of OpenAI's.
    [[nodiscard]] std::string text_of(const std::vector<std::string>& events) const {
        std::string text;
        for (const std::string& data : events) {
            if (data == "[DONE]") {
                continue;
            }
            const Json json = Json::parse(data);
            const char* const path = chat ? "/choices/0/delta/content" : "/candidates/0/content/parts/0/text";
            text += json.value(Json::json_pointer{path}, "");
        }
        return text;
    }
    [[nodiscard]] std::string code_of(const std::string& error) const {
        return Json::parse(error).at(Json::json_pointer{chat ? "/error/code" : "/error/details/0/reason"});
    }
    [[nodiscard]] std::string code(std::string code) const {
        if (!chat) {
            std::ranges::transform(code, code.begin(),
                                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
        }
        return code;
    }
};

test::MakeModel model_of(const FakeUpstream& upstream, bool chat) {
    return [&upstream, chat](const net::any_io_executor& executor, gateway::HeavyWork& heavy) {
        return std::make_unique<ModelOfUpstream>(executor, heavy, upstream.origin(), chat, "");
    };
}

/// The upstream's dialect, and the client's.
class Streaming : public testing::TestWithParam<std::tuple<bool, bool>> {
  protected:
    const Speech upstream_speech{std::get<0>(GetParam())};
    const Speech client_speech{std::get<1>(GetParam())};

    Behaviour parts(std::vector<std::string> texts, bool ends = true, bool breaks_off = false) const {
        for (std::string& text : texts) {
            text = upstream_speech.part(text);
        }
        if (ends) {
            texts.push_back(upstream_speech.end());
        }
        return Behaviour::in_parts(std::move(texts), breaks_off);
    }
    TestGateway make_gateway(TestGatewayOptions options = {}) const {
        return TestGateway{model_of(upstream, upstream_speech.chat), std::move(options)};
    }

    FakeUpstream upstream;
};

INSTANTIATE_TEST_SUITE_P(Dialects, Streaming, testing::Combine(testing::Bool(), testing::Bool()),
                         [](const testing::TestParamInfo<std::tuple<bool, bool>>& row) {
                             return std::string{std::get<0>(row.param) ? "Chat" : "Gemini"} + "For" +
                                    (std::get<1>(row.param) ? "Chat" : "Gemini");
                         });

TEST_P(Streaming, EachPartArrivesBeforeTheNextIsMade) {
    upstream.script({parts({"one", "two"})});
    TestGateway gateway = make_gateway();
    RawClient client{gateway.port()};
    client.send(client_speech.request());
    const std::string head = client.receive_up_to("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200")) << head;
    EXPECT_NE(head.find("Content-Type: text/event-stream\r\n"), std::string::npos) << head;
    EXPECT_NE(head.find("Cache-Control: no-store\r\n"), std::string::npos) << head;
    EXPECT_NE(head.find("X-Worker: "), std::string::npos) << head;
    client.receive_up_to("one");
    upstream.release();
    client.receive_up_to("two");
    upstream.release();
    client.receive_up_to("0\r\n\r\n");
    const auto requests = upstream.requests();
    ASSERT_EQ(requests.size(), 1U);
    const bool asks = upstream_speech.chat ? Json::parse(requests[0].body).at("stream") == true
                                           : requests[0].target.ends_with(":streamGenerateContent?alt=sse");
    EXPECT_TRUE(asks) << requests[0].target << requests[0].body;

    // The upstream's is kept once what follows the last event is there, for which nobody waits.
    for (int i = 0; i < 100 && upstream.accepted() == upstream.requests().size(); ++i) {
        const HttpResponse again = client.exchange(client_speech.request());
        EXPECT_EQ(again.result(), http::status::ok) << "the connection is kept";
    }
    EXPECT_LT(upstream.accepted(), upstream.requests().size()) << "so is the upstream's";
}

TEST_P(Streaming, SaysAllThatTheUpstreamSays) {
    TestGateway gateway = make_gateway();
    RawClient client{gateway.port()};
    const HttpResponse response = client.exchange(client_speech.request());
    const std::vector<std::string> events = events_of(response.body());
    EXPECT_EQ(client_speech.text_of(events), "echo: a b");
    EXPECT_EQ(events.back() == "[DONE]", client_speech.chat);
    const gateway::MetricsSnapshot metrics = gateway.metrics();
    EXPECT_EQ(metrics.jobs.accepted, 1U);
    EXPECT_EQ(metrics.jobs.streamed, 1U);
    EXPECT_GT(metrics.figures.first_part.sum, 0);
    const bool counted = !(upstream_speech.chat && client_speech.chat);  // OpenAI's client has to ask for that
    EXPECT_EQ(metrics.figures.tokens.output, counted ? 3U : 0U);
}

TEST_P(Streaming, AClientThatLeavesCancelsTheUpstreamsRequest) {
    upstream.script({parts({"one", "two"}), parts({"one", "two"})});
    TestGateway gateway = make_gateway();
    {
        RawClient client{gateway.port()};
        client.send(client_speech.request());
        client.receive_up_to("one");
        ASSERT_TRUE(upstream.await_open(1));
    }
    EXPECT_TRUE(upstream.await_open(0));
    RawClient half{gateway.port()};
    half.send(client_speech.request());
    half.receive_up_to("one");
    half.finish_sending();
    EXPECT_TRUE(upstream.await_open(0));
    gateway.drain();
    EXPECT_EQ(gateway.service().counters().cancelled, 2U);
    EXPECT_EQ(gateway.service().counters().pending, 0U);
}

TEST_P(Streaming, AClientThatLeavesBeforeTheFirstPartCancelsTheUpstreamsRequest) {
    upstream.script({Behaviour::of(Kind::hang), Behaviour::of(Kind::hang)});
    TestGateway gateway = make_gateway();
    {
        RawClient client{gateway.port()};
        client.send(client_speech.request());
        ASSERT_TRUE(upstream.await_requests(1));
    }
    EXPECT_TRUE(upstream.await_open(0));
    RawClient half{gateway.port()};
    half.send(client_speech.request());
    ASSERT_TRUE(upstream.await_requests(2));
    half.finish_sending();
    const HttpResponse response = half.receive();
    EXPECT_EQ(response.result_int(), 499U);
    EXPECT_EQ(client_speech.code_of(response.body()), client_speech.code("client_left"));
    gateway.drain();
    EXPECT_EQ(gateway.service().counters().cancelled, 2U);
}

TEST_P(Streaming, AnUpstreamThatBreaksOffEndsTheStreamWithAnError) {
    const std::string error = event(R"({"error":{"message":"out of memory at )" +
                                    std::to_string(upstream.origin().port) + R"(","code":500}})");
    upstream.script({parts({"one"}, false, true), parts({"one"}, false),
                     Behaviour::in_parts({upstream_speech.part("one"), error}),
                     Behaviour::in_parts({upstream_speech.part("one"), event("{}")}),
                     Behaviour::in_parts({upstream_speech.part("one"), event("<html>")})});
    const std::vector<std::pair<std::string, std::string>> rows{
        {"upstream_failed", "it closed the connection in the middle of the response"},
        {"upstream_broke_off", "the upstream broke off its answer: it ended before it was complete"},
        {"upstream_broke_off", "the upstream broke off its answer: out of memory at"},
        {"upstream_answer_not_understood", "is not understood"},
        {"upstream_answer_not_understood", "is not JSON"},
    };
    TestGateway gateway = make_gateway();
    RawClient client{gateway.port()};
    for (const auto& [code, why] : rows) {
        client.send(client_speech.request());
        client.receive_up_to("one");
        upstream.release();
        client.receive_up_to("\n\n\r\n");
        const std::string last = client.receive_up_to("\n\n\r\n");
        const std::string data = last.substr(last.find("data: ") + 6);
        const std::string json = data.substr(0, data.find("\n\n"));
        EXPECT_EQ(client_speech.code_of(json), client_speech.code(code));
        EXPECT_NE(json.find(why), std::string::npos) << json;
        client.receive_up_to("0\r\n\r\n");
    }
    EXPECT_EQ(client.exchange(client_speech.request()).result(), http::status::ok);
    gateway.drain();
    EXPECT_EQ(gateway.service().counters().failed, rows.size());
    EXPECT_EQ(gateway.service().counters().completed, 1U);
}

TEST_P(Streaming, WhatFailsBeforeTheFirstPartIsAnOrdinaryError) {
    struct Row {
        std::vector<Behaviour> behaviours;
        unsigned status;
        std::string code;
    };
    const std::vector<Row> rows{
        {{Behaviour::status(404)}, 404, "upstream_rejected"},
        {{Behaviour::status(503), Behaviour::status(503), Behaviour::status(503)}, 503, "upstream_unavailable"},
        {{Behaviour::of(Kind::invalid_json)}, 502, "upstream_answer_not_understood"},
        {{Behaviour::in_parts({})}, 502, "upstream_broke_off"},
        {{Behaviour::in_parts({event(R"({"error":{"message":"no"}})")})}, 502, "upstream_broke_off"},
        {{Behaviour::of(Kind::garbage)}, 502, "upstream_failed"},
    };
    TestGateway gateway = make_gateway();
    RawClient client{gateway.port()};
    for (const Row& row : rows) {
        upstream.script(row.behaviours);
        const HttpResponse response = client.exchange(client_speech.request());
        EXPECT_EQ(response.result_int(), row.status) << response.body();
        EXPECT_EQ(response.at("Content-Type"), "application/json");
        EXPECT_EQ(client_speech.code_of(response.body()), client_speech.code(row.code)) << response.body();
        EXPECT_EQ(response.at("X-Job-Id"), gateway.service().latest_failures().at(0).id);
    }
    gateway.drain();
    EXPECT_EQ(gateway.service().counters().failed, rows.size());
    EXPECT_EQ(gateway.service().latest_failures().size(), rows.size());
}

TEST_P(Streaming, WhatMayBeTriedAgainIs) {
    upstream.script({Behaviour::status(503), Behaviour::retry_after(429, "0"), Behaviour::of(Kind::reset)});
    TestGateway gateway = make_gateway();
    RawClient client{gateway.port()};
    const HttpResponse response = client.exchange(client_speech.request());
    EXPECT_EQ(client_speech.text_of(events_of(response.body())), "echo: a b");
    EXPECT_EQ(upstream.requests().size(), 4U);
}

TEST_P(Streaming, EndsWhenTheJobsTimeIsOver) {
    TestGatewayOptions options;
    options.service.job_timeout = 100ms;
    std::vector<std::string> events;
    for (; events.empty(); options.service.job_timeout *= 2) {  // until it begins by then, however slow the machine is
        upstream.script({parts({"one", "two"})});
        TestGateway gateway = make_gateway(options);
        RawClient client{gateway.port()};
        const HttpResponse response = client.exchange(client_speech.request());
        if (response.result() == http::status::ok) {
            events = events_of(response.body());
        }
    }
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(client_speech.code_of(events[1]), client_speech.code("deadline_exceeded"));
    EXPECT_TRUE(upstream.await_open(0));
}

TEST_P(Streaming, EndsWithTheGateway) {
    upstream.script({parts({"one", "two"})});
    TestGateway gateway = make_gateway();
    RawClient client{gateway.port()};
    client.send(client_speech.request());
    client.receive_up_to("one");
    std::thread draining{[&] { gateway.drain(0ms); }};
    client.receive_up_to("\n\n\r\n");
    const std::string last = client.receive_up_to("\n\n\r\n");
    EXPECT_NE(last.find(client_speech.code("shutting_down")), std::string::npos) << last;
    client.receive_up_to("0\r\n\r\n");
    draining.join();
    EXPECT_EQ(gateway.service().counters().pending, 0U);
}

TEST_P(Streaming, SaysThatItGoesOnWhileTheModelIsSilent) {
    upstream.script({parts({"one", "two"})});
    TestGatewayOptions options;
    options.routes.generations.heartbeat = 1ms;
    TestGateway gateway = make_gateway(options);
    RawClient client{gateway.port()};
    client.send(client_speech.request());
    client.receive_up_to("one");
    client.receive_up_to("\n\n\r\n");
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(client.receive_up_to(":\n\n\r\n"), "3\r\n:\n\n\r\n");
    }
    upstream.release();
    client.receive_up_to("two");  // nothing is lost by that
    upstream.release();
    client.receive_up_to("0\r\n\r\n");
    gateway.drain();
    EXPECT_EQ(gateway.service().counters().completed, 1U);
}

TEST(StreamingSlowly, DoesNotHoldUpTheEndOfTheGateway) {
    FakeUpstream upstream;
    upstream.script({Behaviour::of(Kind::endless)});
    TestGatewayOptions options;
    options.http.request_timeout = 1h;  // else the client is dropped for its slowness in the end
    TestGateway gateway{model_of(upstream, true), options};
    RawClient slow{gateway.port()};
    slow.send(Speech{true}.request());
    slow.receive_up_to("xxx");
    gateway.drain(0ms);
    EXPECT_EQ(gateway.service().counters().pending, 0U);
    EXPECT_TRUE(upstream.await_open(0));
}

TEST(StreamingSlowly, TakesNoPlaceOnceTheAnswerIsComplete) {
    TestGatewayOptions options;
    options.service.max_pending = 1;
    TestGateway gateway{[](const net::any_io_executor&, gateway::HeavyWork& heavy) {
                            return std::make_unique<gateway::EmbeddedModel>(0, heavy);
                        },
                        options};
    RawClient slow{gateway.port()};
    slow.send(message(chat_target, chat_request));
    while (gateway.service().counters().completed == 0) {
        std::this_thread::yield();
    }
    RawClient another{gateway.port()};
    EXPECT_EQ(another.exchange(message(chat_target, chat_request)).result(), http::status::ok);
    EXPECT_EQ(slow.receive().result(), http::status::ok);
}

TEST(StreamingSlowly, SlowsItsOwnUpstreamOnly) {
    FakeUpstream upstream;
    upstream.script({Behaviour::of(Kind::endless)});
    TestGateway gateway{model_of(upstream, true)};
    RawClient slow{gateway.port()};
    slow.send(Speech{false}.request());
    slow.receive_up_to("xxx");
    std::size_t written = 0;
    for (int unchanged = 0; unchanged < 10 && written < more_than_sockets_hold;) {
        std::this_thread::sleep_for(50ms);
        const std::size_t now = upstream.endless_bytes();
        unchanged = now == written ? unchanged + 1 : 0;
        written = now;
    }
    EXPECT_GT(written, 0U);
    EXPECT_LT(written, more_than_sockets_hold) << "it is not slowed";
    RawClient beside{gateway.port()};
    EXPECT_EQ(Speech{true}.text_of(events_of(beside.exchange(Speech{true}.request()).body())), "echo: a b");
}

TEST(StreamingRequest, IsRefusedByName) {
    TestGateway gateway{make<test::EchoModel>()};
    RawClient client{gateway.port()};
    const auto error = [&](const std::string& request) {
        const HttpResponse response = client.exchange(request);
        EXPECT_EQ(response.result(), http::status::bad_request) << response.body();
        return Json::parse(response.body()).at("error").at("message").get<std::string>();
    };
    EXPECT_EQ(error(message(chat_target, chat_request, {{"Idempotency-Key", "k"}})),
              "Idempotency-Key cannot be had with an answer in parts, which is not kept: leave it out");
    EXPECT_EQ(error(message("POST /v1beta/models/m:streamGenerateContent", prompt("a"))),
              "streamGenerateContent is supported as server-sent events only: add ?alt=sse");
    const std::string messages = R"({"messages":[{"role":"user","content":"a"}],)";
    EXPECT_EQ(error(message(chat_target, messages + R"("stream_options":{}})")),
              "stream_options is only taken with \"stream\": true: leave it out");
    EXPECT_EQ(error(message(chat_target, messages + R"("stream":true,"stream_options":7})")),
              "stream_options is 7: it must be an object such as {\"include_usage\": true}");
    EXPECT_EQ(error(message(chat_target, messages + R"("stream":true,"stream_options":{"include_usage":7}})")),
              "stream_options.include_usage is 7: it must be true or false");
    EXPECT_EQ(error(message(chat_target, messages + R"("stream":7})")), "stream is 7: it must be true or false");
    EXPECT_EQ(gateway.service().counters().accepted, 0U);
}

TEST(StreamingRequest, CountsAmongThoseThatWait) {
    FakeUpstream upstream;
    upstream.script({Behaviour::in_parts({Speech{true}.part("one"), Speech{true}.end()})});
    TestGatewayOptions options;
    options.routes.generations.max_waiting = 1;
    TestGateway gateway{model_of(upstream, true), options};
    RawClient client{gateway.port()};
    client.send(message(chat_target, chat_request));
    client.receive_up_to("one");
    RawClient another{gateway.port()};
    EXPECT_EQ(another.exchange(message(chat_target, chat_request)).result(), http::status::service_unavailable);
    upstream.release();
    client.receive_up_to("0\r\n\r\n");
    EXPECT_EQ(client.exchange(message(chat_target, chat_request)).result(), http::status::ok);
}

TEST(StreamingRequest, CountsAmongThePending) {
    FakeUpstream upstream;
    upstream.script({Behaviour::in_parts({Speech{true}.part("one"), Speech{true}.end()})});
    TestGatewayOptions options;
    options.service.max_pending = 1;
    TestGateway gateway{model_of(upstream, true), options};
    RawClient client{gateway.port()};
    client.send(message(chat_target, chat_request));
    client.receive_up_to("one");
    EXPECT_EQ(gateway.service().counters().pending, 1U);
    RawClient another{gateway.port()};
    EXPECT_EQ(another.exchange(message(chat_target, chat_request)).result(), http::status::service_unavailable);
    upstream.release();
    client.receive_up_to("0\r\n\r\n");
}

TEST(StreamingRequest, FailsAsTheModelDoes) {
    const gateway::Failure failure{418, "teapot", "short and stout", false, std::nullopt};
    TestGateway gateway{make<ThrowingModel<UpstreamError>>(UpstreamError{failure})};
    RawClient client{gateway.port()};
    const HttpResponse response = client.exchange(message(chat_target, chat_request));
    EXPECT_EQ(response.result_int(), 418U);
    EXPECT_EQ(Json::parse(response.body()).at("error").at("code"), "teapot");
    TestGateway broken{make<ThrowingModel<std::runtime_error>>(std::runtime_error{"of nobody's business"})};
    RawClient another{broken.port()};
    const HttpResponse internal = another.exchange(message(chat_target, chat_request));
    EXPECT_EQ(internal.result_int(), 500U);
    EXPECT_EQ(internal.body().find("business"), std::string::npos);
}

class EmbeddedStreaming : public testing::Test {
  protected:
    TestGateway gateway{[](const net::any_io_executor&, gateway::HeavyWork& heavy) {
        return std::make_unique<gateway::EmbeddedModel>(0, heavy);
    }};
    RawClient client{gateway.port()};
    const std::string messages = R"({"messages":[{"role":"user","content":"Hello!"}],"max_tokens":40)";
};

TEST_F(EmbeddedStreaming, SaysWordByWordWhatItSaysAtOnce) {
    // The seed is the request's text, which differs: so the words do, and not their number.
    const std::vector<std::string> events =
        events_of(client.exchange(message(chat_target, messages + R"(,"stream":true})")).body());
    EXPECT_GT(events.size(), 30U);
    EXPECT_EQ(events.back(), "[DONE]");
    EXPECT_GT(Speech{true}.text_of(events).size(), 100U);
    const std::vector<std::string> same =
        events_of(client.exchange(message(chat_target, messages + R"(,"stream":true})")).body());
    EXPECT_EQ(Speech{true}.text_of(events), Speech{true}.text_of(same));

    const HttpResponse parts =
        client.exchange(message("POST /v1beta/models/m:streamGenerateContent?alt=sse", prompt("hi")));
    const HttpResponse whole = client.exchange(message("POST /v1beta/models/m:generateContent", prompt("hi")));
    EXPECT_EQ(
        Speech{false}.text_of(events_of(parts.body())),
        Json::parse(whole.body()).at("candidates").at(0).at("content").at("parts").at(0).at("text").get<std::string>());
    EXPECT_EQ(Json::parse(events_of(parts.body()).back()).at("usageMetadata"),
              Json::parse(whole.body()).at("usageMetadata"));
}

TEST_F(EmbeddedStreaming, TellsTheUsageToWhoAsksForIt) {
    const std::vector<std::string> events = events_of(
        client.exchange(message(chat_target, messages + R"(,"stream":true,"stream_options":{"include_usage":true}})"))
            .body());
    ASSERT_GT(events.size(), 3U);
    const Json usage = Json::parse(events[events.size() - 2]);
    EXPECT_EQ(usage.at("choices"), Json::array());
    EXPECT_EQ(usage.at("usage").at("prompt_tokens"), 1);
    EXPECT_EQ(usage.at("usage").at("completion_tokens"), gateway.metrics().figures.tokens.output);
}

TEST_F(EmbeddedStreaming, HasSeveralCandidates) {
    const std::vector<std::string> events =
        events_of(client.exchange(message(chat_target, messages + R"(,"stream":true,"n":3})")).body());
    std::vector<std::size_t> ends(3);
    for (const std::string& data : events) {
        if (data != "[DONE]") {
            const Json choice = Json::parse(data).at("choices").at(0);
            ends.at(choice.at("index").get<std::size_t>()) += choice.at("finish_reason") != nullptr ? 1U : 0U;
        }
    }
    EXPECT_EQ(ends, (std::vector<std::size_t>{1, 1, 1}));
}

TEST_F(EmbeddedStreaming, ReachesAClientOfHttp10) {
    const std::string body = messages + R"(,"stream":true})";
    client.send(chat_target + " HTTP/1.0\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                body);
    const std::string head = client.receive_up_to("\r\n\r\n");
    EXPECT_EQ(head.find("chunked"), std::string::npos) << head;
    client.receive_up_to(event("[DONE]"));
    EXPECT_TRUE(client.closed_by_server());
}

}  // namespace streaming_test
