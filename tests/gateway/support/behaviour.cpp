// SPDX-License-Identifier: Apache-2.0
#include "behaviour.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <stdexcept>

namespace test {
namespace {

using Kind = Behaviour::Kind;

struct Word {
    std::string_view text;
    Kind kind;
};

constexpr std::array words{Word{"ok", Kind::answer},
                           Word{"half", Kind::half},
                           Word{"stall", Kind::stall},
                           Word{"reset", Kind::reset},
                           Word{"half-reset", Kind::half_reset},
                           Word{"close", Kind::close},
                           Word{"answer-close", Kind::answer_close},
                           Word{"garbage", Kind::garbage},
                           Word{"invalid-json", Kind::invalid_json},
                           Word{"chunked", Kind::chunked},
                           Word{"until-close", Kind::until_close},
                           Word{"interim", Kind::interim},
                           Word{"hang", Kind::hang}};

std::optional<unsigned> number(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole ? std::optional{value} : std::nullopt;
}

}  // namespace

Behaviour Behaviour::of(Kind kind) {
    Behaviour behaviour;
    behaviour.kind = kind;
    return behaviour;
}

Behaviour Behaviour::status(unsigned code) {
    Behaviour behaviour = of(Kind::status);
    behaviour.status_code = code;
    if (code / 100 == 3) {
        behaviour.headers.emplace_back("Location", "http://192.0.2.1/elsewhere");
    }
    return behaviour;
}

Behaviour Behaviour::retry_after(unsigned code, std::string value) {
    Behaviour behaviour = status(code);
    behaviour.headers.emplace_back("Retry-After", std::move(value));
    return behaviour;
}

Behaviour Behaviour::slow(std::chrono::milliseconds delay) {
    Behaviour behaviour;
    behaviour.delay = delay;
    return behaviour;
}

Behaviour Behaviour::in_parts(std::vector<std::string> parts, bool breaks_off) {
    Behaviour behaviour;
    behaviour.kind = Kind::parts;
    behaviour.parts = std::move(parts);
    behaviour.breaks_off = breaks_off;
    return behaviour;
}

Behaviour Behaviour::huge(std::size_t size) {
    Behaviour behaviour = of(Kind::huge);
    behaviour.size = size;
    return behaviour;
}

Behaviour Behaviour::parse(std::string_view text) {
    const auto word = std::ranges::find(words, text, &Word::text);
    if (word != words.end()) {
        return of(word->kind);
    }
    const std::size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    const std::string_view rest = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
    const std::optional<unsigned> value = number(rest);
    const std::optional<unsigned> code = number(name);
    if (name == "slow" && value) {
        return slow(std::chrono::milliseconds{*value});
    }
    if (name == "huge" && value) {
        return huge(*value);
    }
    if (code && *code >= 200 && *code <= 599 && (value || colon == std::string_view::npos)) {
        return value ? retry_after(*code, std::string{rest}) : status(*code);
    }
    throw std::invalid_argument{
        "\"" + std::string{text} +
        "\" is no behaviour; write ok, slow:MS, a status as 503, a status with Retry-After as "
        "429:2, half, stall, reset, half-reset, close, answer-close, garbage, invalid-json, huge:BYTES, "
        "chunked, until-close, interim or hang"};
}

std::vector<Behaviour> Behaviour::parse_list(std::string_view text) {
    std::vector<Behaviour> behaviours;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        behaviours.push_back(parse(text.substr(0, comma)));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return behaviours;
}

}  // namespace test
