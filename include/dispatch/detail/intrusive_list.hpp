// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_INTRUSIVE_LIST_HPP
#define DISPATCH_DETAIL_INTRUSIVE_LIST_HPP

#include <cstddef>
#include <utility>

#include <dispatch/detail/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Base of whatever an IntrusiveList links. An element is in at most one list.
class ListHook {
  public:
    ListHook() = default;
    ListHook(const ListHook&) = delete;
    ListHook& operator=(const ListHook&) = delete;

  protected:
    ~ListHook() = default;

  private:
    template <typename>
    friend class IntrusiveList;

    ListHook* previous_ = nullptr;
    ListHook* next_ = nullptr;
};

/// A doubly linked list of elements that it does not own. Every operation is O(1) and cannot fail.
template <typename T>
class IntrusiveList {
  public:
    IntrusiveList() = default;
    IntrusiveList(IntrusiveList&& other) noexcept
        : first_{std::exchange(other.first_, nullptr)}, last_{std::exchange(other.last_, nullptr)} {}
    IntrusiveList& operator=(IntrusiveList&& other) noexcept {
        first_ = std::exchange(other.first_, nullptr);
        last_ = std::exchange(other.last_, nullptr);
        return *this;
    }

    bool empty() const noexcept { return first_ == nullptr; }

    void push_back(T& element) noexcept {
        ListHook& hook = element;
        hook.previous_ = last_;
        hook.next_ = nullptr;
        (last_ == nullptr ? first_ : last_->next_) = &hook;
        last_ = &hook;
    }

    void push_front(T& element) noexcept {
        ListHook& hook = element;
        hook.previous_ = nullptr;
        hook.next_ = first_;
        (first_ == nullptr ? last_ : first_->previous_) = &hook;
        first_ = &hook;
    }

    /// The first element, now out of the list; null when there is none.
    T* pop_front() noexcept {
        if (first_ == nullptr) {
            return nullptr;
        }
        T& element = static_cast<T&>(*first_);
        remove(element);
        return &element;
    }

    /// element is in this list.
    void remove(T& element) noexcept {
        ListHook& hook = element;
        (hook.previous_ == nullptr ? first_ : hook.previous_->next_) = hook.next_;
        (hook.next_ == nullptr ? last_ : hook.next_->previous_) = hook.previous_;
    }

  private:
    ListHook* first_ = nullptr;
    ListHook* last_ = nullptr;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_INTRUSIVE_LIST_HPP
