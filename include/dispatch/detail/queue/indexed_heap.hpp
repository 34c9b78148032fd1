// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_QUEUE_INDEXED_HEAP_HPP
#define DISPATCH_DETAIL_QUEUE_INDEXED_HEAP_HPP

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A binary heap whose elements know their place, so that any of them can be removed in O(log n). Order::before(a, b)
/// says which of two comes first, Order::index(element) is where an element keeps its place.
template <typename J, typename Order>
class IndexedHeap {
  public:
    bool empty() const noexcept { return heap_.empty(); }
    J& first() const noexcept { return *heap_.front(); }

    std::size_t size() const noexcept { return heap_.size(); }

    /// So many elements can be in it without an allocation. May throw std::bad_alloc.
    void reserve(std::size_t elements) {
        if (elements > heap_.capacity()) {
            heap_.reserve(std::max(elements, 2 * heap_.capacity()));
        }
    }

    /// May throw std::bad_alloc; then nothing has changed.
    void push(J& job) {
        heap_.push_back(&job);
        Order::index(job) = heap_.size() - 1;
        rise(heap_.size() - 1);
    }

    void remove(J& job) noexcept {
        const std::size_t hole = Order::index(job);
        J* const last = heap_.back();
        heap_.pop_back();
        if (last == &job) {
            return;
        }
        place(hole, last);
        update(*last);
    }

    /// job, which is in it, comes earlier or later now.
    void update(J& job) noexcept {
        rise(Order::index(job));
        sink(Order::index(job));
    }

  private:
    bool before(std::size_t a, std::size_t b) const noexcept { return Order::before(*heap_[a], *heap_[b]); }

    void place(std::size_t index, J* job) noexcept {
        heap_[index] = job;
        Order::index(*job) = index;
    }

    void exchange(std::size_t a, std::size_t b) noexcept {
        J* const job = heap_[a];
        place(a, heap_[b]);
        place(b, job);
    }

    void rise(std::size_t index) noexcept {
        while (index != 0 && before(index, (index - 1) / 2)) {
            exchange(index, (index - 1) / 2);
            index = (index - 1) / 2;
        }
    }

    void sink(std::size_t index) noexcept {
        for (;;) {
            std::size_t child = 2 * index + 1;
            if (child >= heap_.size()) {
                return;
            }
            if (child + 1 < heap_.size() && before(child + 1, child)) {
                ++child;
            }
            if (!before(child, index)) {
                return;
            }
            exchange(index, child);
            index = child;
        }
    }

    std::vector<J*> heap_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_QUEUE_INDEXED_HEAP_HPP
