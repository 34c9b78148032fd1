// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <gateway/base/quote.hpp>

namespace gateway {

namespace {

/// Makes a tree of what the parser reads.
///
/// nlohmann's own way looks for a member's name among all of its object's, and, with a callback, through the whole
/// container at the end of each of its elements: n * n steps for n of them. Here a container's elements are gathered
/// on a stack, and moved into it once, at its end.
class TreeBuilder final : public nlohmann::json_sax<Json> {
  public:
    TreeBuilder(std::size_t max_values, JsonEffort& effort) : max_values_{max_values}, effort_{effort} {
        constexpr std::size_t usual_size = 16;
        open_.reserve(usual_size);
        names_.reserve(usual_size);
        values_.reserve(usual_size);
    }

    Json take() { return std::move(values_.front()); }

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
        names_.push_back(std::move(name));
        return true;
    }

    bool end_array() override {
        const auto first = values_.begin() + open_.back().values;
        return close(Json::array_t(std::make_move_iterator(first), std::make_move_iterator(values_.end())));
    }

    bool end_object() override {
        const auto name = names_.begin() + open_.back().names;
        const auto value = values_.begin() + open_.back().values;
        const std::span<std::string> names{name, names_.end()};
        refuse_twins(names);
        Json::object_t object;
        object.reserve(names.size());
        for (std::size_t i = 0; i < names.size(); ++i) {
            object.emplace_back(std::move(names[i]), std::move(value[static_cast<std::ptrdiff_t>(i)]));
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
    /// An array or an object that has not ended: where its own begin in names_ and values_.
    struct Open {
        std::ptrdiff_t names;
        std::ptrdiff_t values;
    };

    void count() {
        ++effort_.steps;
        if (++count_ > max_values_) {
            throw JsonError{"it has more than " + std::to_string(max_values_) + " values"};
        }
    }

    bool add(Json value) {
        count();
        values_.push_back(std::move(value));
        return true;
    }

    bool open() {
        count();
        if (open_.size() >= static_cast<std::size_t>(max_json_depth)) {
            throw JsonError{"it is nested more than " + std::to_string(max_json_depth) + " levels deep"};
        }
        open_.push_back({std::ssize(names_), std::ssize(values_)});
        return true;
    }

    bool close(Json container) {
        names_.resize(static_cast<std::size_t>(open_.back().names));
        values_.resize(static_cast<std::size_t>(open_.back().values));
        open_.pop_back();
        values_.push_back(std::move(container));
        return true;
    }

    /// A few are compared each with each, more are sorted: hashes can be made to collide.
    void refuse_twins(std::span<const std::string> names) const {
        constexpr std::size_t few = 8;
        if (names.size() <= few) {
            for (std::size_t i = 1; i < names.size(); ++i) {
                effort_.steps += i;
                refuse_twin(std::ranges::count(names.first(i), names[i]) > 0, names[i]);
            }
            return;
        }
        std::vector<std::uint32_t> order(names.size());
        std::iota(order.begin(), order.end(), 0U);
        std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
            ++effort_.steps;
            return names[a] < names[b];
        });
        for (std::size_t i = 1; i < order.size(); ++i) {
            refuse_twin(names[order[i - 1]] == names[order[i]], names[order[i]]);
        }
    }

    static void refuse_twin(bool is_one, const std::string& name) {
        if (is_one) {
            throw JsonError{"an object has more than one member " + quote(name)};
        }
    }

    const std::size_t max_values_;
    JsonEffort& effort_;
    std::size_t count_ = 0;
    std::vector<Open> open_;
    /// Of all that is open, the outermost first; at the end, of none: the tree.
    std::vector<std::string> names_;
    std::vector<Json> values_;
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
