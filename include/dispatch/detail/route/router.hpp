// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_ROUTE_ROUTER_HPP
#define DISPATCH_DETAIL_ROUTE_ROUTER_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <dispatch/affinity.hpp>
#include <dispatch/detail/base/assert.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/route/admission.hpp>
#include <dispatch/detail/route/worker_load.hpp>
#include <dispatch/detail/route/worker_set.hpp>
#include <dispatch/observer.hpp>
#include <dispatch/options.hpp>
#include <dispatch/selection.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Where a job goes, or why it goes nowhere. Only an accepted job is counted in the worker's load.
struct Route {
    enum class Verdict : std::uint8_t { accepted, queue_full, closed };
    Verdict verdict;
    SessionVerdict session;
    std::size_t worker;
};

/// Decides for each job which worker gets it, and counts it there in the same step. Thread-safe.
template <SelectionPolicy Policy, typename Clock>
class Router {
  public:
    /// workers and admission outlive this.
    Router(const WorkerSet& workers, const Admission& admission, const PoolOptions& options, Policy policy)
        : workers_{workers}, admission_{admission}, policy_{std::move(policy)} {
        if (options.affinity_ttl.count() > 0) {
            sessions_.emplace(options.affinity_ttl, options.affinity_expiry, options.max_sessions, workers.size());
        }
    }

    /// Throws only when the session map cannot grow; then nothing was counted or pinned.
    /// now() is called if the time matters.
    template <typename Now>
    [[gnu::always_inline]] inline Route route(std::optional<std::string_view> session, Overflow overflow, Now&& now) {
        Route route = session && sessions_ ? route_pinned(*session, overflow, now()) : choose(Purpose::job, overflow);
        if (!admission_.open()) [[unlikely]] {
            // Also where it is full: who hears queue_full may come again.
            if (route.verdict == Route::Verdict::accepted) {
                workers_[route.worker].release();
            }
            route.verdict = Route::Verdict::closed;
        }
        if constexpr (SeesRoutes<Policy>) {
            policy_.routed(RoutedEvent{route.worker, session.value_or(std::string_view{}), route.session,
                                       route.verdict == Route::Verdict::accepted});
        }
        return route;
    }

    /// Sessions that are pinned to a worker.
    std::size_t sessions(std::size_t worker) const noexcept { return sessions_ ? sessions_->sessions(worker) : 0; }

  private:
    /// What a selection policy sees.
    struct View {
        const Router& router;
        std::size_t size() const noexcept { return router.workers_.size(); }
        std::uint32_t load(std::size_t worker) const noexcept { return router.workers_[worker].value(); }
        std::size_t sessions(std::size_t worker) const noexcept { return router.sessions(worker); }
    };

    /// A new session that is refused is not pinned: nobody drives others out of the map by being refused.
    [[gnu::noinline]] Route route_pinned(std::string_view session, Overflow overflow, typename Clock::time_point now) {
        std::optional<Route> fresh;
        const std::optional<std::size_t> worker =
            sessions_->lookup_or_assign(session, now, [&](SessionVerdict verdict) -> std::optional<std::size_t> {
                fresh = choose(Purpose::new_session, overflow);
                fresh->session = verdict;
                return fresh->verdict == Route::Verdict::accepted ? std::optional{fresh->worker} : std::nullopt;
            });
        return fresh ? *fresh : enter(*worker, overflow);
    }

    /// The policy's choice, made anew as long as the load that it saw has moved meanwhile.
    [[gnu::always_inline]] inline Route choose(Purpose purpose, Overflow overflow) noexcept {
        for (;;) {
            Choice choice = policy_.pick(View{*this}, purpose);
            DISPATCH_ASSERT(
                choice.worker < workers_.size(),
                "a SelectionPolicy chose a worker that there is not: they are numbered from 0 to size() - 1");
            if (workers_[choice.worker].full(choice.load)) [[unlikely]] {
                // Another worker may have a place: nobody waits or is refused then.
                const std::optional<Choice> room = workers_.least_loaded_with_room();
                if (!room && overflow == Overflow::reject) {
                    return {Route::Verdict::queue_full, SessionVerdict::none, choice.worker};
                }
                choice = room.value_or(choice);
            }
            if (workers_[choice.worker].try_reserve(choice.load)) {
                return {Route::Verdict::accepted, SessionVerdict::none, choice.worker};
            }
        }
    }

    Route enter(std::size_t worker, Overflow overflow) noexcept {
        WorkerLoad& load = workers_[worker];
        if (overflow == Overflow::wait) {
            load.reserve();
            return {Route::Verdict::accepted, SessionVerdict::hit, worker};
        }
        std::uint32_t seen = load.value();
        while (!load.full(seen)) {
            if (load.try_reserve(seen)) {
                return {Route::Verdict::accepted, SessionVerdict::hit, worker};
            }
        }
        return {Route::Verdict::queue_full, SessionVerdict::hit, worker};
    }

    const WorkerSet& workers_;
    const Admission& admission_;
    Policy policy_;
    std::optional<SessionMap<Clock>> sessions_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_ROUTE_ROUTER_HPP
