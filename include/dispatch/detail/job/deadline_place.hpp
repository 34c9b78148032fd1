// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_JOB_DEADLINE_PLACE_HPP
#define DISPATCH_DETAIL_JOB_DEADLINE_PLACE_HPP

#include <cstddef>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Where a job that has a deadline stands among others (Deadlines). In the job's own memory; guarded by the lock of its
/// owner's inbox.
template <typename J, typename TimePoint>
struct DeadlinePlace : ListHook {
    DeadlinePlace(J& of, TimePoint deadline) noexcept : job{&of}, time{deadline} {}

    static constexpr std::size_t nowhere = ~std::size_t{0};
    static constexpr std::size_t in_line = nowhere - 1;

    J* const job;
    const TimePoint time;
    /// in_line, nowhere, or the index in a heap.
    std::size_t index = nowhere;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_JOB_DEADLINE_PLACE_HPP
