// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_JSON_WRITER_HPP
#define GATEWAY_BASE_JSON_WRITER_HPP

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <gateway/base/json.hpp>

namespace gateway {

/// Writes the text of JSON as it is told what comes next, and puts the commas. What is made to be written, and nothing
/// else, needs no tree: that takes some hundred instructions and an allocation or two for each value.
///
///     JsonWriter json;
///     json.begin_object().member("status", "ok").key("jobs").begin_array().value(1).end_array().end_object();
///     json.take();  // {"status":"ok","jobs":[1]}
///
/// Bytes that are not UTF-8 become U+FFFD. That begins and ends match, and that each member has a name, is up to the
/// caller.
class JsonWriter {
  public:
    JsonWriter& begin_object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& begin_array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }

    /// The name of the member whose value comes next.
    JsonWriter& key(std::string_view name);

    JsonWriter& value(std::string_view text);
    JsonWriter& value(const char* text) { return value(std::string_view{text}); }
    JsonWriter& value(const std::string& text) { return value(std::string_view{text}); }
    JsonWriter& value(bool truth) { return raw(truth ? "true" : "false"); }
    JsonWriter& value(std::integral auto number) { return raw(std::to_string(number)); }
    JsonWriter& value(const Json& tree) { return raw(dump(tree)); }

    JsonWriter& member(std::string_view name, const auto& its_value) { return key(name).value(its_value); }

    /// A text that is written piece by piece.
    JsonWriter& begin_text();
    JsonWriter& piece(std::string_view text);
    JsonWriter& end_text();

    /// A value that is JSON's text already.
    JsonWriter& raw(std::string_view text);

    /// Room for so many bytes more.
    void reserve(std::size_t bytes) { text_.reserve(text_.size() + bytes); }

    /// What was written. The last call.
    [[nodiscard]] std::string take() { return std::move(text_); }

  private:
    void separate();
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);

    std::string text_;
    bool follows_ = false;  // a value ends here: before the next comes a comma
};

}  // namespace gateway

#endif  // GATEWAY_BASE_JSON_WRITER_HPP
