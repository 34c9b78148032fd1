// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/remote_model.hpp>

#include <ctime>
#include <optional>
#include <random>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <gateway/base/quote.hpp>
#include <gateway/http/url.hpp>
#include <gateway/log/log.hpp>
#include <gateway/upstream/token_error.hpp>

namespace gateway {

namespace {

using Next = Verdict::Next;

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

}  // namespace

/// What came of an attempt.
struct RemoteModel::Attempt {
    std::optional<ModelAnswer> answer;
    /// Why there is none.
    Verdict verdict;
    /// The upstream's own, where Verdict::Next::amend asks for it.
    HttpResponse refusal;
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

SharedText RemoteModel::prepare(Dialect dialect, const Json& request, const SharedText& /*text*/) const {
    return api_->translate(dialect, request);
}

net::awaitable<ModelAnswer> RemoteModel::generate(ModelRequest request, WaitNote& note) {
    ++requests_;
    try {
        co_return co_await generate_counted(request, note);
    } catch (...) {
        ++failures_;
        throw;
    }
}

net::awaitable<ModelAnswer> RemoteModel::generate_counted(const ModelRequest& asked, WaitNote& note) {
    UpstreamRequest message = api_->make_request(asked.prepared);
    // None is understood here: an upstream that compresses all the same is refused by name.
    message.set(http::field::accept_encoding, "identity");
    if (!options_.session_header.empty() && !asked.session.empty()) {
        message.set(options_.session_header, asked.session);
    }
    budget_.deposit(Clock::now());
    const net::any_io_executor executor = co_await net::this_coro::executor;
    Turns::Turn turn{turns_, executor};
    bool token_renewed = false;
    bool amended = false;
    for (std::size_t attempts = 1;; ++attempts) {
        co_await turn.wait(note);
        std::string token;
        Attempt last = co_await attempt(asked, message, token);
        if (last.answer) {
            turn.answered();
            co_return std::move(*last.answer);
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
            const bool another = co_await renew(token);
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

net::awaitable<RemoteModel::Attempt> RemoteModel::attempt(const ModelRequest& asked, const UpstreamRequest& message,
                                                          std::string& token) {
    UpstreamRequest request = message;  // of which the body is shared
    Attempt failed;
    try {
        if (tokens_) {
            token = co_await tokens_->token();
            if (!token.empty()) {
                request.set(http::field::authorization, "Bearer " + token);
            }
        }
        ++attempts_;
        const Clock::time_point deadline = Clock::now() + options_.attempt_timeout;
        HttpResponse response = co_await transport_.send(options_.origin, std::move(request), deadline);
        co_return co_await read(asked, std::move(response), token);
    } catch (const TransportError& error) {
        log::warn("a request to the upstream failed", {{"error", error.what()}});
        failed.verdict = judge(error);
    } catch (const TokenError& error) {
        log::error("there is no access token for the upstream", {{"error", error.what()}});
        failed.verdict = judge(error);
    }
    co_return failed;
}

net::awaitable<RemoteModel::Attempt> RemoteModel::read(const ModelRequest& asked, HttpResponse response,
                                                       std::string_view token) {
    auto reading = heavy_.run(response.body().size(), [&] {
        if (response.result() == http::status::ok) {
            return read_answer(asked, response);
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

RemoteModel::Attempt RemoteModel::read_answer(const ModelRequest& asked, const HttpResponse& response) const {
    Attempt result;
    const std::string_view coding = view(response[http::field::content_encoding]);
    if (!coding.empty() && !beast::iequals({coding.data(), coding.size()}, "identity")) {
        result.verdict.failure = failure_not_understood("the upstream's answer is compressed (" + quote(coding) +
                                                        "), which it was asked not to do");
        return result;
    }
    try {
        result.answer = api_->read_response(parse_json(response.body(), max_answer_values), asked.dialect, asked.id);
    } catch (const JsonError& error) {
        result.verdict.failure =
            failure_not_understood(std::string{"the upstream's answer is not JSON: "} + error.what());
    } catch (const NotUnderstood& error) {
        result.verdict.failure =
            failure_not_understood(std::string{"the upstream's answer is not understood: "} + error.what());
    }
    return result;
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
