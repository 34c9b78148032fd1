// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_BASE_SLOTS_HPP
#define DISPATCH_DETAIL_BASE_SLOTS_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Owns objects that come and go, and gives each a small number by which it is found as long as it is there. The number
/// of one that has gone is given to a later one. Of those that have gone some 20 bytes each are kept, for as many as
/// there were at a time. One thread at a time.
template <typename T>
class Slots {
  public:
    using Number = std::uint32_t;

    /// Makes an object; T's constructor gets its number. Throws std::bad_alloc; then nothing has changed.
    T& add() {
        if (!free_.empty()) {
            const Number number = free_.back();
            objects_[number] = std::make_unique<T>(number);
            free_.pop_back();
            return *objects_[number];
        }
        const auto number = static_cast<Number>(objects_.size());
        if (free_.capacity() <= objects_.size()) {
            free_.reserve(2 * objects_.size() + 1);  // so that remove() cannot fail
        }
        objects_.push_back(std::make_unique<T>(number));
        return *objects_.back();
    }

    /// Destroys the object that has number.
    void remove(Number number) noexcept {
        const std::unique_ptr<T> object = std::move(objects_[number]);
        free_.push_back(number);
    }

    /// The object that has number now; null when there is none.
    T* find(Number number) const noexcept { return number < objects_.size() ? objects_[number].get() : nullptr; }

    std::size_t size() const noexcept { return objects_.size() - free_.size(); }

    /// Calls function with each object. Those may come and go meanwhile.
    template <typename Function>
    void for_each(Function&& function) const {
        for (Number number = 0; number != objects_.size(); ++number) {
            if (objects_[number]) {
                function(*objects_[number]);
            }
        }
    }

  private:
    std::vector<std::unique_ptr<T>> objects_;
    std::vector<Number> free_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_BASE_SLOTS_HPP
