// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_JSON_TREE_HPP
#define GATEWAY_BASE_JSON_TREE_HPP

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gateway/base/json.hpp>

namespace gateway {

/// Makes a tree of what a parser reads. Its functions throw JsonError.
///
/// nlohmann's own way looks for a member's name among all of its object's, and, with a callback, through the whole
/// container at the end of each of its elements: n * n steps for n of them. Here a container's elements are gathered
/// on a stack, and moved into it once, at its end.
class JsonTree {
  public:
    JsonTree(std::size_t max_values, JsonEffort& effort);

    /// A value that is no array or object.
    void add(Json value) {
        count();
        values_.push_back(std::move(value));
    }

    /// The name of the member whose value comes next.
    void name(std::string name) {
        ++effort_.steps;
        names_.push_back(std::move(name));
    }

    /// An array or an object begins.
    void open();
    void end_array();
    void end_object();

    /// Once all has ended.
    Json take() { return std::move(values_.front()); }

  private:
    /// An array or an object that has not ended: where its own begin in names_ and values_.
    struct Open {
        std::ptrdiff_t names;
        std::ptrdiff_t values;
    };

    void count();
    void close(Json container);
    void refuse_twins(std::span<const std::string> names) const;

    const std::size_t max_values_;
    JsonEffort& effort_;
    std::size_t count_ = 0;
    std::vector<Open> open_;
    /// Of all that is open, the outermost first; at the end, of none: the tree.
    std::vector<std::string> names_;
    std::vector<Json> values_;
};

}  // namespace gateway

#endif  // GATEWAY_BASE_JSON_TREE_HPP
