// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_QUEUE_PATIENTS_HPP
#define DISPATCH_DETAIL_QUEUE_PATIENTS_HPP

#include <cstddef>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/queue/indexed_heap.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// The jobs of an inbox that wait for workers that they prefer: first those whose patience has not ended, by its end;
/// then those that any worker may run, by age. (They are in the inbox's queue as well.) Guarded by the inbox's lock.
///
/// P is Patience.
template <typename P>
class Patients {
    using State = typename P::State;

  public:
    bool any_patient() const noexcept { return !patient_.empty(); }
    /// When the next job's patience ends. There is one.
    auto next_end() const noexcept { return patient_.first().ends; }

    /// Adds a job that waits. Where it throws std::bad_alloc, nothing has changed.
    void add(P& patience) {
        exhausted_.reserve(exhausted_.size() + patient_.size() + 1);
        patient_.push(patience);
        patience.state = State::patient;
    }

    /// A job leaves the queue.
    void remove(P& patience) noexcept {
        switch (patience.state) {
            case State::none:
                return;
            case State::patient:
                patient_.remove(patience);
                break;
            case State::exhausted:
                exhausted_.remove(patience);
                break;
        }
        patience.state = State::none;
    }

    /// From now on any worker may run the jobs whose patience has ended. True if there are such.
    template <typename TimePoint>
    bool exhaust(TimePoint now) noexcept {
        bool any = false;
        while (!patient_.empty() && patient_.first().ends <= now) {
            P& patience = patient_.first();
            patient_.remove(patience);
            exhausted_.push(patience);  // there is room for it: see add
            patience.state = State::exhausted;
            any = true;
        }
        return any;
    }

    /// The job that has waited longest, of those that any worker may run; or null.
    auto* oldest() const noexcept { return exhausted_.empty() ? nullptr : exhausted_.first().job; }

  private:
    struct ByEnd {
        static bool before(const P& a, const P& b) noexcept { return a.ends < b.ends; }
        static std::size_t& index(P& patience) noexcept { return patience.index; }
    };
    struct ByAge {
        static bool before(const P& a, const P& b) noexcept { return a.job->age < b.job->age; }
        static std::size_t& index(P& patience) noexcept { return patience.index; }
    };

    IndexedHeap<P, ByEnd> patient_;
    IndexedHeap<P, ByAge> exhausted_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_QUEUE_PATIENTS_HPP
