// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_OPTIONS_HPP
#define DISPATCH_OPTIONS_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/session_ref.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// Default of WorkerOptions::max_concurrency.
inline constexpr std::size_t max_concurrency_per_worker = 256;
/// Default of WorkerOptions::queue_capacity.
inline constexpr std::size_t max_worker_queue_capacity = 1024;

/// What one worker may hold. Checked by spawn_workers.
struct WorkerOptions {
    /// Jobs that a worker runs at a time (permits of its semaphore): 1 to 2^30.
    std::size_t max_concurrency = max_concurrency_per_worker;
    /// Jobs that wait in a worker's queue for a permit: 1 to 2^30.
    std::size_t queue_capacity = max_worker_queue_capacity;
};

/// When a session's pin ends.
enum class AffinityExpiry : std::uint8_t {
    /// affinity_ttl after the job that made the pin, however busy the session is: one that stays busy is placed anew,
    /// and may move, every affinity_ttl (30 s by default). For state or caches by session take sliding.
    fixed,
    sliding,  ///< affinity_ttl after the session's latest job
};

/// What submit does when the chosen worker's queue is full.
enum class Overflow : std::uint8_t {
    wait,    ///< suspend the submitter until there is a place, first come, first served
    reject,  ///< complete with errc::queue_full
};

/// How a pool places jobs. Checked by WorkerPool's constructor.
struct PoolOptions {
    /// How long a session stays on its worker; 0 turns affinity off. Not negative.
    std::chrono::nanoseconds affinity_ttl = std::chrono::seconds{30};
    /// Whether each job of a session makes its pin longer. fixed, the default, moves busy sessions, too: each of them
    /// may change its worker every affinity_ttl.
    AffinityExpiry affinity_expiry = AffinityExpiry::fixed;
    /// Sessions remembered at a time: 1 to 2^31. When all are live, the one nearest its expiry makes
    /// room for a new one; no request is refused for it.
    std::size_t max_sessions = std::size_t{1} << 20;
    /// What submit does when the chosen worker's queue is full. (try_submit rejects in any case.)
    Overflow overflow = Overflow::wait;
};

/// One job's wishes. Trivially destructible on purpose: GCC 12 destroys braced temporaries of a
/// co_await expression twice.
struct SubmitOptions {
    /// Jobs of one session go to one worker while its pin lasts. A std::optional<std::string_view>, whose text is
    /// copied when the operation starts: with co_await in that expression, with deferred when it is launched. Until
    /// then it must be there, so a temporary std::string does not compile here (submit(session, request) takes one).
    SessionRef session = std::nullopt;
    /// The job's latest time over waiting, queueing and running; past it, errc::deadline_exceeded.
    std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt;
};

static_assert(std::is_trivially_destructible_v<SubmitOptions>);

namespace detail {

inline void check_range(const char* field, std::size_t value, std::size_t low, std::size_t high) {
    if (value < low || value > high) {
        throw std::invalid_argument{std::string{field} + " is " + std::to_string(value) + ": it must be from " +
                                    std::to_string(low) + " to " + std::to_string(high)};
    }
}

inline void validate(const WorkerOptions& options) {
    constexpr std::size_t most = std::size_t{1} << 30;
    check_range("WorkerOptions::max_concurrency", options.max_concurrency, 1, most);
    check_range("WorkerOptions::queue_capacity", options.queue_capacity, 1, most);
}

inline void validate(const PoolOptions& options) {
    if (options.affinity_ttl.count() < 0) {
        throw std::invalid_argument{"PoolOptions::affinity_ttl is " + std::to_string(options.affinity_ttl.count()) +
                                    " ns: it must not be negative (0 turns affinity off)"};
    }
    if (options.affinity_expiry > AffinityExpiry::sliding) {
        throw std::invalid_argument{"PoolOptions::affinity_expiry is " +
                                    std::to_string(static_cast<int>(options.affinity_expiry)) +
                                    ": it must be AffinityExpiry::fixed or AffinityExpiry::sliding"};
    }
    if (options.overflow > Overflow::reject) {
        throw std::invalid_argument{"PoolOptions::overflow is " + std::to_string(static_cast<int>(options.overflow)) +
                                    ": it must be Overflow::wait or Overflow::reject"};
    }
    check_range("PoolOptions::max_sessions", options.max_sessions, 1, std::size_t{1} << 31);
}

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_OPTIONS_HPP
