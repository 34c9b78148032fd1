// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <gateway/conversation/bad_request.hpp>
#include <gateway/upstream/openai.hpp>
#include <gateway/upstream/remote_model.hpp>
#include <gateway/upstream/static_token.hpp>
#include <gateway/upstream/token_error.hpp>
#include <gateway/upstream/vertex.hpp>

#include "support/run_awaitable.hpp"
#include "support/scripted_transport.hpp"

namespace remote_model_test {

using namespace std::chrono_literals;
namespace net = gateway::net;
using gateway::HttpResponse;
using gateway::Json;
using gateway::parse_json;
using gateway::TokenError;
using gateway::TransportError;
using Stage = TransportError::Stage;

const std::string good = R"({"candidates":[{"content":{"role":"model","parts":[{"text":"hello"}]}}]})";
const std::string request = R"({"contents":[{"parts":[{"text":"hi"}]}]})";

/// Hands out tokens, or fails, in the order of a list; the last one over and over.
class ScriptedTokens final : public gateway::TokenSource {
  public:
    net::awaitable<std::string> token() override {
        const std::function<std::string()> next = script.front();
        if (script.size() > 1) {
            script.pop_front();
        }
        co_return next();
    }
    void reject(std::string_view token) override { rejected.emplace_back(token); }

    void then(const std::string& token) {
        script.emplace_back([token] { return token; });
    }
    void then_fail(const TokenError& error) {
        script.emplace_back([error]() -> std::string { throw TokenError{error}; });
    }

    std::deque<std::function<std::string()>> script;
    std::vector<std::string> rejected;
};

HttpResponse refusal(unsigned status, const std::string& body, const char* retry_after = nullptr) {
    HttpResponse response;
    response.result(status);
    response.body() = body;
    if (retry_after != nullptr) {
        response.set(gateway::http::field::retry_after, retry_after);
    }
    return response;
}

/// A model whose retries take a millisecond at most.
class RemoteModel : public testing::Test {
  protected:
    RemoteModel() {
        options.origin = {true, "upstream.test", 443};
        options.retry.max_attempts = 3;
        options.retry.backoff_min = 1ms;
        options.retry.backoff_max = 1ms;
    }

    gateway::RemoteModel& model() {
        if (!model_) {
            model_ = std::make_unique<gateway::RemoteModel>(
                std::make_unique<gateway::VertexApi>("", "p", "us-central1", "m"), transport, std::move(tokens), heavy,
                options);
        }
        return *model_;
    }

    std::string generate() { return test::run_awaitable(model().generate({request}, note)).text; }

    gateway::Failure failure() {
        try {
            (void)generate();
        } catch (const gateway::UpstreamError& error) {
            return error.failure();
        }
        return {};
    }
    std::string error() { return failure().message; }

    /// requests, attempts, retries, retries denied, failures
    std::string counters() {
        const gateway::UpstreamCounters counters = model().counters();
        std::string text;
        for (const std::uint64_t count :
             {counters.requests, counters.attempts, counters.retries, counters.retries_denied, counters.failures}) {
            text += text.empty() ? "" : " ";
            text += std::to_string(count);
        }
        return text;
    }

    ScriptedTokens& use_tokens() {
        auto made = std::make_unique<ScriptedTokens>();
        ScriptedTokens& result = *made;
        tokens = std::move(made);
        return result;
    }

    std::string sent_token(std::size_t index) const {
        return std::string{gateway::view(transport.sent().at(index).request["Authorization"])};
    }

    gateway::HeavyWork heavy;
    gateway::WaitNote note;
    test::ScriptedTransport transport;
    std::unique_ptr<gateway::TokenSource> tokens;
    gateway::RemoteModelOptions options;

