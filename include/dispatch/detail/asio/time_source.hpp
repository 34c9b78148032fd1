// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_ASIO_TIME_SOURCE_HPP
#define DISPATCH_DETAIL_ASIO_TIME_SOURCE_HPP

#include <chrono>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// What tells the workers on an Executor the time of their deadlines, and wakes them up then. Specialised
/// by who owns the executor and moves its time by hand: the simulation in tests/ does. Its Clock has the
/// time points of the steady clock, as deadlines are such; its Timer has what is used here of Asio's.
template <typename Executor>
struct TimeSource {
    using Clock = std::chrono::steady_clock;
    using Timer = net::basic_waitable_timer<Clock, net::wait_traits<Clock>, Executor>;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_ASIO_TIME_SOURCE_HPP
