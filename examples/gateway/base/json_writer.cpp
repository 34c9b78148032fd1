// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/json_writer.hpp>

#include <array>
#include <charconv>

#include <gateway/base/utf8.hpp>

namespace gateway {

namespace {

/// A byte that stands for itself in a JSON string, whatever is next to it.
bool is_plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

void append_escaped(std::string& text, char c) {
    switch (c) {
        case '"':
            text += "\\\"";
            return;
        case '\\':
            text += "\\\\";
            return;
        case '\b':
            text += "\\b";
            return;
        case '\t':
            text += "\\t";
            return;
        case '\n':
            text += "\\n";
            return;
        case '\f':
            text += "\\f";
            return;
        case '\r':
            text += "\\r";
            return;
        default: {
            constexpr std::string_view digits = "0123456789abcdef";
            text += "\\u00";
            text += digits[static_cast<unsigned char>(c) >> 4U];
            text += digits[static_cast<unsigned char>(c) & 0xfU];
            return;
        }
    }
}

void append_string(std::string& text, std::string_view value) {
    while (!value.empty()) {
        std::size_t plain = 0;
        while (plain < value.size() && is_plain(value[plain])) {
            ++plain;
        }
        text += value.substr(0, plain);
        value.remove_prefix(plain);
        if (value.empty()) {
            return;
        }
        const Utf8Character character = first_utf8_character(value);
        if (!character.valid) {
            text += "\xef\xbf\xbd";  // U+FFFD
        } else if (character.size == 1) {
            append_escaped(text, value.front());
        } else {
            text += value.substr(0, character.size);
        }
        value.remove_prefix(character.size);
    }
}

}  // namespace

void JsonWriter::separate() {
    if (follows_) {
        text_ += ',';
    }
    follows_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    text_ += bracket;
    follows_ = false;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    text_ += bracket;
    follows_ = true;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    value(name);
    text_ += ':';
    follows_ = false;
    return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) { return begin_text().piece(text).end_text(); }

JsonWriter& JsonWriter::begin_text() {
    separate();
    text_ += '"';
    return *this;
}

JsonWriter& JsonWriter::piece(std::string_view text) {
    append_string(text_, text);
    return *this;
}

JsonWriter& JsonWriter::end_text() {
    text_ += '"';
    return *this;
}

JsonWriter& JsonWriter::raw(std::string_view text) {
    separate();
    text_ += text;
    return *this;
}

JsonWriter& JsonWriter::integer(std::int64_t number) {
    std::array<char, 24> digits{};
    return raw({digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr});
}

JsonWriter& JsonWriter::integer(std::uint64_t number) {
    std::array<char, 24> digits{};
    return raw({digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr});
}

/// The depth of a tree is bounded: parse_json sees to that, and what the gateway makes itself is shallow.
JsonWriter& JsonWriter::value(const Json& tree) {
    switch (tree.type()) {
        case Json::value_t::object:
            begin_object();
            for (const auto& [name, of_it] : tree.get_ref<const Json::object_t&>()) {
                key(name).value(of_it);
            }
            return end_object();
        case Json::value_t::array:
            begin_array();
            for (const Json& element : tree.get_ref<const Json::array_t&>()) {
                value(element);
            }
            return end_array();
        case Json::value_t::string:
            return value(std::string_view{tree.get_ref<const std::string&>()});
        case Json::value_t::boolean:
            return value(tree.get<bool>());
        case Json::value_t::number_integer:
            return value(tree.get<std::int64_t>());
        case Json::value_t::number_unsigned:
            return value(tree.get<std::uint64_t>());
        default:
            return raw(tree.dump());  // null, and a fraction: in as few digits as tell it from all others
    }
}

}  // namespace gateway
