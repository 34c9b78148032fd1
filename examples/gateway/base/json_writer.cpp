// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/json_writer.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace gateway {

namespace {

/// The bytes that stand for themselves in a JSON string, whatever is next to them.
constexpr std::array<bool, 256> plain = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = ' '; c <= '~'; ++c) {
        table[c] = c != '"' && c != '\\';
    }
    return table;
}();

bool is_plain(char c) { return plain[static_cast<unsigned char>(c)]; }

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

/// nlohmann writes no text without a tree, which takes some allocations: most names and words do without.
JsonWriter& JsonWriter::piece(std::string_view text) {
    if (std::ranges::all_of(text, is_plain)) {
        text_ += text;
    } else {
        const std::string quoted = dump(text);
        text_.append(quoted, 1, quoted.size() - 2);
    }
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

}  // namespace gateway
