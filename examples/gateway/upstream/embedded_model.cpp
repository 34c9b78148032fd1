// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/embedded_model.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <gateway/base/quote.hpp>
#include <gateway/dialects/translate.hpp>
#include <gateway/upstream/babble.hpp>
#include <gateway/upstream/hand_each.hpp>

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

std::size_t words_in_turns(const Conversation& conversation) {
    std::size_t words = 0;
    for (const Turn& turn : conversation.turns) {
        for (const Part& part : turn.parts) {
            const TextPart* const text = std::get_if<TextPart>(&part.what);
            words += text != nullptr && turn.role != Role::system ? words_in(text->text) : 0;
        }
    }
    return words;
}

/// value, at most limit; if it is not said, otherwise.
std::int64_t number_of(const Json& value, std::int64_t otherwise, std::int64_t limit) {
    return value.is_number_integer() ? std::clamp<std::int64_t>(value.get<std::int64_t>(), 1, limit) : otherwise;
}

/// Where the first of stops begins in text; npos: nowhere. None was in the first before bytes of it.
std::size_t find_stop(std::string_view text, const std::vector<std::string>& stops, std::size_t before) {
    std::size_t first = std::string_view::npos;
    for (const std::string& stop : stops) {
        first = std::min(first, text.find(stop, before - std::min(before, stop.size())));
    }
    return first;
}

struct Written {
    std::string text;
    std::size_t tokens = 0;
    FinishReason finish = FinishReason::length;
};

Written write(Babble& babble, std::size_t max_tokens, const std::vector<std::string>& stops) {
    Written candidate;
    while (candidate.tokens < max_tokens) {
        const std::size_t before = candidate.text.size();
        if (candidate.tokens > 0) {
            candidate.text += ' ';
        }
        candidate.text += babble.next();
        ++candidate.tokens;
        if (const std::size_t at = find_stop(candidate.text, stops, before); at != std::string::npos) {
            candidate.text.resize(at);
            candidate.finish = FinishReason::stop;
            return candidate;
        }
        // A model that may go on for long ends with a sentence, sometimes.
        if (candidate.tokens * 4 > max_tokens * 3 && candidate.text.ends_with('.')) {
            candidate.finish = FinishReason::stop;
            return candidate;
        }
    }
    return candidate;
}

constexpr UpstreamForm form{"the embedded model"};

struct TimedAnswer {
    Answer answer;
    /// That it takes until the first word is there, and for each one.
    std::chrono::duration<double> first{0};
    std::chrono::duration<double> each{0};
};

void check_supported(const Conversation& conversation) {
    for (const Turn& turn : conversation.turns) {
        for (const Part& part : turn.parts) {
            if (!std::holds_alternative<TextPart>(part.what)) {
                form.refuse(quote(part.where), "it takes text");
            }
        }
    }
    if (!conversation.tools.empty() || conversation.tool_choice || conversation.parallel_calls) {
        form.refuse("tools");
    }
    if (conversation.format) {
        form.refuse(conversation.format->where);
    }
}

TimedAnswer answer(const ModelRequest& request, double token_rate) {
    const Conversation conversation = read_request(request.dialect, parse_json(request.prepared), form);
    const Settings& settings = conversation.settings;
    const auto max_tokens = static_cast<std::size_t>(number_of(settings.max_tokens, default_tokens, most_tokens));
    const std::int64_t candidates = number_of(settings.candidates, 1, most_candidates);
    std::vector<std::string> stops = settings.stops;
    stops.resize(std::min(stops.size(), most_stops));
    const std::uint64_t seed = hash(request.prepared);

    TimedAnswer result;
    Answer& response = result.answer;
    std::size_t tokens = 0;
    for (std::int64_t i = 0; i < candidates; ++i) {
        Babble babble{seed + static_cast<std::uint64_t>(i)};
        Written written = write(babble, max_tokens, stops);
        tokens += written.tokens;
        response.candidates.push_back(
            {static_cast<std::uint64_t>(i), std::move(written.text), {}, false, written.finish});
    }
    const std::size_t prompt = words_in_turns(conversation);
    response.usage.input = prompt;
    response.usage.output = tokens;
    response.usage.total = prompt + tokens;
    response.model = embedded_name;
    if (token_rate > 0) {
        // The first token takes longer, and no two generations quite the same time.
        const double jitter = 0.8 + static_cast<double>(Chance{seed}.below(400)) / 1'000;
        result.each = std::chrono::duration<double>{jitter / token_rate};
        result.first = tokens_to_first * result.each;
    }
    return result;
}

