// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_OBSERVER_HPP
#define DISPATCH_OBSERVER_HPP

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/selection.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// What the session map said about a job's session.
enum class SessionVerdict : std::uint8_t {
    none,     ///< the job has no session, or affinity is off
    hit,      ///< the session is pinned, and the job was routed to its worker
    fresh,    ///< the session was not known, or not any more; it is pinned now if the job was accepted
    expired,  ///< the session's pin had expired; it is pinned anew if the job was accepted
    moved,    ///< the session is pinned, but the job was sent past its homes (Affinity::preferred)
};

/// A job was routed to a worker, and accepted or refused there.
struct RoutedEvent {
    /// WorkerHandle::id() of the worker.
    std::size_t worker;
    /// The job's session, or empty text if it has none. In all events, the text is valid during the call only.
    std::string_view session;
    /// What the session map said about the session.
    SessionVerdict verdict;
    /// False if the submitter receives errc::queue_full or errc::stopped instead of a response.
    bool accepted;
};

/// A worker is about to call the handler.
struct StartedEvent {
    /// WorkerHandle::id() of the worker.
    std::size_t worker;
    /// The job's session, or empty text if it has none.
    std::string_view session;
    /// The time from submit to now.
    std::chrono::steady_clock::duration queued;
    /// Whether the job runs on another worker than the one to which it was routed (PoolOptions::late_binding), or was
    /// routed past its session's homes (Affinity::preferred).
    bool moved;
};

/// A handler has ended.
struct FinishedEvent {
    /// WorkerHandle::id() of the worker.
    std::size_t worker;
    /// The job's session, or empty text if it has none.
    std::string_view session;
    /// The time from submit to the start of the handler.
    std::chrono::steady_clock::duration queued;
    /// The time from the start of the handler to its end, including the time in which it was suspended.
    std::chrono::steady_clock::duration ran;
    /// The exception that the handler threw; errc::abandoned if its coroutine was destroyed; null if it returned a
    /// response.
    std::exception_ptr error;
    /// StartedEvent::moved.
    bool moved;
    /// Where the response is a Stream: the time from the start of the handler to its first part. Empty if it has
    /// written none.
    std::optional<std::chrono::steady_clock::duration> first_part{};
};

/// A job has left its worker's queue without being run.
struct DroppedEvent {
    /// WorkerHandle::id() of the worker.
    std::size_t worker;
    /// The job's session, or empty text if it has none.
    std::string_view session;
    /// The time from submit to now.
    std::chrono::steady_clock::duration queued;
    /// What the submitter receives: `operation_aborted` (the job was cancelled), errc::deadline_exceeded or
    /// errc::stopped. `std::errc::not_enough_memory` if the job could not be queued because an allocation failed.
    std::error_code why;
};

/// What observes the jobs of a pool, for logs, traces or histograms. It is copied to each worker and to the pool's
/// policy, so it usually holds a pointer to what it writes to.
///
/// The spawn_workers() overload with an observer reports StartedEvent, FinishedEvent and DroppedEvent; the policy
/// Observed reports RoutedEvent. A job that is accepted is either dropped, or started and then finished. Only jobs that
/// are lost because their execution context is destroyed have no such end.
///
/// @par Thread safety
/// All four functions are called concurrently, for different jobs. `routed` and `dropped` are called on any thread,
/// `started` and `finished` on the worker's strand. (If a handler's coroutine has moved to another executor by itself,
/// `finished` is called there.)
///
/// The functions must not throw, block or use the pool. They delay the jobs by the time that they take.
template <typename O>
concept Observer =
    std::copy_constructible<O> && requires(O& observer, const RoutedEvent& routed, const StartedEvent& started,
                                           const FinishedEvent& finished, const DroppedEvent& dropped) {
        { observer.routed(routed) } noexcept;
        { observer.started(started) } noexcept;
        { observer.finished(finished) } noexcept;
        { observer.dropped(dropped) } noexcept;
    };

/// A selection policy that leaves the choice to Policy and reports each routed job to an observer. Give the observer to
/// spawn_workers(), too: from there it receives the other events.
///
///     auto workers = dispatch::spawn_workers<Request, Response>(executor, 4, handle, {}, observer);
///     dispatch::WorkerPool<Request, Response, dispatch::Observed<MyObserver>> pool{
///         std::move(workers), {}, dispatch::Observed{observer}};
template <Observer O, SelectionPolicy Policy = LeastLoaded>
class Observed {
  public:
    /// Makes a policy that asks policy, and reports to observer.
    explicit Observed(O observer, Policy policy = {}) : observer_{std::move(observer)}, policy_{std::move(policy)} {}

    /// Returns the choice of the policy.
    template <LoadView V>
    Choice pick(const V& view, Purpose purpose) noexcept {
        return policy_.pick(view, purpose);
    }

    /// Passes event to the observer. The pool calls this once for each job that it routes.
    void routed(const RoutedEvent& event) noexcept { observer_.routed(event); }

  private:
    O observer_;
    Policy policy_;
};

namespace detail {

/// A policy that is told where each job went.
template <typename Policy>
concept SeesRoutes = requires(Policy& policy, const RoutedEvent& event) { policy.routed(event); };

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_OBSERVER_HPP
