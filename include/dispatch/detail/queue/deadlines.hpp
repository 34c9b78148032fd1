// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_QUEUE_DEADLINES_HPP
#define DISPATCH_DETAIL_QUEUE_DEADLINES_HPP

#include <cstddef>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/queue/indexed_heap.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// The jobs of an inbox whose deadlines may still pass, the earliest first. Guarded by the inbox's lock.
///
/// Most deadlines come in their order, as callers give each job the same time: those stand in a line, and each costs
/// the same however many there are. One that is earlier than the last in the line goes into a heap.
///
/// P is DeadlinePlace.
template <typename P>
class Deadlines {
  public:
    bool empty() const noexcept { return line_.empty() && heap_.empty(); }

    /// There is one.
    P& first() const noexcept {
        return heap_.empty() || (!line_.empty() && !(heap_.first().time < line_.front().time)) ? line_.front()
                                                                                               : heap_.first();
    }

    /// May throw std::bad_alloc; then nothing has changed.
    [[gnu::always_inline]] inline void push(P& place) {
        if (!line_.empty() && place.time < line_.back().time) [[unlikely]] {
            return push_out_of_line(place);
        }
        line_.push_back(place);
        place.index = P::in_line;
    }

    /// Takes it out, if it is there; false if it is not.
    [[gnu::always_inline]] inline bool remove(P& place) noexcept {
        if (place.index != P::in_line) [[unlikely]] {
            return remove_out_of_line(place);
        }
        line_.remove(place);
        place.index = P::nowhere;
        return true;
    }

  private:
    [[gnu::noinline]] void push_out_of_line(P& place) { heap_.push(place); }

    [[gnu::noinline]] bool remove_out_of_line(P& place) noexcept {
        if (place.index == P::nowhere) {
            return false;
        }
        heap_.remove(place);
        place.index = P::nowhere;
        return true;
    }

    struct ByTime {
        static bool before(const P& a, const P& b) noexcept { return a.time < b.time; }
        static std::size_t& index(P& place) noexcept { return place.index; }
    };

    IntrusiveList<P> line_;
    IndexedHeap<P, ByTime> heap_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_QUEUE_DEADLINES_HPP
