// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_IDLE_LIST_HPP
#define GATEWAY_UPSTREAM_IDLE_LIST_HPP

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include <gateway/base/net.hpp>

namespace gateway {

/// What is kept for its next use: at most so many, and each for at most so long. The latest comes out first,
/// so that those that are not needed grow old. What falls out is returned, to be disposed of by the caller.
/// Not thread-safe.
template <typename T>
class IdleList {
  public:
    IdleList(std::size_t capacity, Clock::duration timeout) : capacity_{capacity}, timeout_{timeout} {}

    /// Keeps item from now on. Returns the oldest, if there was no room. now never goes back.
    [[nodiscard]] std::optional<T> put(T item, Clock::time_point now) {
        items_.push_back(Item{now, std::move(item)});
        return items_.size() > capacity_ ? std::optional<T>{pop_oldest()} : std::nullopt;
    }

    /// The latest; nullopt: there is none. Call take_expired() before.
    [[nodiscard]] std::optional<T> take() {
        if (items_.empty()) {
            return std::nullopt;
        }
        std::optional<T> item{std::move(items_.back().value)};
        items_.pop_back();
        return item;
    }

    /// Those that have been kept for the timeout.
    [[nodiscard]] std::vector<T> take_expired(Clock::time_point now) {
        std::vector<T> expired;
        while (!items_.empty() && now - items_.front().since >= timeout_) {
            expired.push_back(pop_oldest());
        }
        return expired;
    }

    [[nodiscard]] std::vector<T> take_all() {
        std::vector<T> all;
        while (!items_.empty()) {
            all.push_back(pop_oldest());
        }
        return all;
    }

    [[nodiscard]] std::size_t size() const { return items_.size(); }

  private:
    struct Item {
        Clock::time_point since;
        T value;
    };

    T pop_oldest() {
        T value = std::move(items_.front().value);
        items_.pop_front();
        return value;
    }

    std::size_t capacity_;
    Clock::duration timeout_;
    std::deque<Item> items_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_IDLE_LIST_HPP
