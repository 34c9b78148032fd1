// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/remote_model.hpp>

#include <ctime>
#include <optional>
#include <random>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <gateway/base/quote.hpp>
#include <gateway/dialects/part_translator.hpp>
#include <gateway/http/url.hpp>
#include <gateway/log/log.hpp>
#include <gateway/upstream/hand_each.hpp>
#include <gateway/upstream/response_reader.hpp>
#include <gateway/upstream/sse_parser.hpp>
#include <gateway/upstream/token_error.hpp>

namespace gateway {

namespace {

using Next = Verdict::Next;

constexpr std::size_t largest_event = std::size_t{4} << 20;
constexpr std::size_t largest_refusal = std::size_t{1} << 20;
constexpr std::chrono::milliseconds patience_at_end{1'000};

double chance() {
    thread_local std::mt19937_64 random{std::random_device{}()};
    return std::uniform_real_distribution<double>{0, 1}(random);
}

std::string times(std::size_t attempts) {
    return attempts == 1 ? "" : " (after " + std::to_string(attempts) + " attempts)";
}

Failure with(Failure failure, const std::string& more) {
    failure.message += more;
    return failure;
}

Failure failure_not_understood(const std::string& why) {
    return {502, "upstream_answer_not_understood", why, false, std::nullopt};
}

std::optional<Failure> refuse_compressed(const HttpResponse& response) {
    const std::string_view coding = view(response[http::field::content_encoding]);
    if (coding.empty() || beast::iequals({coding.data(), coding.size()}, "identity")) {
        return std::nullopt;
    }
    return failure_not_understood("the upstream's answer is compressed (" + quote(coding) +
                                  "), which it was asked not to do");
}

/// Of a response that should be a stream of events.
std::optional<Failure> refuse_stream(const HttpResponse& response) {
    const std::string_view type = view(response[http::field::content_type]);
    const std::string_view media = type.substr(0, type.find_first_of("; \t"));
    if (!beast::iequals({media.data(), media.size()}, "text/event-stream")) {
        return failure_not_understood("the upstream was asked for a stream, and its answer is of type " + quote(type));
    }
    return refuse_compressed(response);
}

/// Takes what follows the last event, so that the connection can be used again. Nobody waits for that: it owns the
/// reader, and ends with the response, or after patience_at_end.
net::awaitable<void> finish(std::unique_ptr<ResponseReader> reader) {
    try {
        const Clock::time_point deadline = Clock::now() + patience_at_end;
        while (const std::optional<std::string> bytes = co_await reader->read(deadline)) {
        }
    } catch (const TransportError&) {
        // all that was wanted of it is there
    }
}

}  // namespace

/// A request, and how its answer is wanted.
struct RemoteModel::Asked {
    ModelRequest request;
    Delivery delivery = Delivery::whole;
};

/// What came of an attempt.
struct RemoteModel::Attempt {
    /// The answer, or of one in parts who reads it; neither:
    std::optional<ModelAnswer> answer;
    std::unique_ptr<ResponseReader> reader;
    /// why there is none.
    Verdict verdict;
    /// The upstream's own, where Verdict::Next::amend asks for it.
    HttpResponse refusal;
    /// That was sent with the request.
    std::string token;
};

RemoteModel::RemoteModel(std::unique_ptr<Api> api, HttpTransport& transport, std::unique_ptr<TokenSource> tokens,
                         HeavyWork& heavy, RemoteModelOptions options)
    : api_{std::move(api)},
      transport_{transport},
      tokens_{std::move(tokens)},
      heavy_{heavy},
      options_{std::move(options)},
      authority_{authority(options_.origin)},
      turns_{options_.max_under_way, options_.retry} {}

SharedText RemoteModel::prepare(Dialect dialect, Delivery delivery, const Json& request,
                                const SharedText& /*text*/) const {
    return api_->translate(dialect, delivery, request);
}

net::awaitable<ModelAnswer> RemoteModel::generate(ModelRequest request, WaitNote& note) {
    return counted(answer_whole(std::move(request), note));
}

net::awaitable<void> RemoteModel::stream(ModelRequest request, WaitNote& note, PartSink sink) {
    return counted(answer_in_parts(std::move(request), note, std::move(sink)));
}

template <typename T>
net::awaitable<T> RemoteModel::counted(net::awaitable<T> answering) {
    ++requests_;
    std::exception_ptr failure;
    try {
        co_return co_await std::move(answering);
    } catch (...) {
        failure = std::current_exception();
    }
    const net::cancellation_state state = co_await net::this_coro::cancellation_state;
    failures_ += state.cancelled() == net::cancellation_type::none ? 1 : 0;
    std::rethrow_exception(failure);
}

net::awaitable<ModelAnswer> RemoteModel::answer_whole(ModelRequest request, WaitNote& note) {
    Turns::Turn turn{turns_, co_await net::this_coro::executor};
    const Asked asked{std::move(request), Delivery::whole};
    Attempt last = co_await ask(asked, note, turn);
    turn.answered();
    co_return std::move(*last.answer);
}

net::awaitable<void> RemoteModel::answer_in_parts(ModelRequest request, WaitNote& note, PartSink sink) {
    Turns::Turn turn{turns_, co_await net::this_coro::executor};
    const Asked asked{std::move(request), Delivery::in_parts};
    Attempt begun = co_await ask(asked, note, turn);
    const bool at_end = co_await hand_on(asked.request, begun, sink);
    turn.answered();
    if (!at_end) {
        const net::any_io_executor executor = co_await net::this_coro::executor;
        net::co_spawn(executor, finish(std::move(begun.reader)), net::detached);
    }
}

net::awaitable<RemoteModel::Attempt> RemoteModel::ask(const Asked& asked, WaitNote& note, Turns::Turn& turn) {
    UpstreamRequest message = api_->make_request(asked.delivery, asked.request.prepared);
    // None is understood here: an upstream that compresses all the same is refused by name.
    message.set(http::field::accept_encoding, "identity");
    if (!options_.session_header.empty() && !asked.request.session.empty()) {
        message.set(options_.session_header, asked.request.session);
    }
    budget_.deposit(Clock::now());
    const net::any_io_executor executor = co_await net::this_coro::executor;
    bool token_renewed = false;
    bool amended = false;
    for (std::size_t attempts = 1;; ++attempts) {
        co_await turn.wait(note);
        Attempt last = co_await attempt(asked, message);
        if (last.answer || last.reader) {
            co_return last;
        }
        if (last.verdict.next == Next::wait) {
            ++limited_;
            --attempts;  // it was none
            const std::size_t limit = turn.refused(last.verdict.retry_after, chance());
            log::info("the upstream limits the rate of requests",
                      {{"upstream", authority_}, {"says", last.verdict.failure.message}, {"under_way", limit}});
            continue;
        }
        turn.leave();
        if (last.verdict.next == Next::renew_token && tokens_ && !token_renewed) {
            token_renewed = true;
            const bool another = co_await renew(last.token);
            if (another) {
                continue;
            }
        }
        if (last.verdict.next == Next::amend && !amended) {
            amended = true;
            auto amending = heavy_.run(message.body().size(), [&] { return api_->amend(message, last.refusal); });
            const bool another_form = co_await std::move(amending);
            if (another_form) {
                continue;
            }
        }
        const std::chrono::milliseconds wait = pause_after(last, attempts);
        net::steady_timer pause{executor, wait};
        co_await pause.async_wait(net::use_awaitable);
        ++retries_;
    }
}

net::awaitable<bool> RemoteModel::renew(const std::string& token) {
    tokens_->reject(token);
    try {
        const std::string next = co_await tokens_->token();
        co_return next != token;
    } catch (const TokenError&) {
        co_return true;  // the next attempt says why there is none
    }
}

net::awaitable<RemoteModel::Attempt> RemoteModel::attempt(const Asked& asked, const UpstreamRequest& message) {
    UpstreamRequest request = message;  // of which the body is shared
    request.set("traceparent", traceparent_of_new_span(asked.request.trace));
    if (!asked.request.trace.state.empty()) {
        request.set("tracestate", asked.request.trace.state);
    }
    std::string token;
    Attempt result;
    try {
        if (tokens_) {
            token = co_await tokens_->token();
            if (!token.empty()) {
                request.set(http::field::authorization, "Bearer " + token);
            }
        }
        ++attempts_;
        const Clock::time_point deadline = Clock::now() + options_.attempt_timeout;
        if (asked.delivery == Delivery::in_parts) {
            result = co_await open(asked.request, std::move(request), deadline, token);
        } else {
            HttpResponse response = co_await transport_.send(options_.origin, std::move(request), deadline);
            result = co_await read(asked.request, std::move(response), token);
        }
    } catch (const TransportError& error) {
        log::warn("a request to the upstream failed",
                  {{"job_id", asked.request.id}, {"trace_id", asked.request.trace.id}, {"error", error.what()}});
        result.verdict = judge(error);
    } catch (const TokenError& error) {
        log::error("there is no access token for the upstream", {{"error", error.what()}});
        result.verdict = judge(error);
    }
    result.token = std::move(token);
    co_return result;
}

/// One that is no answer is read to its end.
net::awaitable<RemoteModel::Attempt> RemoteModel::open(const ModelRequest& request, UpstreamRequest message,
                                                       Clock::time_point deadline, std::string_view token) {
    auto opening = transport_.open(options_.origin, std::move(message), deadline);
    std::unique_ptr<ResponseReader> reader = co_await std::move(opening);
    Attempt result;
    HttpResponse response = reader->head();
    if (response.result() == http::status::ok) {
        if (std::optional<Failure> failure = refuse_stream(response)) {
            result.verdict.failure = std::move(*failure);
        } else {
            result.reader = std::move(reader);
        }
        co_return result;
    }
    while (response.body().size() < largest_refusal) {
        const std::optional<std::string> bytes = co_await reader->read(deadline);
        if (!bytes) {
            break;
        }
        response.body() += *bytes;
    }
    co_return co_await read(request, std::move(response), token);
}

net::awaitable<RemoteModel::Attempt> RemoteModel::read(const ModelRequest& request, HttpResponse response,
                                                       std::string_view token) {
    auto reading = heavy_.run(response.body().size(), [&] {
        if (response.result() == http::status::ok) {
            return read_answer(request, response);
        }
        Attempt result;
        result.verdict = judge_status(response, {token, authority_}, std::time(nullptr));
        return result;
    });
    Attempt result = co_await std::move(reading);
    if (!result.answer && result.verdict.next == Next::amend) {
        result.refusal = std::move(response);
    }
    co_return result;
}

RemoteModel::Attempt RemoteModel::read_answer(const ModelRequest& request, const HttpResponse& response) const {
    Attempt result;
    if (std::optional<Failure> failure = refuse_compressed(response)) {
        result.verdict.failure = std::move(*failure);
        return result;
    }
    try {
        result.answer =
            api_->read_response(parse_json(response.body(), max_answer_values), request.dialect, request.id);
    } catch (const JsonError& error) {
        result.verdict.failure =
            failure_not_understood(std::string{"the upstream's answer is not JSON: "} + error.what());
    } catch (const NotUnderstood& error) {
        result.verdict.failure =
            failure_not_understood(std::string{"the upstream's answer is not understood: "} + error.what());
    }
    return result;
}

net::awaitable<bool> RemoteModel::hand_on(const ModelRequest& request, const Attempt& begun, const PartSink& sink) {
    PartTranslator translator{api_->dialect(), request.dialect, request.id, request.usage_wanted};
    Failure failure;
    try {
        const bool at_end = co_await hand_on_events(translator, *begun.reader, sink);
        co_return at_end;
    } catch (const TransportError& error) {
        log::warn("a response of the upstream broke off",
                  {{"job_id", request.id}, {"trace_id", request.trace.id}, {"error", error.what()}});
        failure = judge(error).failure;
    } catch (const BrokenOff& error) {
        failure = judge(error, {begun.token, authority_});
    } catch (const JsonError& error) {
        failure = failure_not_understood(std::string{"a part of the upstream's answer is not JSON: "} + error.what());
    } catch (const NotUnderstood& error) {
        failure = failure_not_understood(std::string{"the upstream's answer is not understood: "} + error.what());
    } catch (const SseTooLarge& error) {
        failure = failure_not_understood(std::string{"the upstream's answer is too large: "} + error.what());
    }
    throw UpstreamError{std::move(failure)};
}

net::awaitable<bool> RemoteModel::hand_on_events(PartTranslator& translator, ResponseReader& reader,
                                                 const PartSink& sink) {
    SseParser events{largest_event};
    TokensTold told;
    bool at_end = false;
    while (!translator.done()) {
        const std::optional<std::string> bytes = co_await reader.read(Clock::now() + options_.attempt_timeout);
        if (!bytes) {
            at_end = true;
            break;
        }
        events.put(*bytes);
        while (const std::optional<SseEvent> event = events.next()) {
            if (event->data.empty() || translator.done()) {
                continue;
            }
            auto taking = heavy_.run(event->data.size(), [&] { return translator.take(event->data); });
            std::vector<std::string> texts = co_await std::move(taking);
            co_await hand_each(std::move(texts), told.update(translator.usage()), sink);
        }
    }
    std::vector<std::string> rest = translator.end();
    co_await hand_each(std::move(rest), told.update(translator.usage()), sink);
    co_return at_end;
}

std::chrono::milliseconds RemoteModel::pause_after(const Attempt& last, std::size_t attempts) {
    const Verdict& verdict = last.verdict;
    if (verdict.next != Next::retry || attempts >= options_.retry.max_attempts) {
        throw UpstreamError{with(verdict.failure, times(attempts))};
    }
    if (!budget_.withdraw(Clock::now())) {
        ++retries_denied_;
        throw UpstreamError{with(verdict.failure, times(attempts) + "; not tried again, as too many requests fail at "
                                                                    "present")};
    }
    return backoff(options_.retry, attempts + 1, verdict.retry_after, chance());
}

UpstreamCounters RemoteModel::counters() const {
    const Turns::Figures turns = turns_.figures();
    UpstreamCounters counters;
    counters.requests = requests_;
    counters.attempts = attempts_;
    counters.retries = retries_;
    counters.retries_denied = retries_denied_;
    counters.limited = limited_;
    counters.failures = failures_;
    counters.limit = turns.limit;
    counters.waiting = turns.waiting;
    return counters;
}

}  // namespace gateway
