// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/embedded_model.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <gateway/base/quote.hpp>
#include <gateway/upstream/babble.hpp>
#include <gateway/upstream/find_member.hpp>
#include <gateway/upstream/upstream_form.hpp>

namespace gateway {

namespace {

constexpr std::int64_t default_tokens = 64;
constexpr std::int64_t most_tokens = 8'192;
constexpr std::int64_t most_candidates = 8;
constexpr std::size_t most_stops = 16;
constexpr double tokens_to_first = 5;  // as long as these take, until the first one is there

/// FNV-1a (Fowler, Noll and Vo).
std::uint64_t hash(std::string_view text) {
    std::uint64_t value = 0xcbf29ce484222325ULL;
    for (const char c : text) {
        value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    return value;
}

std::size_t words_in(std::string_view text) {
    std::size_t words = 0;
    bool in_word = false;
    for (const char c : text) {
        const bool space = c == ' ' || c == '\n' || c == '\t';
        words += !space && !in_word ? 1U : 0U;
        in_word = !space;
    }
    return words;
}

std::size_t words_in_contents(const Json& request) {
    const Json none = Json::array();
    const auto list = [&](const Json& object, const char* name) -> const Json& {
        const Json* const found = find_member(object, name);
        return found != nullptr && found->is_array() ? *found : none;
    };
    std::size_t words = 0;
    for (const Json& content : list(request, "contents")) {
        for (const Json& part : list(content, "parts")) {
            words += words_in(text_of(find_member(part, "text")));
        }
    }
    return words;
}

/// The number of that name in config, at most limit; without one, otherwise.
std::int64_t number_in(const Json& config, std::string_view name, std::int64_t otherwise, std::int64_t limit) {
    const Json* const value = find_member(config, name);
    return value != nullptr && value->is_number_integer()
               ? std::clamp<std::int64_t>(value->get<std::int64_t>(), 1, limit)
               : otherwise;
}

std::vector<std::string> stops_in(const Json& config) {
    std::vector<std::string> stops;
    if (const Json* const given = find_member(config, "stopSequences"); given != nullptr && given->is_array()) {
        for (std::size_t i = 0; i < std::min(given->size(), most_stops); ++i) {
            if (const Json& stop = (*given)[i]; stop.is_string()) {
                stops.push_back(stop.get<std::string>());
            }
        }
    }
    return stops;
}

/// Where the first of stops begins in text; npos: nowhere. None was in the first before bytes of it.
std::size_t find_stop(std::string_view text, const std::vector<std::string>& stops, std::size_t before) {
    std::size_t first = std::string_view::npos;
    for (const std::string& stop : stops) {
        first = std::min(first, text.find(stop, before - std::min(before, stop.size())));
    }
    return first;
}

struct Candidate {
    std::string text;
    std::size_t tokens = 0;
    std::string_view finish_reason = "MAX_TOKENS";
};

Candidate write(Babble& babble, std::size_t max_tokens, const std::vector<std::string>& stops) {
    Candidate candidate;
    while (candidate.tokens < max_tokens) {
        const std::size_t before = candidate.text.size();
        if (candidate.tokens > 0) {
            candidate.text += ' ';
        }
        candidate.text += babble.next();
        ++candidate.tokens;
        if (const std::size_t at = find_stop(candidate.text, stops, before); at != std::string::npos) {
            candidate.text.resize(at);
            candidate.finish_reason = "STOP";
            return candidate;
        }
        // A model that may go on for long ends with a sentence, sometimes.
        if (candidate.tokens * 4 > max_tokens * 3 && candidate.text.ends_with('.')) {
            candidate.finish_reason = "STOP";
            return candidate;
        }
    }
    return candidate;
}

struct TimedAnswer {
    ModelAnswer answer;
    /// That it takes to write it.
    double seconds = 0;
};

TimedAnswer answer(std::string_view text, double token_rate) {
    const Json request = parse_json(text);
    const Json none = Json::object();
    const Json* const given = find_member(request, "generationConfig");
    const Json& config = given != nullptr ? *given : none;
    const auto max_tokens = static_cast<std::size_t>(number_in(config, "maxOutputTokens", default_tokens, most_tokens));
    const std::int64_t candidates = number_in(config, "candidateCount", 1, most_candidates);
    const std::vector<std::string> stops = stops_in(config);
    const std::uint64_t seed = hash(text);

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
    const std::size_t prompt = words_in_contents(request);
    response["usageMetadata"]["promptTokenCount"] = prompt;
    response["usageMetadata"]["candidatesTokenCount"] = tokens;
    response["usageMetadata"]["totalTokenCount"] = prompt + tokens;
    response["modelVersion"] = "embedded";

    TimedAnswer result;
    result.answer = ModelAnswer{dump(response), usage_of(response)};
    if (token_rate > 0) {
        // The first token takes longer, and no two generations quite the same time.
        const double jitter = 0.8 + static_cast<double>(Chance{seed}.below(400)) / 1'000;
        result.seconds = (tokens_to_first + static_cast<double>(longest)) * jitter / token_rate;
    }
    return result;
}

constexpr UpstreamForm form{"the embedded model"};

void check_text_parts(const Json& content, const std::string& where) {
    constexpr std::string_view names[] = {"text", "thought", "thoughtSignature"};
    if (const Json* const parts = find_member(content, "parts"); parts != nullptr && parts->is_array()) {
        for (std::size_t i = 0; i < parts->size(); ++i) {
            form.only((*parts)[i], names, where + ".parts[" + std::to_string(i) + "].", "it takes text");
        }
    }
}

void check_supported_config(const Json& config) {
    constexpr std::string_view names[] = {"temperature",
                                          "topP",
                                          "topK",
                                          "maxOutputTokens",
                                          "candidateCount",
                                          "seed",
                                          "presencePenalty",
                                          "frequencyPenalty",
                                          "stopSequences",
                                          "responseMimeType",
                                          "responseModalities"};
    form.only(config, names, "generationConfig.");
    const std::string_view type = text_of(find_member(config, "responseMimeType"));
    if (!type.empty() && type != "text/plain") {
        form.refuse("generationConfig.responseMimeType " + quote(type));
    }
    const Json* const modalities = find_member(config, "responseModalities");
    if (modalities != nullptr && !modalities->empty() && *modalities != Json::array({"TEXT"})) {
        form.refuse("generationConfig.responseModalities other than [\"TEXT\"]");
    }
}

}  // namespace

SharedText EmbeddedModel::prepare(const Json& request, const SharedText& text) const {
    constexpr std::string_view names[] = {"contents", "systemInstruction", "generationConfig", "labels",
                                          "safetySettings"};
    form.only(request, names, "");
    if (const Json* const system = find_member(request, "systemInstruction")) {
        check_text_parts(*system, "systemInstruction");
    }
    if (const Json* const contents = find_member(request, "contents"); contents != nullptr && contents->is_array()) {
        for (std::size_t i = 0; i < contents->size(); ++i) {
            check_text_parts((*contents)[i], "contents[" + std::to_string(i) + ']');
        }
    }
    if (const Json* const config = find_member(request, "generationConfig")) {
        check_supported_config(*config);
    }
    return text;
}

net::awaitable<ModelAnswer> EmbeddedModel::generate(SharedText request, WaitNote& /*note*/) {
    auto answering = heavy_.run(request.size(), [&] { return answer(request, token_rate_); });
    TimedAnswer answered;
    try {
        answered = co_await std::move(answering);
    } catch (const JsonError& error) {
        throw UpstreamError{Failure{400, "bad_request", std::string{"the request is not JSON: "} + error.what()}};
    }
    if (answered.seconds > 0) {
        net::steady_timer timer{co_await net::this_coro::executor};
        timer.expires_after(
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(answered.seconds)));
        co_await timer.async_wait(net::use_awaitable);
    }
    co_return std::move(answered.answer);
}

}  // namespace gateway
