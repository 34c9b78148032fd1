// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_OBSERVER_HPP
#define DISPATCH_OBSERVER_HPP

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string_view>
#include <system_error>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/selection.hpp>

namespace dispatch::inline DISPATCH_ABI {

/// What the session map knew of a job's session.
enum class SessionVerdict : std::uint8_t {
    none,     ///< the job has no session, or the pool no affinity
    hit,      ///< it was pinned, and the job went where it is pinned
    fresh,    ///< it was not known, and has been pinned now
    expired,  ///< its pin had ended (and was not forgotten yet: then it is fresh), and it has been pinned anew
};

/// A job has got its worker, or was refused.
struct RoutedEvent {
    /// Its id.
    std::size_t worker;
    /// Empty: none. Valid during the call, as in the events below.
    std::string_view session;
    /// What was known of it.
    SessionVerdict verdict;
    /// False: the worker's queue is full, or the pool closed. The submitter hears errc::queue_full or errc::stopped.
    bool accepted;
};

/// A worker begins to run a job.
struct StartedEvent {
    /// Its id.
    std::size_t worker;
    /// Empty: none.
    std::string_view session;
    /// From submit to now.
    std::chrono::steady_clock::duration queued;
};

/// A worker has run a job.
struct FinishedEvent {
    /// Its id.
    std::size_t worker;
    /// Empty: none.
    std::string_view session;
    /// From submit to the handler's start.
    std::chrono::steady_clock::duration queued;
    /// From the handler's start to its end, suspended or not.
    std::chrono::steady_clock::duration ran;
    /// What the handler has thrown; null: it returned a response.
    std::exception_ptr error;
};

/// A job has left its worker's queue, and will not be run.
struct DroppedEvent {
    /// Its id.
    std::size_t worker;
    /// Empty: none.
    std::string_view session;
    /// From submit to now.
    std::chrono::steady_clock::duration queued;
    /// What its submitter hears: operation_aborted (it was cancelled), errc::deadline_exceeded or errc::stopped; or
    /// std::errc::not_enough_memory for std::bad_alloc.
    std::error_code why;
};

/// Sees every job that is routed, started and finished: for logs, traces, histograms. It is copied to where it is
/// needed (each worker, and the policy), so it usually points to what it feeds.
///
/// A job that is routed and accepted is either dropped, or started and then finished; but one whose execution context
/// is destroyed meanwhile has no end. routed and dropped are called on any thread; started and finished on the worker's
/// strand: all of them at once with one another for different jobs. What they do takes its time from the jobs, and they
/// must not throw, wait, or use the pool.
template <typename O>
concept Observer =
    std::copy_constructible<O> && requires(O& observer, const RoutedEvent& routed, const StartedEvent& started,
                                           const FinishedEvent& finished, const DroppedEvent& dropped) {
        { observer.routed(routed) } noexcept;
        { observer.started(started) } noexcept;
        { observer.finished(finished) } noexcept;
        { observer.dropped(dropped) } noexcept;
    };

/// A policy whose choices an observer sees. The other half is spawn_workers(..., observer):
///
///     auto workers = dispatch::spawn_workers<Request, Response>(executor, 4, handle, {}, observer);
///     dispatch::WorkerPool<Request, Response, dispatch::Observed<MyObserver>> pool{
///         std::move(workers), {}, dispatch::Observed{observer}};
template <Observer O, SelectionPolicy Policy = LeastLoaded>
class Observed {
  public:
    /// policy chooses, and observer hears of it.
    explicit Observed(O observer, Policy policy = {}) : observer_{std::move(observer)}, policy_{std::move(policy)} {}

    /// The policy's choice.
    template <LoadView V>
    Choice pick(const V& view, Purpose purpose) noexcept {
        return policy_.pick(view, purpose);
    }

    /// Called by the pool for each job that is submitted.
    void routed(const RoutedEvent& event) noexcept { observer_.routed(event); }

  private:
    O observer_;
    Policy policy_;
};

namespace detail {

/// A policy that wants to know where jobs went.
template <typename Policy>
concept SeesRoutes = requires(Policy& policy, const RoutedEvent& event) { policy.routed(event); };

}  // namespace detail

}  // namespace dispatch::inline DISPATCH_ABI

#endif  // DISPATCH_OBSERVER_HPP
