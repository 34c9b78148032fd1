// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_TIME_LIMIT_HPP
#define GATEWAY_UPSTREAM_TIME_LIMIT_HPP

#include <functional>

#include <gateway/base/net.hpp>

namespace gateway {

/// Runs work until limit. True: it has ended in time. False: it was stopped, or limit had passed already.
///
/// Work is stopped by a terminal cancellation and then by stop(), which is to make what it does fail from
/// then on: a composed operation that is between two of its steps misses a cancellation, but not that its
/// socket was closed. stop() is called at the limit, on cancellation, and perhaps after work has thrown; never
/// after work has returned. Either way work has ended when this has.
///
/// Executor: that of the awaiting coroutine, which must be a strand. Cancellation: terminal stops work and
/// throws operation_aborted. Throws what work throws if it was not stopped.
net::awaitable<bool> run_until(Clock::time_point limit, net::awaitable<void> work, std::function<void()> stop);

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_TIME_LIMIT_HPP
