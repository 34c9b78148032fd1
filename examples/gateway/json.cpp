// SPDX-License-Identifier: Apache-2.0
#include "json.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "quote.hpp"

namespace gateway {

namespace {

/// Makes a tree of what the parser reads.
///
/// nlohmann's own way looks for a member's name among all of its object's, and, with a callback, through the whole
/// container at the end of each of its elements: n * n steps for n of them. Here a container's elements are gathered
/// beside it, and moved into it once, at its end.
class TreeBuilder final : public nlohmann::json_sax<Json> {
  public:
    TreeBuilder(std::size_t max_values, JsonEffort& effort) : max_values_{max_values}, effort_{effort} {}

    Json take() { return std::move(root_); }

    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(number_integer_t value) override { return add(value); }
    bool number_unsigned(number_unsigned_t value) override { return add(value); }
    bool number_float(number_float_t value, const string_t& /*text*/) override { return add(value); }
    bool string(string_t& value) override { return add(std::move(value)); }
    bool binary(binary_t& value) override { return add(std::move(value)); }  // text has none

    bool start_array(std::size_t /*unknown*/) override { return open(); }
    bool start_object(std::size_t /*unknown*/) override { return open(); }

    bool key(string_t& name) override {
        ++effort_.steps;
        open_.back().names.push_back(std::move(name));
        return true;
    }

    bool end_array() override {
        Json::array_t array = std::move(open_.back().values);
        array.shrink_to_fit();
        return close(std::move(array));
    }

    bool end_object() override {
        Open& last = open_.back();
        refuse_twins(last.names);
        Json::object_t object;
        object.reserve(last.names.size());
        for (std::size_t i = 0; i < last.names.size(); ++i) {
            object.emplace_back(std::move(last.names[i]), std::move(last.values[i]));
        }
        return close(std::move(object));
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
    /// An array or an object that has not ended.
    struct Open {
        std::vector<std::string> names;  ///< an object's
        Json::array_t values;
    };

    void count() {
        ++effort_.steps;
        if (++values_ > max_values_) {
            throw JsonError{"it has more than " + std::to_string(max_values_) + " values"};
        }
    }

    bool add(Json value) {
        count();
        put(std::move(value));
        return true;
    }

    bool open() {
        count();
        if (open_.size() >= static_cast<std::size_t>(max_json_depth)) {
            throw JsonError{"it is nested more than " + std::to_string(max_json_depth) + " levels deep"};
        }
        open_.emplace_back();
        return true;
    }

    bool close(Json container) {
        open_.pop_back();
        put(std::move(container));
        return true;
    }

    void put(Json value) {
        if (open_.empty()) {
            root_ = std::move(value);
        } else {
            open_.back().values.push_back(std::move(value));
        }
    }

    /// By sorting: hashes can be made to collide.
    void refuse_twins(const std::vector<std::string>& names) const {
        std::vector<std::uint32_t> order(names.size());
        std::iota(order.begin(), order.end(), 0U);
        std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
            ++effort_.steps;
            return names[a] < names[b];
        });
        const auto twin =
            std::ranges::adjacent_find(order, [&](std::uint32_t a, std::uint32_t b) { return names[a] == names[b]; });
        if (twin != order.end()) {
            throw JsonError{"an object has more than one member " + quote(names[*twin])};
        }
    }

    const std::size_t max_values_;
    JsonEffort& effort_;
    std::size_t values_ = 0;
    std::vector<Open> open_;
    Json root_;
};

}  // namespace

Json parse_json(std::string_view text, std::size_t max_values, JsonEffort* effort) {
    JsonEffort ignored;
    TreeBuilder builder{max_values, effort != nullptr ? *effort : ignored};
    Json::sax_parse(text, &builder);
    return builder.take();
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace gateway