  private:
    std::unique_ptr<gateway::RemoteModel> model_;
};

TEST_F(RemoteModel, AsksOnceWhenAllIsWell) {
    options.attempt_timeout = 1h;
    use_tokens().then("t");
    transport.then_answer(200, good);
    const gateway::Clock::time_point before = gateway::Clock::now();
    EXPECT_EQ(generate(), good);
    ASSERT_EQ(transport.sent().size(), 1U);
    const auto& [origin, message, deadline] = transport.sent().front();
    EXPECT_EQ(origin, options.origin);
    EXPECT_EQ(message.target(), "/v1/projects/p/locations/us-central1/publishers/google/models/m:generateContent");
    EXPECT_EQ(message.body(), request);
    EXPECT_EQ(sent_token(0), "Bearer t");
    EXPECT_GE(deadline, before + 1h);
    EXPECT_LE(deadline, gateway::Clock::now() + 1h);
    EXPECT_EQ(counters(), "1 1 0 0 0");
}

TEST_F(RemoteModel, SaysWhatTheAnswerHasCost) {
    transport.then_answer(200, R"({"candidates":[{"content":{"role":"model","parts":[{"text":"Hi"}]}}],)"
                               R"("usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,)"
                               R"("thoughtsTokenCount":30,"totalTokenCount":39}})");
    const gateway::ModelAnswer answer = test::run_awaitable(model().generate({request}, note));
    EXPECT_EQ(answer.usage.input, 7U);
    EXPECT_EQ(answer.usage.output, 32U);
}

TEST_F(RemoteModel, SendsNoTokenIfThereIsNone) {
    transport.then_answer(200, good);
    (void)generate();
    EXPECT_EQ(transport.sent().front().request.count("Authorization"), 0U);
}

TEST_F(RemoteModel, SendsNoEmptyToken) {
    tokens = std::make_unique<gateway::StaticToken>("");
    transport.then_answer(200, good);
    (void)generate();
    EXPECT_EQ(transport.sent().front().request.count("Authorization"), 0U);
}

TEST_F(RemoteModel, AsksAgainUntilItIsAnswered) {
    transport.then_answer(503, "");
    transport.then_fail({Stage::connecting, true, "no connection"});
    transport.then_answer(200, good);
    EXPECT_EQ(generate(), good);
    EXPECT_EQ(transport.sent().size(), 3U);
    EXPECT_EQ(transport.sent()[2].request.body(), request);
    EXPECT_EQ(counters(), "1 3 2 0 0");
}

TEST_F(RemoteModel, EachAttemptIsASpanOfItsOwnInTheTrace) {
    transport.then_answer(503, "");
    transport.then_answer(429, "");
    transport.then_answer(200, good);
    gateway::ModelRequest asked{request};
    asked.trace = gateway::trace_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=1,b=2");
    (void)test::run_awaitable(model().generate(std::move(asked), note));
    std::set<std::string> spans;
    for (const test::ScriptedTransport::Sent& sent : transport.sent()) {
        const std::string parent{gateway::view(sent.request["traceparent"])};
        EXPECT_EQ(parent.substr(0, 36), "00-4bf92f3577b34da6a3ce929d0e0e4736-");
        EXPECT_EQ(parent.substr(52), "-01");
        EXPECT_EQ(sent.request["tracestate"], "a=1,b=2");
        spans.insert(parent.substr(36, 16));
    }
    EXPECT_EQ(spans.size(), 3U);
    EXPECT_FALSE(spans.contains("00f067aa0ba902b7")) << "that is the client's";
}

TEST_F(RemoteModel, GivesUpAfterTheLastAttempt) {
    for (const unsigned status : {503U, 503U, 503U}) {
        transport.then_answer(status, R"({"error":{"code":503,"message":"overloaded"}})");
    }
    EXPECT_EQ(error(), "the upstream answered with status 503: overloaded (after 3 attempts)");
    EXPECT_EQ(counters(), "1 3 2 0 1");
}

TEST_F(RemoteModel, AsksAgainAfterAFailureOfTheConnection) {
    const TransportError failure{Stage::waiting, false, "the connection was closed"};
    for (int i = 0; i < 3; ++i) {
        transport.then_fail(failure);
    }
    EXPECT_EQ(error(), "the upstream: the connection was closed (after 3 attempts)");
    EXPECT_EQ(counters(), "1 3 2 0 1");
}

