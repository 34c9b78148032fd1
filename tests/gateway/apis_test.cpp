// SPDX-License-Identifier: Apache-2.0
//
// The whole gateway in each API, with each upstream: what clients and upstreams see.
#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <gateway/base/trace_context.hpp>
#include <gateway/upstream/embedded_model.hpp>

#include "support/fake_upstream.hpp"
#include "support/log_capture.hpp"
#include "support/model_of_upstream.hpp"
#include "support/models.hpp"
#include "support/raw_client.hpp"
#include "support/responses.hpp"
#include "support/temporary_directory.hpp"
#include "support/test_gateway.hpp"

namespace apis_test {

using namespace std::chrono_literals;
using gateway::dump;
using gateway::Failure;
using gateway::HttpResponse;
using gateway::Json;
using gateway::parse_json;
using gateway::UpstreamError;
using test::EchoModel;
using test::FakeUpstream;
using test::field;
using test::Gate;
using test::GatedModel;
using test::head;
using test::json_of;
using test::make;
using test::message;
using test::ModelOfUpstream;
using test::prompt;
using test::RawClient;
using test::TestGateway;
using test::TestGatewayOptions;
using test::ThrowingModel;
namespace http = gateway::http;
namespace net = gateway::net;

const std::string chat = "POST /v1/chat/completions";
const std::string gemini = "POST /v1beta/models/m:generateContent";
const std::string vertex = "POST /v1/projects/p/locations/l/publishers/google/models/m:generateContent";

std::string chat_prompt(const std::string& text) {
    Json request;
    request["model"] = "m";
    request["messages"][0] = {{"role", "user"}, {"content", text}};
    return dump(request);
}

test::MakeModel with(const FakeUpstream& upstream, bool openai) {
    return [&upstream, openai](const net::any_io_executor& executor, gateway::HeavyWork& heavy) {
        return std::make_unique<ModelOfUpstream>(executor, heavy, upstream.origin(), openai, "");
    };
}

test::MakeModel embedded() {
    return [](const net::any_io_executor&, gateway::HeavyWork& heavy) {
        return std::make_unique<gateway::EmbeddedModel>(0, heavy);
    };
}

/// The text of an answer in the dialect of its path.
std::string text_of(const Json& answer) {
    return answer.contains("choices") ? answer.at("choices").at(0).at("message").at("content").get<std::string>()
                                      : answer.at("/candidates/0/content/parts/0/text"_json_pointer).get<std::string>();
}

TEST(Apis, EachAnswersWithEachUpstream) {
    for (const bool openai : {false, true}) {
        const FakeUpstream upstream;
        TestGateway gateway{with(upstream, openai)};
        RawClient client{gateway.port()};
        for (const auto& [path, body] : {std::pair{chat, chat_prompt("a b")}, std::pair{gemini, prompt("a b")},
                                         std::pair{vertex, prompt("a b")}}) {
            const HttpResponse response = client.exchange(message(path, body));
            ASSERT_EQ(response.result(), http::status::ok) << path << response.body();
            EXPECT_EQ(text_of(json_of(response)), "echo: a b") << path;
            EXPECT_EQ(json_of(response).contains("choices"), path == chat) << response.body();
            EXPECT_EQ(field(response, "Content-Type"), "application/json");
            const HttpResponse job = client.exchange(head("GET /jobs/" + field(response, "X-Job-Id")));
            EXPECT_EQ(json_of(job).at("result"), json_of(response)) << "in the same words";
            EXPECT_GE(std::stod(field(response, "X-Queue-Time-Ms")), 0);
        }
        EXPECT_EQ(gateway.metrics().figures.tokens.input, 6U);
        EXPECT_EQ(gateway.metrics().figures.tokens.output, 9U);
    }
    TestGateway gateway{embedded()};
    RawClient client{gateway.port()};
    for (const auto& [path, body] : {std::pair{chat, chat_prompt("a b")}, std::pair{gemini, prompt("a b")}}) {
        const HttpResponse response = client.exchange(message(path, body));
        ASSERT_EQ(response.result(), http::status::ok) << response.body();
        EXPECT_FALSE(text_of(json_of(response)).empty());
    }
}

TEST(Apis, ToolsAreCalledThroughEachUpstream) {
    for (const bool openai : {false, true}) {
        const FakeUpstream upstream;
        TestGateway gateway{with(upstream, openai)};
        RawClient client{gateway.port()};
        Json request = parse_json(chat_prompt("a b"));
        request["tools"][0] = {{"type", "function"}, {"function", {{"name", "f"}}}};
        const Json first = json_of(client.exchange(message(chat, dump(request))));
        const Json answer = first.at("choices").at(0);
        EXPECT_EQ(answer.at("finish_reason"), "tool_calls");
        const Json call = answer.at("message").at("tool_calls").at(0);
        EXPECT_EQ(call.at("function").at("name"), "f");
        EXPECT_EQ(parse_json(call.at("function").at("arguments").get<std::string>()), (Json{{"text", "a b"}}));
        request["messages"].push_back(answer.at("message"));
        request["messages"].push_back({{"role", "tool"}, {"tool_call_id", call.at("id")}, {"content", "{\"x\":1}"}});
        EXPECT_EQ(text_of(json_of(client.exchange(message(chat, dump(request))))), "echo: {\"x\":1}");

        Json content = parse_json(prompt("a b"));
        content["tools"][0]["functionDeclarations"][0]["name"] = "f";
        const Json told = json_of(client.exchange(message(gemini, dump(content)))).at("candidates").at(0).at("content");
        const Json wanted = told.at("parts").at(0).at("functionCall");
        EXPECT_EQ(wanted.at("name"), "f");
        EXPECT_EQ(wanted.at("args"), (Json{{"text", "a b"}}));
        content["contents"].push_back(told);
        Json result = {{"name", "f"}, {"response", {{"x", 1}}}};
        content["contents"].push_back({{"role", "user"}, {"parts", {{{"functionResponse", result}}}}});
        EXPECT_EQ(text_of(json_of(client.exchange(message(gemini, dump(content))))), "echo: {\"x\":1}");
    }
}

struct Refusal {
    std::string request;
    unsigned status;
    std::string code;
    std::string why;
};

TEST(Apis, ErrorsAreInEachApisShape) {
    const std::string hi = chat_prompt("hi");
    TestGatewayOptions options;
    options.http.body_limit = 1'000;
    options.routes.generations.model = {"m", false, 1};
    TestGateway gateway{embedded(), options};
    for (const Refusal& row : std::vector<Refusal>{
             {message(chat, "{"), 400, "bad_request", "the body is not JSON"},
             {message(chat, "{}"), 400, "bad_request", "messages is missing"},
             {message(chat, R"({"model":"m","messages":[{"role":"user","content":"a"}],"logit_bias":{"1":1}})"), 400,
              "unsupported", "cannot be given \"logit_bias\""},
             {message(chat, R"({"model":"n","messages":[{"role":"user","content":"a"}]})"), 404, "model_not_found",
              "there is no model \"n\": this gateway serves \"m\""},
             {message(chat, hi, {{"Content-Encoding", "gzip"}}), 415, "unsupported_media_type", "Content-Encoding"},
             {message(chat, hi, {{"X-Session-Id", "a"}, {"X-Session-Id", "b"}}), 400, "bad_request",
              "X-Session-Id is there more than once"},
             {message(chat, hi, {{"Idempotency-Key", std::string(257, 'a')}}), 400, "bad_request",
              "Idempotency-Key has 257 bytes"},
             {message(chat, chat_prompt(std::string(1'000, 'a'))), 413, "payload_too_large", "the body is over"},
             {head("GET /v1/chat/completions"), 405, "method_not_allowed", "this path takes POST"},
             {head("GET /v1/models/n"), 404, "model_not_found", "there is no model \"n\""},
             {message(gemini, "{"), 400, "bad_request", "the body is not JSON"},
             {message(gemini, "{}"), 400, "bad_request", "contents is missing"},
             {message(gemini, R"({"contents":[{"parts":[{"fileData":{"a":1}}]}]})"), 400, "unsupported",
              "cannot be given \"contents[0].parts[0].fileData\""},
             {message("POST /v1beta/models/n:generateContent", prompt("a")), 404, "model_not_found",
              "there is no model \"n\""},
             {message("POST /v1beta/models/m:streamGenerateContent?alt=json", prompt("a")), 400, "unsupported",
              "add ?alt=sse"},
             {message("POST /v1beta/models/m:countTokens", prompt("a")), 404, "not_found",
              "there is no method \"countTokens\""},
             {message(gemini, prompt(std::string(1'000, 'a'))), 413, "payload_too_large", "the body is over"},
             {head("GET /v1beta/models/m:generateContent"), 405, "method_not_allowed", "this path takes POST"},
             {head("GET /v1beta/models/n"), 404, "model_not_found", "there is no model \"n\""},
         }) {
        RawClient client{gateway.port()};
        const HttpResponse response = client.exchange(row.request);
        EXPECT_EQ(response.result_int(), row.status) << row.why;
        const Json error = json_of(response).at("error");
        EXPECT_NE(error.at("message").get<std::string>().find(row.why), std::string::npos) << response.body();
        if (row.request.find("/v1beta/") != std::string::npos) {
            std::string reason = row.code;
            std::ranges::transform(reason, reason.begin(),
                                   [](char c) { return c == '_' ? c : static_cast<char>(c - 32); });
            EXPECT_EQ(error.at("code"), row.status);
            EXPECT_EQ(error.at("details").at(0).at("reason"), reason);
        } else {
            EXPECT_EQ(error.at("code"), row.code);
            EXPECT_EQ(error.at("param"), nullptr);
            EXPECT_TRUE(error.at("type").is_string());
        }
    }
    EXPECT_EQ(gateway.service().counters().accepted, 0U);
}

TEST(Apis, AFailedJobSaysWhyInEachApi) {
    const Failure failure{429, "asleep", "it is asleep", true, 7s};
    TestGateway gateway{make<ThrowingModel<UpstreamError>>(UpstreamError{failure})};
    RawClient client{gateway.port()};
    const HttpResponse told = client.exchange(message(chat, chat_prompt("a")));
    EXPECT_EQ(told.result_int(), 429U);
    EXPECT_EQ(field(told, "Retry-After"), "7");
    EXPECT_EQ(json_of(told).at("error").at("code"), "asleep");
    EXPECT_FALSE(field(told, "X-Job-Id").empty());
    const HttpResponse other = client.exchange(message(gemini, prompt("a")));
    EXPECT_EQ(other.result_int(), 429U);
    EXPECT_EQ(json_of(other).at("error").at("status"), "RESOURCE_EXHAUSTED");
    EXPECT_EQ(json_of(other).at("error").at("message"), "it is asleep");
}

TEST(Apis, TokensAreWantedInEachApisWay) {
    TestGatewayOptions options;
    options.routes.client_token = "secret";
    TestGateway gateway{embedded(), options};
    RawClient client{gateway.port()};
    EXPECT_EQ(json_of(client.exchange(message(chat, "{}"))).at("error").at("type"), "authentication_error");
    EXPECT_EQ(json_of(client.exchange(message(gemini, "{}"))).at("error").at("status"), "UNAUTHENTICATED");
    EXPECT_EQ(client.exchange(message(chat, "{}", {{"x-goog-api-key", "secret"}})).result_int(), 401U);
    EXPECT_EQ(client.exchange(message(gemini, "{}", {{"x-goog-api-key", "secre"}})).result_int(), 401U);
    EXPECT_EQ(client.exchange(head("GET /v1/models", {{"Authorization", "Bearer secret"}})).result_int(), 200U);
    EXPECT_EQ(client.exchange(head("GET /v1beta/models", {{"x-goog-api-key", "secret"}})).result_int(), 200U);
    EXPECT_EQ(client.exchange(message(gemini, prompt("a"), {{"Authorization", "Bearer secret"}})).result_int(), 200U);
}

TEST(Apis, ModelsAreListed) {
    TestGatewayOptions options;
    options.routes.generations.model = {"meta/llama", false, 7};
    TestGateway gateway{embedded(), options};
    RawClient client{gateway.port()};
    const Json openai = json_of(client.exchange(head("GET /v1/models")));
    EXPECT_EQ(openai.at("data").size(), 1U);
    EXPECT_EQ(openai.at("data").at(0).at("id"), "meta/llama");
    EXPECT_EQ(json_of(client.exchange(head("GET /v1/models/meta%2Fllama"))), openai.at("data").at(0));
    EXPECT_EQ(json_of(client.exchange(head("GET /v1/models/meta/llama"))), openai.at("data").at(0));
    const Json gemini_list = json_of(client.exchange(head("GET /v1beta/models")));
    EXPECT_EQ(gemini_list.at("models").at(0).at("name"), "models/meta/llama");
    EXPECT_EQ(json_of(client.exchange(head("GET /v1beta/models/meta%2Fllama"))), gemini_list.at("models").at(0));
    EXPECT_EQ(client.exchange(message("POST /v1beta/models/meta%2Fllama:generateContent", prompt("a"))).result_int(),
              200U);
}

TEST(Apis, UpstreamsAreToldOfSessions) {
    const FakeUpstream upstream;
    TestGateway gateway{with(upstream, true)};
    RawClient client{gateway.port()};
    Json request = parse_json(chat_prompt("a"));
    (void)client.exchange(message(chat, dump(request), {{"X-Session-Id", "mine"}}));
    (void)client.exchange(message(chat, dump(request)));
    request["user"] = "u";
    (void)client.exchange(message(chat, dump(request)));
    (void)client.exchange(message(gemini, prompt("a")));
    const std::vector<test::SeenRequest> seen = upstream.requests();
    ASSERT_EQ(seen.size(), 4U);
    EXPECT_EQ(seen[0].header("X-Session"), "mine");
    EXPECT_TRUE(seen[1].header("X-Session").starts_with("sha256:")) << seen[1].header("X-Session");
    EXPECT_EQ(seen[2].header("X-Session"), "u");
    EXPECT_TRUE(seen[3].header("X-Session").starts_with("sha256:"));
}

TEST(Apis, UpstreamsAreAskedInTheTraceOfTheRequest) {
    const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
    const std::string parent = "00-" + id + "-00f067aa0ba902b7-01";
    const test::LogCapture log;
    const FakeUpstream upstream;
    TestGateway gateway{with(upstream, true)};
    RawClient client{gateway.port()};
    (void)client.exchange(
        message(gemini, prompt("a"), {{"traceparent", parent}, {"tracestate", "a=1"}, {"tracestate", "b=2"}}));
    (void)client.exchange(message(gemini, prompt("a"), {{"traceparent", "nonsense"}, {"tracestate", "a=1"}}));
    (void)client.exchange(message(gemini, prompt("a"), {{"traceparent", parent}, {"traceparent", parent}}));
    (void)client.exchange(message(gemini, prompt("a")));
    const std::vector<test::SeenRequest> seen = upstream.requests();
    ASSERT_EQ(seen.size(), 4U);
    std::set<std::string> traces;
    for (const test::SeenRequest& request : seen) {
        const gateway::TraceContext trace = gateway::trace_of(request.header("traceparent"), "");
        EXPECT_EQ(request.header("traceparent").substr(3, 32), trace.id) << "it is valid";
        EXPECT_EQ(trace.flags, trace.id == id ? 1 : 0);
        EXPECT_EQ(request.header("tracestate"), trace.id == id ? "a=1,b=2" : "");
        traces.insert(trace.id);
    }
    EXPECT_EQ(traces.size(), 4U);
    EXPECT_TRUE(traces.contains(id));
    const std::vector<std::string> lines = log.lines();
    for (const std::string& trace : traces) {
        EXPECT_TRUE(std::ranges::any_of(lines, [&](const std::string& line) {
            return line.find(" job completed ") != std::string::npos && line.ends_with(" trace_id=" + trace);
        })) << trace;
    }
}

TEST(Apis, AJobThatIsResumedHasANewTrace) {
    const test::TemporaryDirectory directory;
    TestGatewayOptions options;
    options.store.path = directory.file("jobs.db");
    const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    std::string id;
    {
        net::io_context context;
        const auto gate = std::make_shared<Gate>(context.get_executor());
        TestGateway gateway{make<GatedModel>(gate), options};
        RawClient client{gateway.port()};
        const HttpResponse response =
            client.exchange(message("POST /generate", prompt("a"), {{"traceparent", parent}}));
        id = field(response, "X-Job-Id");
        gate->await_one();
        gateway.drain(0ms);
    }
    const FakeUpstream upstream;
    TestGateway gateway{with(upstream, true), options};
    EXPECT_EQ(gateway.await_end(id).status, gateway::JobStatus::completed);
    const std::string seen{upstream.requests().at(0).header("traceparent")};
    EXPECT_EQ(gateway::trace_of(seen, "").id, seen.substr(3, 32)) << "it is valid";
    EXPECT_NE(seen.substr(3, 32), parent.substr(3, 32));
}

TEST(Apis, SessionsAreNotDerivedUnlessWanted) {
    const FakeUpstream upstream;
    TestGatewayOptions options;
    options.routes.generations.derive_sessions = false;
    TestGateway gateway{with(upstream, true), options};
    RawClient client{gateway.port()};
    Json request = parse_json(chat_prompt("a"));
    request["user"] = "u";
    (void)client.exchange(message(chat, dump(request)));
    EXPECT_EQ(upstream.requests().at(0).header("X-Session"), "");
}

/// A gateway whose jobs wait until the test lets them go.
class Waiting : public testing::Test {
  protected:
    net::io_context context;
    std::shared_ptr<Gate> gate = std::make_shared<Gate>(context.get_executor());
    TestGateway gateway{make<GatedModel>(gate)};
};

TEST_F(Waiting, TheJobsIdComesEarlyToWhoAsksForIt) {
    RawClient client{gateway.port()};
    client.send(message(chat, chat_prompt("a"), {{"Prefer", "respond-async, early-hints"}}));
    const HttpResponse hint = client.receive();
    EXPECT_EQ(hint.result_int(), 103U);
    const std::string id = field(hint, "X-Job-Id");
    EXPECT_EQ(json_of(RawClient{gateway.port()}.exchange(head("GET /jobs/" + id))).at("status"), "Pending");
    gate->let_one_go();
    const HttpResponse response = client.receive();
    EXPECT_EQ(response.result(), http::status::ok);
    EXPECT_EQ(field(response, "X-Job-Id"), id);
}

TEST_F(Waiting, AClientOfHttp10IsToldNothingEarly) {
    std::string request = message("POST /generate?wait=true", prompt("a"), {{"Prefer", "early-hints"}});
    request.replace(request.find("HTTP/1.1"), 8, "HTTP/1.0");
    RawClient client{gateway.port()};
    client.send(request);
    gate->await_one();
    gate->let_one_go();
    EXPECT_EQ(client.receive().result(), http::status::ok);
}

TEST_F(Waiting, AJobThatRunsIsCancelled) {
    RawClient waits{gateway.port()};
    waits.send(message(chat, chat_prompt("a"), {{"Prefer", "early-hints"}}));
    const std::string id = field(waits.receive(), "X-Job-Id");
    gate->await_one();
    RawClient client{gateway.port()};
    const HttpResponse cancelled = client.exchange(head("DELETE /jobs/" + id));
    EXPECT_EQ(cancelled.result(), http::status::ok);
    EXPECT_EQ(json_of(cancelled).at("job_id"), id);
    EXPECT_EQ(json_of(cancelled).at("status"), "Failed");
    EXPECT_EQ(json_of(cancelled).at("error").at("code"), "cancelled");
    const HttpResponse told = waits.receive();
    EXPECT_EQ(told.result(), http::status::conflict);
    EXPECT_EQ(json_of(told).at("error").at("code"), "cancelled");
    EXPECT_EQ(json_of(client.exchange(head("GET /jobs/" + id))).at("error").at("code"), "cancelled");
    EXPECT_EQ(client.exchange(head("DELETE /jobs/" + id)).result(), http::status::ok) << "once more";
    EXPECT_EQ(gateway.service().counters().cancelled, 1U);
    EXPECT_EQ(gateway.service().counters().failed, 0U);
    EXPECT_EQ(gateway.drain().cancelled, 1U);
}

TEST_F(Waiting, AJobThatHasEndedIsNotCancelled) {
    RawClient client{gateway.port()};
    gate->let_one_go();
    const std::string id = field(client.exchange(message("POST /generate?wait=true", prompt("a"))), "X-Job-Id");
    const HttpResponse response = client.exchange(head("DELETE /jobs/" + id));
    EXPECT_EQ(response.result(), http::status::conflict);
    EXPECT_EQ(json_of(response).at("error").at("code"), "already_ended");
    EXPECT_EQ(json_of(client.exchange(head("GET /jobs/" + id))).at("status"), "Completed");
    for (const char* const other : {"0f0e0d0c-0b0a-4908-8706-050403020100", "x"}) {
        EXPECT_EQ(client.exchange(head("DELETE /jobs/" + std::string{other})).result(), http::status::not_found);
    }
}

TEST_F(Waiting, TheSameKeyIsTheSameJob) {
    RawClient first{gateway.port()};
    first.send(message(chat, chat_prompt("a"), {{"Idempotency-Key", "k"}, {"Prefer", "early-hints"}}));
    const std::string id = field(first.receive(), "X-Job-Id");
    RawClient second{gateway.port()};
    second.send(message(chat, chat_prompt("a"), {{"Idempotency-Key", "k"}, {"Prefer", "early-hints"}}));
    EXPECT_EQ(field(second.receive(), "X-Job-Id"), id);
    RawClient client{gateway.port()};
    const HttpResponse other = client.exchange(message(chat, chat_prompt("b"), {{"Idempotency-Key", "k"}}));
    EXPECT_EQ(other.result(), http::status::unprocessable_entity);
    EXPECT_EQ(json_of(other).at("error").at("code"), "idempotency_key_reused");
    EXPECT_EQ(client.exchange(message(gemini, prompt("a"), {{"Idempotency-Key", "k"}})).result_int(), 422U);
    gate->let_one_go();
    EXPECT_EQ(json_of(first.receive()), json_of(second.receive()));
    const HttpResponse later = client.exchange(message(chat, chat_prompt("a"), {{"Idempotency-Key", "k"}}));
    EXPECT_EQ(later.result(), http::status::ok);
    EXPECT_EQ(field(later, "X-Job-Id"), id) << "when it has ended";
    EXPECT_EQ(gateway.service().counters().accepted, 1U);
}

TEST_F(Waiting, TheSameKeyIsTheSameJobForWhoDoesNotWait) {
    RawClient client{gateway.port()};
    const std::string request = message("POST /generate", prompt("a"), {{"Idempotency-Key", "k"}});
    const std::string id = field(client.exchange(request), "X-Job-Id");
    EXPECT_EQ(field(client.exchange(request), "X-Job-Id"), id);
    gate->let_one_go();
    (void)gateway.await_end(id);
    EXPECT_EQ(field(client.exchange(request), "X-Job-Id"), id);
}

TEST(Apis, AJobOfAFormerRunIsCancelledAndAnswersInItsDialect) {
    const test::TemporaryDirectory directory;
    TestGatewayOptions options;
    options.store.path = (directory.path() / "jobs.db").string();
    std::vector<std::string> ids;
    net::io_context context;
    {
        const auto gate = std::make_shared<Gate>(context.get_executor());
        TestGateway gateway{make<GatedModel>(gate), options};
        for (const auto& [path, body] : {std::pair{chat, chat_prompt("a")}, std::pair{gemini, prompt("b")}}) {
            RawClient client{gateway.port()};
            client.send(message(path, body, {{"Prefer", "early-hints"}, {"Idempotency-Key", path}}));
            ids.push_back(field(client.receive(), "X-Job-Id"));
            gate->await_one();
        }
        gateway.drain(0s);
    }
    TestGateway gateway{embedded(), options};
    RawClient client{gateway.port()};
    EXPECT_TRUE(parse_json(gateway.await_end(ids[0]).result).contains("choices"));
    EXPECT_TRUE(parse_json(gateway.await_end(ids[1]).result).contains("candidates"));
    const HttpResponse again = client.exchange(message(chat, chat_prompt("a"), {{"Idempotency-Key", chat}}));
    EXPECT_EQ(field(again, "X-Job-Id"), ids[0]) << "keys outlive the process";
}

}  // namespace apis_test
