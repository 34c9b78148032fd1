// SPDX-License-Identifier: Apache-2.0
#include "remote_model.hpp"

#include <ctime>
#include <optional>
#include <random>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "../utf8.hpp"
#include "token_error.hpp"

namespace gateway {

namespace {

constexpr std::size_t longest_quote = 500;

double chance() {
    thread_local std::mt19937_64 random{std::random_device{}()};
    return std::uniform_real_distribution<double>{0, 1}(random);
}

/// text, with dots in the places of secret. An upstream may quote the token that it does not take.
std::string without(std::string text, std::string_view secret) {
    constexpr std::string_view dots = "(...)";
    for (std::size_t at = 0; !secret.empty() && (at = text.find(secret, at)) != std::string::npos; at += dots.size()) {
        text.replace(at, secret.size(), dots);
    }
    return text;
}

/// The start of the upstream's own words, where its body has the usual form {"error": {"message": ...}}; else nothing.
std::string message_of(const std::string& body, std::string_view token) {
    Json json;
    try {
        json = parse_json(body);
    } catch (const JsonError&) {
        return {};
    }
    for (const char* const path : {"/error/message", "/0/error/message", "/error", "/message"}) {
        const Json::json_pointer pointer{path};
        if (json.contains(pointer) && json.at(pointer).is_string()) {
            const std::string message = without(json.at(pointer).get<std::string>(), token);
            const std::string_view start = utf8_start(message, longest_quote);
            return ": " + std::string{start} + (start.size() < message.size() ? "..." : "");
        }
    }
    return {};
}

std::string times(std::size_t attempts) {
    return attempts == 1 ? "" : " (after " + std::to_string(attempts) + " attempts)";
}

}  // namespace

struct RemoteModel::Attempt {
    std::optional<Json> response;
    /// Why there is none.
    std::string failure;
    bool may_retry = false;
    bool unauthorized = false;
    std::optional<std::chrono::milliseconds> retry_after = {};
};

RemoteModel::RemoteModel(std::unique_ptr<Api> api, HttpTransport& transport, std::unique_ptr<TokenSource> tokens,
                         RemoteModelOptions options)
    : api_{std::move(api)}, transport_{transport}, tokens_{std::move(tokens)}, options_{std::move(options)} {}

net::awaitable<Json> RemoteModel::generate(const Json& request) {
    ++requests_;
    try {
        co_return co_await generate_counted(request);
    } catch (...) {
        ++failures_;
        throw;
    }
}

net::awaitable<Json> RemoteModel::generate_counted(const Json& request) {
    const HttpRequest message = api_->make_request(request);
    budget_.deposit(Clock::now());
    net::steady_timer pause{co_await net::this_coro::executor};
    bool token_renewed = false;
    for (std::size_t attempts = 1;; ++attempts) {
        std::string token;
        Attempt last = co_await attempt(message, token);
        if (last.response) {
            co_return std::move(*last.response);
        }
        if (last.unauthorized && tokens_ && !token_renewed) {
            token_renewed = true;
            const bool another = co_await renew(token);
            if (another) {
                continue;
            }
        }
        const std::chrono::milliseconds wait = pause_after(last, attempts);
        pause.expires_after(wait);
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

net::awaitable<RemoteModel::Attempt> RemoteModel::attempt(const HttpRequest& message, std::string& token) {
    HttpRequest request = message;
    try {
        if (tokens_) {
            token = co_await tokens_->token();
            if (!token.empty()) {
                request.set(http::field::authorization, "Bearer " + token);
            }
        }
        ++attempts_;
        const Clock::time_point deadline = Clock::now() + options_.attempt_timeout;
        const HttpResponse response = co_await transport_.send(options_.origin, std::move(request), deadline);
        co_return judge(response, token);
    } catch (const TransportError& error) {
        co_return judge(error);
    } catch (const TokenError& error) {
        Attempt failed;
        failed.failure = error.what();
        failed.may_retry = error.temporary();
        co_return failed;
    }
}

RemoteModel::Attempt RemoteModel::judge(const HttpResponse& response, std::string_view token) const {
    Attempt result;
    if (response.result() == http::status::ok) {
        try {
            result.response = api_->read_response(parse_json(response.body()));
        } catch (const JsonError& error) {
            result.failure = std::string{"the upstream's answer is not JSON: "} + error.what();
        } catch (const UpstreamError& error) {
            result.failure = error.what();
        }
        return result;
    }
    result.failure = "the upstream answered with status " + std::to_string(response.result_int()) +
                     message_of(response.body(), token);
    result.may_retry = gateway::may_retry(response.result());
    result.unauthorized = response.result() == http::status::unauthorized;
    result.retry_after = parse_retry_after(view(response[http::field::retry_after]), std::time(nullptr));
    return result;
}

RemoteModel::Attempt RemoteModel::judge(const TransportError& error) const {
    Attempt result;
    result.failure = error.what();
    result.may_retry = gateway::may_retry(error);
    return result;
}

std::chrono::milliseconds RemoteModel::pause_after(const Attempt& last, std::size_t attempts) {
    if (!last.may_retry || attempts >= options_.retry.max_attempts) {
        throw UpstreamError{last.failure + times(attempts)};
    }
    const std::optional<std::chrono::milliseconds> wait =
        backoff(options_.retry, attempts + 1, last.retry_after, chance());
    if (!wait) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*last.retry_after).count();
        throw UpstreamError{last.failure + times(attempts) + "; it wants to be left alone for " +
                            std::to_string(seconds) + " s"};
    }
    if (!budget_.withdraw(Clock::now())) {
        ++retries_denied_;
        throw UpstreamError{last.failure + times(attempts) + "; not tried again, as too many requests fail at present"};
    }
    return *wait;
}

UpstreamCounters RemoteModel::counters() const {
    UpstreamCounters counters;
    counters.requests = requests_;
    counters.attempts = attempts_;
    counters.retries = retries_;
    counters.retries_denied = retries_denied_;
    counters.failures = failures_;
    return counters;
}

}  // namespace gateway
