// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/rfc3339.hpp>

#include <algorithm>
#include <cstddef>

namespace gateway {
namespace {

void append_digits(std::string& text, int value, std::size_t digits) {
    const std::string number = std::to_string(value);
    text.append(digits - std::min(digits, number.size()), '0');
    text += number;
}

/// Takes a text apart from its front. Once something was not as expected, ok() is false for good.
class Reader {
  public:
    explicit Reader(std::string_view text) : rest_{text} {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] bool at_digit() const { return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; }

    /// The next character, if it is one of choices; else '\0'.
    char one_of(std::string_view choices) {
        if (rest_.empty() || choices.find(rest_.front()) == std::string_view::npos) {
            return '\0';
        }
        const char found = rest_.front();
        rest_.remove_prefix(1);
        return found;
    }

    void expect(std::string_view choices) { ok_ = one_of(choices) != '\0' && ok_; }

    int digit() {
        const int value = at_digit() ? rest_.front() - '0' : 0;
        ok_ = at_digit() && ok_;
        rest_.remove_prefix(rest_.empty() ? 0 : 1);
        return value;
    }

    /// A number of so many digits, up to most.
    int number(int digits, int most) {
        int value = 0;
        for (int i = 0; i < digits; ++i) {
            value = value * 10 + digit();
        }
        ok_ = value <= most && ok_;
        return value;
    }

  private:
    std::string_view rest_;
    bool ok_ = true;
};

std::chrono::nanoseconds read_fraction(Reader& reader) {
    std::chrono::nanoseconds fraction{0};
    std::chrono::nanoseconds place = std::chrono::seconds{1};
    do {
        place /= 10;
        fraction += reader.digit() * place;
    } while (reader.at_digit());
    return fraction;
}

std::chrono::minutes read_offset(Reader& reader) {
    if (reader.one_of("Zz") != '\0') {
        return std::chrono::minutes{0};
    }
    const bool west = reader.one_of("-") != '\0';
    if (!west) {
        reader.expect("+");
    }
    const int hours = reader.number(2, 23);
    reader.expect(":");
    const std::chrono::minutes offset{hours * 60 + reader.number(2, 59)};
    return west ? -offset : offset;
}

}  // namespace

std::string to_rfc3339(std::chrono::system_clock::time_point time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::milliseconds>(time - day)};
    std::string text;
    text.reserve(24);
    append_digits(text, static_cast<int>(date.year()), 4);
    text += '-';
    append_digits(text, static_cast<int>(static_cast<unsigned>(date.month())), 2);
    text += '-';
    append_digits(text, static_cast<int>(static_cast<unsigned>(date.day())), 2);
    text += 'T';
    append_digits(text, static_cast<int>(clock.hours().count()), 2);
    text += ':';
    append_digits(text, static_cast<int>(clock.minutes().count()), 2);
    text += ':';
    append_digits(text, static_cast<int>(clock.seconds().count()), 2);
    text += '.';
    append_digits(text, static_cast<int>(clock.subseconds().count()), 3);
    text += 'Z';
    return text;
}

std::optional<std::chrono::system_clock::time_point> from_rfc3339(std::string_view text) {
    Reader reader{text};
    const std::chrono::year year{reader.number(4, 9999)};
    reader.expect("-");
    const std::chrono::month month{static_cast<unsigned>(reader.number(2, 12))};
    reader.expect("-");
    const std::chrono::year_month_day date{year, month, std::chrono::day{static_cast<unsigned>(reader.number(2, 31))}};
    reader.expect("Tt ");
    const std::chrono::hours hours{reader.number(2, 23)};
    reader.expect(":");
    const std::chrono::minutes minutes{reader.number(2, 59)};
    reader.expect(":");
    const std::chrono::seconds seconds{reader.number(2, 60)};  // 60: a leap second
    std::chrono::nanoseconds fraction{0};
    if (reader.one_of(".") != '\0') {
        fraction = read_fraction(reader);
    }
    const std::chrono::minutes offset = read_offset(reader);
    if (!reader.ok() || !reader.at_end() || !date.ok()) {
        return std::nullopt;
    }
    // Nanoseconds since 1970 in 64 bits end in September 1677 and in April 2262.
    if (year < std::chrono::year{1679} || year > std::chrono::year{2261}) {
        return std::nullopt;
    }
    return std::chrono::sys_days{date} + hours + minutes + seconds + fraction - offset;
}

}  // namespace gateway
