// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_JOB_PATIENCE_HPP
#define DISPATCH_DETAIL_JOB_PATIENCE_HPP

#include <cstddef>
#include <cstdint>
#include <limits>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

inline constexpr std::uint32_t no_worker = std::numeric_limits<std::uint32_t>::max();

/// What a job is whose session prefers some workers (Affinity::preferred): how long it waits for them, and where it is
/// listed meanwhile. In the job's own memory.
template <typename J, typename TimePoint>
struct Patience : ListHook {
    explicit Patience(J& of) noexcept : job{&of} {}

    J* const job;
    /// When any other worker may run the job. Set before it is queued, as are the next two.
    TimePoint ends{};
    /// The worker in whose queue the job is, and the session's other home, or no_worker. Numbers in the pool.
    std::uint32_t home = no_worker;
    std::uint32_t other_home = no_worker;

    // Guarded by the inbox's lock; the place among other_home's guests by that of Guests as well.

    enum class State : std::uint8_t {
        none,       ///< not listed: the job does not wait
        patient,    ///< among those whose patience has not ended
        exhausted,  ///< among those that any worker may run
    };
    State state = State::none;
    /// The place in the heap of those.
    std::size_t index = 0;
    /// It is among the guests of its other home.
    bool invited = false;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_JOB_PATIENCE_HPP