/// Where the word ends that begins at that place of text, which may be with a space.
std::size_t end_of_word(std::string_view text, std::size_t begin) {
    return std::min(text.find(' ', begin + 1), text.size());
}

/// An answer word by word: of each candidate the next one.
std::vector<Answer> split(const Answer& whole) {
    std::vector<Answer> parts;
    std::vector<std::size_t> said(whole.candidates.size());
    for (bool more = true; more;) {
        more = false;
        Answer part;
        part.model = whole.model;
        for (std::size_t i = 0; i < said.size(); ++i) {
            const Candidate& candidate = whole.candidates[i];
            if (said[i] > candidate.text.size()) {
                continue;
            }
            const std::size_t end = end_of_word(candidate.text, said[i]);
            const bool last = end == candidate.text.size();
            part.candidates.push_back({candidate.index,
                                       candidate.text.substr(said[i], end - said[i]),
                                       {},
                                       false,
                                       last ? candidate.finish : std::nullopt});
            said[i] = last ? std::string::npos : end;
            more = more || !last;
        }
        parts.push_back(std::move(part));
    }
    parts.back().usage = whole.usage;
    return parts;
}

std::size_t words(const Answer& answer) {
    std::size_t most = 0;
    for (const Candidate& candidate : answer.candidates) {
        most = std::max(most, words_in(candidate.text));
    }
    return most;
}

net::awaitable<void> pause(std::chrono::duration<double> time) {
    if (time.count() > 0) {
        net::steady_timer timer{co_await net::this_coro::executor};
        timer.expires_after(std::chrono::duration_cast<Clock::duration>(time));
        co_await timer.async_wait(net::use_awaitable);
    }
}

}  // namespace

SharedText EmbeddedModel::prepare(Dialect dialect, Delivery /*delivery*/, const Json& request,
                                  const SharedText& text) const {
    check_supported(read_request(dialect, request, form));
    return text;
}

net::awaitable<ModelAnswer> EmbeddedModel::generate(ModelRequest request, WaitNote& /*note*/) {
    ModelAnswer written;
    auto answering = heavy_.run(request.prepared.size(), [&] {
        TimedAnswer timed = answer(request, token_rate_);
        written = {write_answer(request.dialect, timed.answer, request.id), tokens_of(timed.answer.usage)};
        return timed.first + timed.each * words(timed.answer);
    });
    const std::chrono::duration<double> time = co_await std::move(answering);
    co_await pause(time);
    co_return written;
}

net::awaitable<void> EmbeddedModel::stream(ModelRequest request, WaitNote& /*note*/, PartSink sink) {
    const std::unique_ptr<PartWriter> writer = make_part_writer(request.dialect, request.id, request.usage_wanted);
    auto answering = heavy_.run(request.prepared.size(), [&] { return answer(request, token_rate_); });
    const TimedAnswer timed = co_await std::move(answering);
    co_await pause(timed.first);
    TokensTold told;
    for (const Answer& part : split(timed.answer)) {
        co_await pause(timed.each);
        std::vector<std::string> texts = writer->write(part);
        co_await hand_each(std::move(texts), told.update(part.usage), sink);
    }
    co_await hand_each(writer->end(), {}, sink);
}

}  // namespace gateway
