// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_JSON_SCANNER_HPP
#define GATEWAY_BASE_JSON_SCANNER_HPP

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include <gateway/base/utf8.hpp>

namespace gateway {

/// Reads JSON, and tells a sink (an nlohmann::json_sax) what is there. nlohmann's lexer takes some fifty instructions
/// for each byte, as it keeps what it would quote in an error; this one takes a few, and knows no errors: it stops at
/// the first thing that is not plainly JSON, for the other to say what is wrong. What it takes, the other takes for the
/// same; what the sink throws passes through.
template <typename Sink>
class JsonScanner {
  public:
    JsonScanner(std::string_view text, Sink& sink) : at_{text.data()}, end_{text.data() + text.size()}, sink_{sink} {}

    /// Whether the text is one value. Once. The sink bounds the depth, to which this recurses.
    bool scan() {
        skip_space();
        if (!value()) {
            return false;
        }
        skip_space();
        return at_ == end_;
    }

  private:
    static constexpr std::size_t unknown_size = static_cast<std::size_t>(-1);

    void skip_space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) {
            ++at_;
        }
    }

    bool take(char c) {
        if (at_ == end_ || *at_ != c) {
            return false;
        }
        ++at_;
        return true;
    }

    bool take(std::string_view word) {
        if (!std::string_view{at_, static_cast<std::size_t>(end_ - at_)}.starts_with(word)) {
            return false;
        }
        at_ += word.size();
        return true;
    }

    bool value() {
        if (at_ == end_) {
            return false;
        }
        switch (*at_) {
            case '{':
                return object();
            case '[':
                return array();
            case '"': {
                std::string text;
                return string(text) && sink_.string(text);
            }
            case 't':
                return take("true") && sink_.boolean(true);
            case 'f':
                return take("false") && sink_.boolean(false);
            case 'n':
                return take("null") && sink_.null();
            default:
                return number();
        }
    }

    bool object() {
        ++at_;
        sink_.start_object(unknown_size);
        skip_space();
        if (take('}')) {
            return sink_.end_object();
        }
        for (;;) {
            std::string name;
            if (!string(name)) {
                return false;
            }
            sink_.key(name);
            skip_space();
            if (!take(':')) {
                return false;
            }
            skip_space();
            if (!value()) {
                return false;
            }
            skip_space();
            if (take('}')) {
                return sink_.end_object();
            }
            if (!take(',')) {
                return false;
            }
            skip_space();
        }
    }

    bool array() {
        ++at_;
        sink_.start_array(unknown_size);
        skip_space();
        if (take(']')) {
            return sink_.end_array();
        }
        for (;;) {
            if (!value()) {
                return false;
            }
            skip_space();
            if (take(']')) {
                return sink_.end_array();
            }
            if (!take(',')) {
                return false;
            }
            skip_space();
        }
    }

    bool string(std::string& text) {
        if (!take('"')) {
            return false;
        }
        for (;;) {
            const char* const begin = at_;
            while (at_ != end_ && static_cast<unsigned char>(*at_) >= 0x20 && *at_ != '"' && *at_ != '\\' &&
                   static_cast<unsigned char>(*at_) < 0x80) {
                ++at_;
            }
            text.append(begin, at_);
            if (at_ == end_) {
                return false;
            }
            if (take('"')) {
                return true;
            }
            if (!(take('\\') ? escape(text) : character(text))) {
                return false;
            }
        }
    }

    /// One that is not ASCII.
    bool character(std::string& text) {
        const Utf8Character next = first_utf8_character({at_, static_cast<std::size_t>(end_ - at_)});
        if (!next.valid || next.size == 1) {
            return false;  // or a control character
        }
        text.append(at_, next.size);
        at_ += next.size;
        return true;
    }

    bool escape(std::string& text) {
        constexpr std::string_view names = "\"\\/bfnrt";
        constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
        if (at_ == end_) {
            return false;
        }
        const char c = *at_++;
        if (const std::size_t found = names.find(c); found != std::string_view::npos) {
            text += meanings[found];
            return true;
        }
        std::uint32_t point = 0;
        if (c != 'u' || !hexadecimal(point)) {
            return false;
        }
        if (point >= 0xD800 && point < 0xE000) {  // half of a pair
            std::uint32_t low = 0;
            if (point >= 0xDC00 || !take("\\u") || !hexadecimal(low) || low < 0xDC00 || low >= 0xE000) {
                return false;
            }
            point = 0x10000 + ((point - 0xD800) << 10U) + (low - 0xDC00);
        }
        append_utf8(text, point);
        return true;
    }

    bool hexadecimal(std::uint32_t& number) {
        if (end_ - at_ < 4) {
            return false;
        }
        const auto [after, error] = std::from_chars(at_, at_ + 4, number, 16);
        const bool all = error == std::errc{} && after == at_ + 4;
        at_ += 4;
        return all;
    }

    /// Goes past digits: whether there are any.
    bool digits() {
        const char* const begin = at_;
        while (at_ != end_ && *at_ >= '0' && *at_ <= '9') {
            ++at_;
        }
        return at_ != begin;
    }

    bool number() {
        const char* const begin = at_;
        const bool negative = take('-');
        if (!take('0') && !digits()) {
            return false;
        }
        bool whole = true;
        if (take('.')) {
            whole = false;
            if (!digits()) {
                return false;
            }
        }
        if (take('e') || take('E')) {
            whole = false;
            if (!take('+')) {
                take('-');
            }
            if (!digits()) {
                return false;
            }
        }
        if (whole && negative) {
            if (std::int64_t number = 0; std::from_chars(begin, at_, number).ec == std::errc{}) {
                return sink_.number_integer(number);
            }
        } else if (whole) {
            if (std::uint64_t number = 0; std::from_chars(begin, at_, number).ec == std::errc{}) {
                return sink_.number_unsigned(number);
            }
        }
        double number = 0;
        return std::from_chars(begin, at_, number).ec == std::errc{} && sink_.number_float(number, {});
    }

    const char* at_;
    const char* const end_;
    Sink& sink_;
};

}  // namespace gateway

#endif  // GATEWAY_BASE_JSON_SCANNER_HPP
