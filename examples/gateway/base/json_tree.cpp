// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/json_tree.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <numeric>

#include <gateway/base/quote.hpp>

namespace gateway {

namespace {

void refuse_twin(bool is_one, const std::string& name) {
    if (is_one) {
        throw JsonError{"an object has more than one member " + quote(name)};
    }
}

}  // namespace

JsonTree::JsonTree(std::size_t max_values, JsonEffort& effort) : max_values_{max_values}, effort_{effort} {
    constexpr std::size_t usual_size = 16;
    open_.reserve(usual_size);
    names_.reserve(usual_size);
    values_.reserve(usual_size);
}

void JsonTree::open() {
    count();
    if (open_.size() >= static_cast<std::size_t>(max_json_depth)) {
        throw JsonError{"it is nested more than " + std::to_string(max_json_depth) + " levels deep"};
    }
    open_.push_back({std::ssize(names_), std::ssize(values_)});
}

void JsonTree::end_array() {
    const auto first = values_.begin() + open_.back().values;
    close(Json::array_t(std::make_move_iterator(first), std::make_move_iterator(values_.end())));
}

void JsonTree::end_object() {
    const auto name = names_.begin() + open_.back().names;
    const auto value = values_.begin() + open_.back().values;
    const std::span<std::string> names{name, names_.end()};
    refuse_twins(names);
    Json::object_t object;
    object.reserve(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        object.emplace_back(std::move(names[i]), std::move(value[static_cast<std::ptrdiff_t>(i)]));
    }
    close(std::move(object));
}

void JsonTree::count() {
    ++effort_.steps;
    if (++count_ > max_values_) {
        throw JsonError{"it has more than " + std::to_string(max_values_) + " values"};
    }
}

void JsonTree::close(Json container) {
    names_.resize(static_cast<std::size_t>(open_.back().names));
    values_.resize(static_cast<std::size_t>(open_.back().values));
    open_.pop_back();
    values_.push_back(std::move(container));
}

/// A few are compared each with each, more are sorted: hashes can be made to collide.
void JsonTree::refuse_twins(std::span<const std::string> names) const {
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

}  // namespace gateway
