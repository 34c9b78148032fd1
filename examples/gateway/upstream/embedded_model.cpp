// SPDX-License-Identifier: Apache-2.0
#include "embedded_model.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "babble.hpp"

namespace gateway {

namespace {

constexpr std::int64_t default_tokens = 64;
constexpr double tokens_to_first = 5;  // as long as these take, until the first one is there

/// FNV-1a (Fowler, Noll and Vo).
std::uint64_t hash(std::string_view text) {
    std::uint64_t value = 0xcbf29ce484222325ULL;
    for (const char c : text) {
        value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    return value;
}

std::size_t words_in(const Json& contents) {
    std::size_t words = 0;
    for (const Json& content : contents) {
        for (const Json& part : content.value("parts", Json::array())) {
            const std::string text = part.is_object() ? part.value("text", "") : "";
            bool in_word = false;
            for (const char c : text) {
                const bool space = c == ' ' || c == '\n' || c == '\t';
                words += !space && !in_word ? 1U : 0U;
                in_word = !space;
            }
        }
    }
    return words;
}

struct Candidate {
    std::string text;
    std::size_t tokens = 0;
    std::string_view finish_reason = "MAX_TOKENS";
};

Candidate write(Babble& babble, std::size_t max_tokens, const Json& stops) {
    Candidate candidate;
    while (candidate.tokens < max_tokens) {
        if (candidate.tokens > 0) {
            candidate.text += ' ';
        }
        candidate.text += babble.next();
        ++candidate.tokens;
        for (const Json& stop : stops) {
            if (const std::size_t at = candidate.text.find(stop.get_ref<const std::string&>());
                at != std::string::npos) {
                candidate.text.resize(at);
                candidate.finish_reason = "STOP";
                return candidate;
            }
        }
        // A model that may go on for long ends with a sentence, sometimes.
        if (candidate.tokens * 4 > max_tokens * 3 && candidate.text.ends_with('.')) {
            candidate.finish_reason = "STOP";
            return candidate;
        }
    }
    return candidate;
}

}  // namespace

net::awaitable<Json> EmbeddedModel::generate(const Json& request) {
    const Json config = request.value("generationConfig", Json::object());
    const auto max_tokens =
        static_cast<std::size_t>(std::min<std::int64_t>(config.value("maxOutputTokens", default_tokens), 100'000));
    const std::int64_t candidates = config.value("candidateCount", std::int64_t{1});
    const Json stops = config.value("stopSequences", Json::array());
    const std::uint64_t seed = hash(dump(request));

    Json response;
    std::size_t tokens = 0;
    std::size_t longest = 0;
    for (std::int64_t i = 0; i < candidates; ++i) {
        Babble babble{seed + static_cast<std::uint64_t>(i)};
        const Candidate candidate = write(babble, max_tokens, stops);
        Json& json = response["candidates"][static_cast<std::size_t>(i)];
        json["content"]["role"] = "model";
        json["content"]["parts"][0]["text"] = candidate.text;
        json["finishReason"] = candidate.finish_reason;
        json["index"] = i;
        tokens += candidate.tokens;
        longest = std::max(longest, candidate.tokens);
    }
    const std::size_t prompt = words_in(request.at("contents"));
    response["usageMetadata"]["promptTokenCount"] = prompt;
    response["usageMetadata"]["candidatesTokenCount"] = tokens;
    response["usageMetadata"]["totalTokenCount"] = prompt + tokens;
    response["modelVersion"] = "embedded";

    if (token_rate_ > 0) {
        // The first token takes longer, and no two generations quite the same time.
        const double jitter = 0.8 + static_cast<double>(Chance{seed}.below(400)) / 1'000;
        const double seconds = (tokens_to_first + static_cast<double>(longest)) * jitter / token_rate_;
        net::steady_timer timer{co_await net::this_coro::executor};
        timer.expires_after(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)));
        co_await timer.async_wait(net::use_awaitable);
    }
    co_return response;
}

}  // namespace gateway
