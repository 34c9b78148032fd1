// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/json.hpp>

#include <charconv>
#include <cstdint>
#include <limits>
#include <system_error>
#include <utility>

#include <boost/json/basic_parser_impl.hpp>

#include <gateway/base/json_tree.hpp>

namespace gateway {

namespace {

/// What Boost's parser calls.
class BoostHandler {
    using Text = boost::json::string_view;
    using Error = boost::json::error_code;

  public:
    // Bounds are the tree's.
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_array_size = max_object_size;
    static constexpr std::size_t max_key_size = max_object_size;
    static constexpr std::size_t max_string_size = max_object_size;

    explicit BoostHandler(JsonTree& tree) : tree_{tree} {}

    static bool on_document_begin(Error& /*error*/) { return true; }
    static bool on_document_end(Error& /*error*/) { return true; }
    static bool on_comment_part(Text /*text*/, Error& /*error*/) { return true; }
    static bool on_comment(Text /*text*/, Error& /*error*/) { return true; }

    bool on_array_begin(Error& /*error*/) {
        tree_.open();
        return true;
    }
    bool on_array_end(std::size_t /*elements*/, Error& /*error*/) {
        tree_.end_array();
        return true;
    }
    bool on_object_begin(Error& /*error*/) {
        tree_.open();
        return true;
    }
    bool on_object_end(std::size_t /*members*/, Error& /*error*/) {
        tree_.end_object();
        return true;
    }

    bool on_null(Error& /*error*/) {
        tree_.add(nullptr);
        return true;
    }
    bool on_bool(bool value, Error& /*error*/) {
        tree_.add(value);
        return true;
    }

    bool on_key_part(Text part, std::size_t /*so_far*/, Error& /*error*/) { return take_part(part); }
    bool on_key(Text end, std::size_t /*all*/, Error& /*error*/) {
        tree_.name(whole(end));
        return true;
    }
    bool on_string_part(Text part, std::size_t /*so_far*/, Error& /*error*/) { return take_part(part); }
    bool on_string(Text end, std::size_t /*all*/, Error& /*error*/) {
        tree_.add(whole(end));
        return true;
    }

    bool on_number_part(Text part, Error& /*error*/) { return take_part(part); }
    bool on_int64(std::int64_t value, Text end, Error& /*error*/) {
        const bool negative = (part_.empty() ? end : Text{part_}).front() == '-';
        part_.clear();
        tree_.add(negative ? Json(value) : Json(static_cast<std::uint64_t>(value)));  // as nlohmann's parser has it
        return true;
    }
    bool on_uint64(std::uint64_t value, Text /*end*/, Error& /*error*/) {
        part_.clear();
        tree_.add(value);
        return true;
    }
    /// Boost's number may be off by its last bit.
    bool on_double(double /*rough*/, Text end, Error& error) {
        const std::string text = whole(end);
        double value = 0;
        const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (problem != std::errc{} || rest != text.data() + text.size()) {
            error = boost::json::error::exponent_overflow;
            return false;
        }
        tree_.add(value);
        return true;
    }

  private:
    bool take_part(Text part) {
        part_.append(part.data(), part.size());
        return true;
    }

    std::string whole(Text end) {
        if (part_.empty()) {
            return std::string{end.data(), end.size()};
        }
        std::string text = std::exchange(part_, {});
        text.append(end.data(), end.size());
        return text;
    }

    JsonTree& tree_;
    std::string part_;  // of a text or number whose end is to come
};

/// What nlohmann's calls.
class NlohmannHandler final : public nlohmann::json_sax<Json> {
  public:
    explicit NlohmannHandler(JsonTree& tree) : tree_{tree} {}

    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(number_integer_t value) override { return add(value); }
    bool number_unsigned(number_unsigned_t value) override { return add(value); }
    bool number_float(number_float_t value, const string_t& /*text*/) override { return add(value); }
    bool string(string_t& value) override { return add(std::move(value)); }
    bool binary(binary_t& value) override { return add(std::move(value)); }  // text has none

    bool start_array(std::size_t /*unknown*/) override {
        tree_.open();
        return true;
    }
    bool start_object(std::size_t /*unknown*/) override {
        tree_.open();
        return true;
    }
    bool key(string_t& name) override {
        tree_.name(std::move(name));
        return true;
    }
    bool end_array() override {
        tree_.end_array();
        return true;
    }
    bool end_object() override {
        tree_.end_object();
        return true;
    }

    bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const Json::exception& error) override {
        // The parser quotes what it read last, which may be as long as the text.
        constexpr std::size_t longest = 240;
        std::string why = error.what();
        if (why.size() > longest) {
            why.replace(longest, std::string::npos, "...");
        }
        throw JsonError{why};
    }

  private:
    bool add(Json value) {
        tree_.add(std::move(value));
        return true;
    }

    JsonTree& tree_;
};

/// Whether Boost's parser takes text.
bool parse_fast(std::string_view text, JsonTree& tree) {
    boost::json::parse_options options;
    options.max_depth = max_json_depth + 1;  // which is the tree's to refuse
    boost::json::basic_parser<BoostHandler> parser{options, tree};
    boost::json::error_code error;
    const std::size_t parsed = parser.write_some(false, text.data(), text.size(), error);
    return !error && parsed == text.size();
}

}  // namespace

// Boost's parser takes a fifth of the time of nlohmann's, which is the one that can say what is wrong with a text, and
// takes some that Boost's does not (one that begins with a byte order mark).
Json parse_json(std::string_view text, std::size_t max_values, JsonEffort* effort) {
    JsonEffort ignored;
    JsonEffort& counted = effort != nullptr ? *effort : ignored;
    if (JsonTree tree{max_values, counted}; parse_fast(text, tree)) {
        return tree.take();
    }
    JsonTree tree{max_values, counted};
    NlohmannHandler handler{tree};
    Json::sax_parse(text, &handler);
    return tree.take();
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace gateway
