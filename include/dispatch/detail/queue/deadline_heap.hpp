// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_QUEUE_DEADLINE_HEAP_HPP
#define DISPATCH_DETAIL_QUEUE_DEADLINE_HEAP_HPP

#include <cstddef>
#include <utility>
#include <vector>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Jobs by deadline, the earliest first: a binary heap whose elements know their place, so that any of
/// them can be removed in O(log n). J has *deadline and deadline_index.
template <typename J>
class DeadlineHeap {
  public:
    bool empty() const noexcept { return heap_.empty(); }
    J& earliest() const noexcept { return *heap_.front(); }

    /// May throw std::bad_alloc; then nothing has changed.
    void push(J& job) {
        heap_.push_back(&job);
        job.deadline_index = heap_.size() - 1;
        rise(job.deadline_index);
    }

    void remove(J& job) noexcept {
        const std::size_t hole = job.deadline_index;
        J* const last = heap_.back();
        heap_.pop_back();
        if (last == &job) {
            return;
        }
        place(hole, last);
        rise(hole);
        sink(last->deadline_index);
    }

  private:
    bool before(std::size_t a, std::size_t b) const noexcept { return *heap_[a]->deadline < *heap_[b]->deadline; }

    void place(std::size_t index, J* job) noexcept {
        heap_[index] = job;
        job->deadline_index = index;
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

#endif  // DISPATCH_DETAIL_QUEUE_DEADLINE_HEAP_HPP
