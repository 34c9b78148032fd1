// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_BASE_INTRUSIVE_LIST_HPP
#define DISPATCH_DETAIL_BASE_INTRUSIVE_LIST_HPP

#include <cstddef>
#include <iterator>

#include <dispatch/detail/base/config.hpp>

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

    /// Of an element that is in a list.
    ListHook* previous_;
    ListHook* next_;
};

/// A doubly linked list of elements that it does not own: a ring through a hook of its own, so that no
/// operation has a special case. Every one is O(1) and cannot fail.
///
/// Taking the first element does not touch the next one, which may be in another processor's cache: so the
/// first one's previous_ means nothing.
template <typename T>
class IntrusiveList {
  public:
    IntrusiveList() noexcept { clear(); }
    IntrusiveList(IntrusiveList&& other) noexcept {
        clear();
        splice_back(other);
    }
    IntrusiveList& operator=(IntrusiveList&& other) noexcept {
        clear();
        splice_back(other);
        return *this;
    }

    bool empty() const noexcept { return ring_.next_ == &ring_; }

    void push_back(T& element) noexcept { link(*ring_.previous_, element, ring_); }

    void push_front(T& element) noexcept { link(ring_, element, *ring_.next_); }

    /// The first element. There is one.
    T& front() const noexcept { return static_cast<T&>(*ring_.next_); }

    /// The last element. There is one.
    T& back() const noexcept { return static_cast<T&>(*ring_.previous_); }

    /// The first element, now out of the list; null when there is none.
    T* pop_front() noexcept {
        if (empty()) {
            return nullptr;
        }
        ListHook* const first = ring_.next_;
        ring_.next_ = first->next_;
        if (ring_.next_ == &ring_) {
            ring_.previous_ = &ring_;
        }
        return static_cast<T*>(first);
    }

    /// The last element, now out of the list; null when there is none.
    T* pop_back() noexcept {
        if (empty()) {
            return nullptr;
        }
        ListHook* const last = ring_.previous_;
        remove(static_cast<T&>(*last));
        return static_cast<T*>(last);
    }

    /// Moves all of other's elements to the end.
    void splice_back(IntrusiveList& other) noexcept {
        if (!other.empty()) {
            ListHook* const first = other.ring_.next_;
            ListHook* const last = other.ring_.previous_;
            first->previous_ = ring_.previous_;
            ring_.previous_->next_ = first;
            last->next_ = &ring_;
            ring_.previous_ = last;
            other.clear();
        }
    }

    class Iterator {
      public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;

        Iterator() = default;
        T& operator*() const noexcept { return static_cast<T&>(*at_); }
        T* operator->() const noexcept { return static_cast<T*>(at_); }
        Iterator& operator++() noexcept {
            at_ = at_->next_;
            return *this;
        }
        Iterator operator++(int) noexcept {
            const Iterator before = *this;
            at_ = at_->next_;
            return before;
        }
        bool operator==(const Iterator&) const = default;

      private:
        friend class IntrusiveList;
        explicit Iterator(ListHook* at) noexcept : at_{at} {}

        ListHook* at_ = nullptr;
    };

    Iterator begin() noexcept { return Iterator{ring_.next_}; }
    Iterator end() noexcept { return Iterator{&ring_}; }

    /// element is in this list.
    void remove(T& element) noexcept {
        ListHook& hook = element;
        ListHook& before = &hook == ring_.next_ ? ring_ : *hook.previous_;
        before.next_ = hook.next_;
        hook.next_->previous_ = &before;
    }

  private:
    static void link(ListHook& before, ListHook& hook, ListHook& after) noexcept {
        hook.previous_ = &before;
        hook.next_ = &after;
        before.next_ = &hook;
        after.previous_ = &hook;
    }

    void clear() noexcept { ring_.previous_ = ring_.next_ = &ring_; }

    ListHook ring_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_BASE_INTRUSIVE_LIST_HPP
