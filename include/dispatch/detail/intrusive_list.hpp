// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_INTRUSIVE_LIST_HPP
#define DISPATCH_DETAIL_INTRUSIVE_LIST_HPP

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

    /// Links what was before position's element and this one, and this one and position's.
    void link_before(ListHook& position) noexcept {
        previous_ = position.previous_;
        next_ = &position;
        previous_->next_ = this;
        position.previous_ = this;
    }

    void unlink() noexcept {
        previous_->next_ = next_;
        next_->previous_ = previous_;
    }

    ListHook* previous_ = nullptr;
    ListHook* next_ = nullptr;
};

/// A doubly linked list of elements that it does not own: a ring through a hook of its own, so that no
/// operation has a special case. Every one is O(1) and cannot fail.
template <typename T>
class IntrusiveList {
  public:
    IntrusiveList() noexcept { clear(); }
    IntrusiveList(IntrusiveList&& other) noexcept {
        clear();
        take(other);
    }
    IntrusiveList& operator=(IntrusiveList&& other) noexcept {
        clear();
        take(other);
        return *this;
    }

    bool empty() const noexcept { return ring_.next_ == &ring_; }

    void push_back(T& element) noexcept { hook(element).link_before(ring_); }

    void push_front(T& element) noexcept { hook(element).link_before(*ring_.next_); }

    /// The first element, now out of the list; null when there is none.
    T* pop_front() noexcept {
        if (empty()) {
            return nullptr;
        }
        ListHook* const first = ring_.next_;
        first->unlink();
        return static_cast<T*>(first);
    }

    /// element is in this list.
    void remove(T& element) noexcept { hook(element).unlink(); }

  private:
    static ListHook& hook(T& element) noexcept { return element; }

    void clear() noexcept { ring_.previous_ = ring_.next_ = &ring_; }

    void take(IntrusiveList& other) noexcept {
        if (!other.empty()) {
            ring_.previous_ = other.ring_.previous_;
            ring_.next_ = other.ring_.next_;
            ring_.previous_->next_ = ring_.next_->previous_ = &ring_;
            other.clear();
        }
    }

    ListHook ring_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_INTRUSIVE_LIST_HPP