TEST_F(RemoteModel, DoesNotAskAgainWhatMayHaveBeenDone) {
    transport.then_fail({Stage::waiting, true, "no answer in time"});
    EXPECT_EQ(failure(),
              (gateway::Failure{504, "upstream_timeout", "the upstream: no answer in time", true, std::nullopt}));
    transport.then_fail({Stage::receiving, false, "cut off"});
    EXPECT_EQ(error(), "the upstream: cut off");
    for (const unsigned status : {204U, 302U, 400U, 403U, 404U, 500U, 502U, 504U, 599U}) {
        transport.then_answer(status, "");
        EXPECT_EQ(error(), "the upstream answered with status " + std::to_string(status));
    }
    EXPECT_EQ(counters(), "11 11 0 0 11");
}

TEST_F(RemoteModel, RefusesAnAnswerThatIsNone) {
    transport.then_answer(200, "<html>");
    const std::string why = error();
    EXPECT_TRUE(why.starts_with("the upstream's answer is not JSON: ")) << why;
    transport.then_answer(200, "");
    EXPECT_TRUE(error().starts_with("the upstream's answer is not JSON: "));
    transport.then_answer(200, std::string(100'000, '['));
    EXPECT_LE(error().size(), 300U);
    transport.then_answer(200, "[]");
    EXPECT_EQ(error(), "the upstream's answer is not understood: it is no generateContent response");
    EXPECT_EQ(counters(), "4 4 0 0 4");
}

gateway::SharedText prepared(const gateway::Model& model, const std::string& text) {
    return model.prepare(gateway::Dialect::gemini, gateway::Delivery::whole, parse_json(text), text);
}

TEST_F(RemoteModel, SendsNothingWhenTheRequestHasNoFormForTheUpstream) {
    gateway::RemoteModel openai{std::make_unique<gateway::OpenAiApi>("", ""), transport, nullptr, heavy, options};
    EXPECT_THROW((void)prepared(openai, R"({"contents":[],"tools":[{"googleSearch":{"a":1}}]})"), gateway::BadRequest);
    EXPECT_TRUE(transport.sent().empty());
}

TEST_F(RemoteModel, QuotesTheUpstreamInItsUsualForms) {
    const std::vector<std::pair<std::string, std::string>> bodies{
        {R"({"error":{"message":"no quota"}})", ": no quota"},
        {R"([{"error":{"message":"no quota"}}])", ": no quota"},
        {R"({"error":"no quota"})", ": no quota"},
        {R"({"message":"no quota"})", ": no quota"},
        {R"({"error":{"message":7}})", ""},
        {R"({"error":["no quota"]})", ""},
        {R"(["no quota"])", ""},
        {R"("no quota")", ""},
        {"null", ""},
        {"{}", ""},
        {"[]", ""},
        {"no quota", ""},
        {"\xff", ""},
        {std::string(100'000, '['), ""},
    };
    for (const auto& [body, quoted] : bodies) {
        transport.then_answer(400, body);
        EXPECT_EQ(error(), "the upstream answered with status 400" + quoted) << body.substr(0, 100);
    }
}

TEST_F(RemoteModel, QuotesTheStartOfALongMessageWithoutCuttingACharacter) {
    const auto quoted = [&](const std::string& message) {
        transport.then_answer(400, gateway::dump(Json{{"message", message}}));
        return error().substr(std::string{"the upstream answered with status 400: "}.size());
    };
    const std::string half_a_kilobyte(500, 'a');
    EXPECT_EQ(quoted(half_a_kilobyte), half_a_kilobyte);
    EXPECT_EQ(quoted(half_a_kilobyte + 'a'), half_a_kilobyte + "...");
    for (const std::string character : {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x9a\xa2"}) {
        for (std::size_t inside = 1; inside < character.size(); ++inside) {
            const std::string before(500 - inside, 'a');
            EXPECT_EQ(quoted(before + character + "the rest"), before + "...") << inside;
        }
        const std::string before(500 - character.size(), 'a');
        EXPECT_EQ(quoted(before + character + "the rest"), before + character + "...");
    }
}

TEST_F(RemoteModel, DoesNotQuoteItsToken) {
    use_tokens().then("s3cret");
    transport.then_answer(403, R"({"error":"s3cret is not allowed, s3crets3cret neither"})");
    EXPECT_EQ(error(), "the upstream answered with status 403: (...) is not allowed, (...)(...) neither");
}

TEST_F(RemoteModel, TriesANewTokenOnce) {
    ScriptedTokens& script = use_tokens();
    script.then("old");
    script.then("new");
    transport.then_answer(401, "");
    transport.then_answer(200, good);
    EXPECT_EQ(generate(), good);
    EXPECT_EQ(script.rejected, std::vector<std::string>{"old"});
    EXPECT_EQ(sent_token(0), "Bearer old");
    EXPECT_EQ(sent_token(1), "Bearer new");
    EXPECT_EQ(counters(), "1 2 0 0 0") << "that is no retry of the budget";
}

TEST_F(RemoteModel, DoesNotTryAThirdToken) {
    ScriptedTokens& script = use_tokens();
    for (const char* const token : {"1", "2", "3", "4"}) {
        script.then(token);
    }
    transport.then_answer(401, "");
    transport.then_answer(401, R"({"error":{"message":"who are you?"}})");
    EXPECT_EQ(error(), "the upstream answered with status 401: who are you? (after 2 attempts)");
    EXPECT_EQ(counters(), "1 2 0 0 1");
}

TEST_F(RemoteModel, DoesNotSendTheSameTokenAgainAfterA401) {
    tokens = std::make_unique<gateway::StaticToken>("key");
    transport.then_answer(401, "");
    EXPECT_EQ(error(), "the upstream answered with status 401");
    EXPECT_EQ(counters(), "1 1 0 0 1");
}

TEST_F(RemoteModel, A401WithoutTokensIsTheAnswer) {
    transport.then_answer(401, "");
    EXPECT_EQ(error(), "the upstream answered with status 401");
    EXPECT_EQ(counters(), "1 1 0 0 1");
}

TEST_F(RemoteModel, SaysWhyThereIsNoNewToken) {
    ScriptedTokens& script = use_tokens();
    script.then("old");
    script.then_fail({"the account is disabled", false, 403});
    transport.then_answer(401, "");
    EXPECT_EQ(error(), "the gateway has no access token for the upstream (after 2 attempts)");
    EXPECT_EQ(counters(), "1 1 0 0 1");
}

TEST_F(RemoteModel, WaitsForATokenThatMayComeYet) {
    ScriptedTokens& script = use_tokens();
    script.then_fail({"the token server is down", true, 503});
    script.then("t");
    transport.then_answer(200, good);
    EXPECT_EQ(generate(), good);
    EXPECT_EQ(counters(), "1 1 1 0 0");
}

TEST_F(RemoteModel, EndsWhenNoTokenComes) {
    use_tokens().then_fail({"the token server is down", true, 503});
    EXPECT_EQ(error(), "the gateway has no access token for the upstream (after 3 attempts)");
    EXPECT_EQ(counters(), "1 0 2 0 1");
}

TEST_F(RemoteModel, EndsAtOnceWhenNoTokenWillCome) {
    use_tokens().then_fail({"the key is wrong", false, 400});
    EXPECT_EQ(failure(), (gateway::Failure{502, "upstream_denied", "the gateway has no access token for the upstream",
                                           false, std::nullopt}));
    EXPECT_EQ(counters(), "1 0 0 0 1");
}

TEST_F(RemoteModel, RetriesNoMoreThanItsBudget) {
    options.retry.max_attempts = 1'000;
    options.retry.backoff_min = options.retry.backoff_max = 0ms;
    for (int i = 0; i < 1'000; ++i) {
        transport.then_answer(503, "");
    }
    const std::string why = error();
    EXPECT_TRUE(why.ends_with("attempts); not tried again, as too many requests fail at present")) << why;
    const gateway::UpstreamCounters counters = model().counters();
    EXPECT_GE(counters.retries, 10U);  // and one for each second that this takes
    EXPECT_EQ(counters.attempts, counters.retries + 1);
    EXPECT_EQ(counters.retries_denied, 1U);
    EXPECT_EQ(counters.failures, 1U);
}

TEST_F(RemoteModel, WaitsAsLongAsItIsTold) {
    options.retry.backoff_max = 1s;
    transport.then_answer(refusal(503, "", "1"));
    transport.then_answer(200, good);
    const gateway::Clock::time_point before = gateway::Clock::now();
    (void)generate();
    EXPECT_GE(gateway::Clock::now() - before, 1s);
    EXPECT_EQ(counters(), "1 2 1 0 0");
}

TEST_F(RemoteModel, TakesNoNoticeOfARetryAfterThatIsNone) {
    transport.then_answer(refusal(503, "", "whenever you like"));
    transport.then_answer(200, good);
    EXPECT_EQ(generate(), good);
}

TEST_F(RemoteModel, BeingToldToWaitIsNoFault) {
    constexpr std::uint64_t refusals = 200;
    for (std::uint64_t i = 0; i < refusals; ++i) {
        transport.then_answer(refusal(429, R"({"error":"slow down"})", "0"));
    }
    transport.then_answer(200, good);
    EXPECT_EQ(generate(), good);
    EXPECT_EQ(counters(), "1 201 0 0 0") << "neither attempts nor budget bound it";
    EXPECT_EQ(model().counters().limited, refusals);
    EXPECT_LE(model().counters().limit, 2U) << "one, and one more for the answer";
    EXPECT_FALSE(note.limited());
}

TEST_F(RemoteModel, TellsWhatTheUpstreamsStatusMeansToTheClient) {
    struct Row {
        unsigned upstream;
        unsigned status;
        std::string code;
        bool retryable;
    };
    for (const Row& row : std::vector<Row>{{400, 400, "upstream_rejected", false},
                                           {401, 502, "upstream_denied", false},
                                           {403, 502, "upstream_denied", false},
                                           {404, 404, "upstream_rejected", false},
                                           {408, 504, "upstream_timeout", true},
                                           {413, 413, "upstream_rejected", false},
                                           {422, 422, "upstream_rejected", false},
                                           {302, 502, "upstream_failed", false},
                                           {500, 502, "upstream_failed", true},
                                           {504, 504, "upstream_timeout", true}}) {
        transport.then_answer(row.upstream, "");
        EXPECT_EQ(failure(), (gateway::Failure{row.status, row.code,
                                               "the upstream answered with status " + std::to_string(row.upstream),
                                               row.retryable, std::nullopt}));
    }
}

TEST_F(RemoteModel, SaysWhenItMayGoBetter) {
    options.retry.max_attempts = 1;
    transport.then_answer(refusal(503, "", "3600"));
    EXPECT_EQ(failure(),
              (gateway::Failure{503, "upstream_unavailable", "the upstream answered with status 503", true, 3600s}));
}

TEST_F(RemoteModel, DoesNotTellWhereTheUpstreamIs) {
    transport.then_answer(400, R"({"error":"no model at http://upstream.test/v1"})");
    EXPECT_EQ(error(), "the upstream answered with status 400: no model at http://(...)/v1");
    transport.then_fail({Stage::receiving, false, "cut off", "https://upstream.test"});
    EXPECT_EQ(error(), "the upstream: cut off");
}

TEST_F(RemoteModel, RefusesACompressedAnswerByName) {
    HttpResponse compressed = refusal(200, "\x1f\x8b");
    compressed.set("Content-Encoding", "gzip");
    transport.then_answer(compressed);
    EXPECT_EQ(failure(),
              (gateway::Failure{502, "upstream_answer_not_understood",
                                "the upstream's answer is compressed (\"gzip\"), which it was asked not to do", false,
                                std::nullopt}));
    EXPECT_EQ(transport.sent().front().request["Accept-Encoding"], "identity");
}

TEST_F(RemoteModel, AsksOnceMoreInTheFormThatTheUpstreamWants) {
    gateway::RemoteModel openai{std::make_unique<gateway::OpenAiApi>("", ""), transport, nullptr, heavy, options};
    const gateway::SharedText limited =
        prepared(openai, R"({"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"maxOutputTokens":7}})");
    const std::string wants_another =
        R"({"error":{"message":"Use 'max_completion_tokens' instead.","param":"max_tokens"}})";
    transport.then_answer(400, wants_another);
    transport.then_answer(200, R"({"choices":[{"message":{"content":"a"}}]})");
    (void)test::run_awaitable(openai.generate({limited}, note));
    EXPECT_EQ(parse_json(transport.sent().at(0).request.body()).at("max_tokens"), 7);
    EXPECT_EQ(parse_json(transport.sent().at(1).request.body()).at("max_completion_tokens"), 7);
    EXPECT_EQ(openai.counters().retries, 0U);
    transport.then_answer(400, wants_another);
    transport.then_answer(400, wants_another);
    EXPECT_THROW((void)test::run_awaitable(openai.generate({limited}, note)), gateway::UpstreamError);
    EXPECT_EQ(transport.sent().size(), 4U) << "one that was prepared before is sent in the other form, too";
    transport.then_answer(400, wants_another);
    const gateway::SharedText another = prepared(openai, R"({"contents":[],"generationConfig":{"maxOutputTokens":7}})");
    EXPECT_THROW((void)test::run_awaitable(openai.generate({another}, note)), gateway::UpstreamError);
    EXPECT_EQ(transport.sent().size(), 5U) << "there is no other form left";
}

/// Runs a generation until it waits, cancels it, and says what came of it.
std::string cancelled(gateway::Model& model, gateway::WaitNote& note) {
    net::io_context context;
    net::cancellation_signal cancel;
    std::string outcome = "it still waits";
    auto ended = [&](const std::exception_ptr& error, const gateway::ModelAnswer&) {
        try {
            outcome = "it was answered";
            if (error) {
                std::rethrow_exception(error);
            }
        } catch (const boost::system::system_error& thrown) {
            outcome = thrown.code() == net::error::operation_aborted ? "cancelled" : thrown.what();
        } catch (const std::exception& thrown) {
            outcome = thrown.what();
        }
    };
    net::co_spawn(context, model.generate({request}, note), net::bind_cancellation_slot(cancel.slot(), ended));
    context.poll();
    EXPECT_EQ(outcome, "it still waits");
    cancel.emit(net::cancellation_type::terminal);
    context.poll();
    return outcome;
}

TEST_F(RemoteModel, CancellationEndsThePause) {
    options.retry.backoff_min = options.retry.backoff_max = 1h;
    transport.then_answer(503, "");
    EXPECT_EQ(cancelled(model(), note), "cancelled");
    EXPECT_EQ(counters(), "1 1 0 0 0");
}

TEST_F(RemoteModel, CancellationEndsTheSend) {
    transport.then_wait();
    EXPECT_EQ(cancelled(model(), note), "cancelled");
    EXPECT_EQ(counters(), "1 1 0 0 0");
}

TEST_F(RemoteModel, CancellationEndsTheWaitForItsTurnWhichTheNoteTells) {
    transport.then_answer(refusal(429, "", "3600"));
    const gateway::Clock::time_point before = gateway::Clock::now();
    EXPECT_EQ(cancelled(model(), note), "cancelled");
    EXPECT_EQ(counters(), "1 1 0 0 0");
    ASSERT_TRUE(note.limited());
    EXPECT_GE(*note.limited(), before + 3600s);
    EXPECT_EQ(model().counters().waiting, 0U);
}

}  // namespace remote_model_test
