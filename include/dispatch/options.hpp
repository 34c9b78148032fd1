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

/// The limits of one worker. spawn_workers() throws `std::invalid_argument`, naming the field, if one is out of range.
struct WorkerOptions {
    /// How many jobs a worker runs at a time (the permits of its semaphore): 1 to 2^30, 256 by default. For a handler
    /// that is a plain function it counts as 1.
    std::size_t max_concurrency = max_concurrency_per_worker;
    /// How many jobs wait in a worker's queue for a permit: 1 to 2^30, 1024 by default.
    std::size_t queue_capacity = max_worker_queue_capacity;
};

/// When the pin of a session to its worker ends.
enum class AffinityExpiry : std::uint8_t {
    /// `affinity_ttl` after the job that made the pin. A session that stays busy is placed anew, and may move to
    /// another worker, every `affinity_ttl`. Use `sliding` if workers keep state or caches by session.
    fixed,
    /// `affinity_ttl` after the session's latest job.
    sliding,
};

/// What a session's pin means for its jobs.
enum class Affinity : std::uint8_t {
    /// A job runs on its session's worker, however long that takes. For workers that keep state by session.
    strict,
    /// A job runs on one of its session's two latest workers (its homes) if that is worth the wait, and elsewhere if it
    /// is not. For workers that keep caches by session, such as the prefix caches of language models.
    ///
    /// The job goes to the latest home that has a permit free. If none has, and the wait to be expected there exceeds
    /// what a miss costs (`miss_cost`), it goes at once to a worker that has a permit free, if there is one. Otherwise
    /// it waits at its latest home. Either home runs it as soon as it can; any other worker may do so once it has
    /// waited for `patience` times `miss_cost`. A worker that has run a job of the session becomes its latest home.
    ///
    /// (Two homes and the gate: after LARD/R, Pai et al., ASPLOS 1998. Patience: delay scheduling, Zaharia et al.,
    /// EuroSys 2010.)
    preferred,
};

/// What WorkerPool::submit() does if every worker is full, or the worker of a pinned session is.
enum class Overflow : std::uint8_t {
    wait,    ///< wait for a place; first come, first served
    reject,  ///< complete with errc::queue_full
};

/// How a pool places jobs. WorkerPool's constructor throws `std::invalid_argument`, naming the field, if a value is out
/// of range.
struct PoolOptions {
    /// How long a session stays on its worker: 0 or more, 30 s by default. 0 turns affinity off.
    std::chrono::nanoseconds affinity_ttl = std::chrono::seconds{30};
    /// Whether each job of a session extends the session's pin. `fixed` by default, so even a busy session may change
    /// its worker every `affinity_ttl`.
    AffinityExpiry affinity_expiry = AffinityExpiry::fixed;
    /// How many sessions the pool remembers at a time: 1 to 2^31, 2^20 by default. A new session takes the place of the
    /// one nearest its expiry if the map is full. No job is refused because of this limit.
    std::size_t max_sessions = std::size_t{1} << 20;
    /// What submit() does if every worker is full, or the worker of a pinned session is: `wait` by default.
    /// try_submit() never waits.
    Overflow overflow = Overflow::wait;
    /// Whether a job without a pinned worker (it has no session, or affinity is off) may run on another worker than the
    /// one to which it was routed: on the first that has a permit free, if its own has none. True by default. Turn it
    /// off if the choice of the worker must be final, for example with a policy of your own that knows more of the
    /// workers than their loads.
    ///
    /// With Affinity::preferred it also decides whether a job that waits may be run elsewhere than at the home at which
    /// it waits.
    bool late_binding = true;
    /// What a session's pin means: `strict` by default.
    Affinity affinity = Affinity::strict;
    /// With Affinity::preferred: what it costs to run a job away from its session's homes, as a time: 0 or more, 0 by
    /// default, with which a job runs at a home if that is free, and wherever it can otherwise. For a language model,
    /// the prompt's length times the time for each token of it. SubmitOptions::miss_cost overrides it for one job.
    std::chrono::nanoseconds miss_cost{0};
    /// With Affinity::preferred: how long a job waits for its homes, as a multiple of its miss_cost: 0 or more, 1 by
    /// default: a job that has waited in vain has lost about as much as it could have saved. Lower values mean shorter
    /// waits and more misses; higher ones save work in a pool that is busy all the time.
    double patience = 1;
    /// With Affinity::preferred: how long a job waits for its homes at most: 0 or more, one hour by default.
    std::chrono::nanoseconds max_patience = std::chrono::hours{1};
    /// Where the response type is a Stream: how many parts of a job are unread at most, before its handler has to wait
    /// for its reader: 1 to 2^20, 16 by default. There is memory for so many from the start.
    std::size_t stream_buffer = 16;
};

struct JobReport;

/// Options of one job.
struct SubmitOptions {
    /// The job's session, or `std::nullopt` (the default) for none. While a session's pin lasts, its jobs go to one
    /// worker.
    ///
    /// The text is copied when the operation starts (see WorkerPool::submit()) and must exist until then. A temporary
    /// `std::string` therefore does not compile here; submit(session, request) takes one.
    SessionRef session = std::nullopt;
    /// The time at which the job ends with errc::deadline_exceeded if it has no response, or only a part of one that is
    /// a Stream: an absolute time that spans waiting, queueing and running. None by default.
    std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt;
    /// This job's PoolOptions::miss_cost: 0 or more. The pool's by default.
    std::optional<std::chrono::nanoseconds> miss_cost = std::nullopt;
    /// Where to say what became of the job, or null (the default). It must exist until the operation completes, and is
    /// written before that. It is left as it is if the job could not even be made (an allocation or a move threw,
    /// miss_cost is negative, or the pool's execution context is gone), or the operation is never completed. Costs a
    /// few looks at the clock.
    JobReport* report = nullptr;
};

// GCC 12 destroys braced temporaries in a co_await expression twice, which is harmless for this type.
static_assert(std::is_trivially_destructible_v<SubmitOptions>);

namespace detail {

inline void check_range(const char* field, std::size_t value, std::size_t low, std::size_t high) {
    if (value < low || value > high) {
        throw std::invalid_argument{std::string{field} + " is " + std::to_string(value) + ": it must be from " +
                                    std::to_string(low) + " to " + std::to_string(high)};
    }
}

inline void check_time(const char* field, std::chrono::nanoseconds value) {
    if (value.count() < 0) {
        throw std::invalid_argument{std::string{field} + " is " + std::to_string(value.count()) +
                                    " ns: it must be 0 or more"};
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
    if (options.affinity > Affinity::preferred) {
        throw std::invalid_argument{"PoolOptions::affinity is " + std::to_string(static_cast<int>(options.affinity)) +
                                    ": it must be Affinity::strict or Affinity::preferred"};
    }
    check_time("PoolOptions::miss_cost", options.miss_cost);
    check_time("PoolOptions::max_patience", options.max_patience);
    if (!(options.patience >= 0)) {  // also if it is not a number
        throw std::invalid_argument{"PoolOptions::patience is " + std::to_string(options.patience) +
                                    ": it must be 0 or more"};
    }
    check_range("PoolOptions::max_sessions", options.max_sessions, 1, std::size_t{1} << 31);
    check_range("PoolOptions::stream_buffer", options.stream_buffer, 1, std::size_t{1} << 20);
}

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_OPTIONS_HPP
