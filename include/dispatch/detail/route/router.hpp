// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_ROUTE_ROUTER_HPP
#define DISPATCH_DETAIL_ROUTE_ROUTER_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <dispatch/affinity.hpp>
#include <dispatch/detail/base/assert.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/job/patience.hpp>
#include <dispatch/detail/route/admission.hpp>
#include <dispatch/detail/route/service_times.hpp>
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
    /// The session's other home, or no_worker: where Affinity::preferred has the job wait at one of two.
    std::uint32_t other_home = no_worker;
};

/// Decides for each job which worker gets it, and counts it there in the same step. Thread-safe.
template <SelectionPolicy Policy, typename Clock>
class Router {
  public:
    /// All of them outlive this. sessions is empty where affinity is off.
    Router(const WorkerSet& workers, const Admission& admission, std::optional<SessionMap<Clock>>& sessions,
           const ServiceTimes& service_times, Policy policy)
        : workers_{workers},
          admission_{admission},
          sessions_{sessions},
          service_times_{service_times},
          policy_{std::move(policy)} {}

    using SessionKey = typename SessionMap<Clock>::Key;

    /// The key of session, for what follows; empty where there is no session, or no affinity.
    [[gnu::always_inline]] inline std::optional<SessionKey> prefetch(std::optional<std::string_view> session) const {
        return session && sessions_ ? std::optional{sessions_->prefetch(*session)} : std::nullopt;
    }

    /// Throws only when the session map cannot grow; then nothing was counted or pinned.
    /// now() is called if the time matters. key is that of session.
    template <typename Now>
    [[gnu::always_inline]] inline Route route(std::optional<std::string_view> session,
                                              const std::optional<SessionKey>& key, Overflow overflow, Now&& now) {
        return admit(key ? route_pinned(*key, overflow, now()) : choose(Purpose::job, overflow), session);
    }

    /// The same with Affinity::preferred, for a job with a session.
    Route route_preferred(std::string_view session, const SessionKey& key, std::chrono::nanoseconds miss_cost,
                          Overflow overflow, typename Clock::time_point now) {
        std::optional<Route> chosen;
        const auto known = [&](const typename SessionMap<Clock>::Homes& homes) {
            chosen = prefer(homes.latest, homes.earlier, miss_cost, overflow);
            return chosen->verdict == Route::Verdict::accepted ? chosen->worker : homes.latest;
        };
        sessions_->lookup_or_assign(key, now, choose_first(chosen, overflow), known);
        return admit(*chosen, session);
    }

    /// Sessions that are pinned to a worker.
    std::size_t sessions(std::size_t worker) const noexcept { return sessions_ ? sessions_->sessions(worker) : 0; }

  private:
    [[gnu::always_inline]] inline Route admit(Route route, std::optional<std::string_view> session) {
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

    /// What a selection policy sees.
    struct View {
        const Router& router;
        std::size_t size() const noexcept { return router.workers_.size(); }
        std::uint32_t load(std::size_t worker) const noexcept { return router.workers_[worker].value(); }
        std::size_t sessions(std::size_t worker) const noexcept { return router.sessions(worker); }
    };

    /// What the session map calls for a session without a pin. One that is refused is not pinned: nobody drives others
    /// out of the map by being refused.
    auto choose_first(std::optional<Route>& chosen, Overflow overflow) noexcept {
        return [this, &chosen, overflow](SessionVerdict verdict) -> std::optional<std::size_t> {
            chosen = choose(Purpose::new_session, overflow);
            chosen->session = verdict;
            return chosen->verdict == Route::Verdict::accepted ? std::optional{chosen->worker} : std::nullopt;
        };
    }

    [[gnu::noinline]] Route route_pinned(const SessionKey& key, Overflow overflow, typename Clock::time_point now) {
        std::optional<Route> fresh;
        const std::optional<std::size_t> worker = sessions_->lookup_or_assign(key, now, choose_first(fresh, overflow));
        return fresh ? *fresh : enter(*worker, overflow);
    }

    /// Where a job of a session with these homes goes: see Affinity::preferred.
    Route prefer(std::size_t latest, std::optional<std::size_t> earlier, std::chrono::nanoseconds miss_cost,
                 Overflow overflow) noexcept {
        // Even one that has a permit may have to wait for it, if others are quicker to queue: so it has another home.
        const std::uint32_t other = earlier ? static_cast<std::uint32_t>(*earlier) : no_worker;
        if (workers_[latest].try_reserve_permit()) {
            return {Route::Verdict::accepted, SessionVerdict::hit, latest, other};
        }
        if (earlier && workers_[*earlier].try_reserve_permit()) {
            return {Route::Verdict::accepted, SessionVerdict::hit, *earlier, static_cast<std::uint32_t>(latest)};
        }
        const auto wait = [this](std::size_t home) {
            const WorkerLoad& load = workers_[home];
            const std::size_t jobs = load.value();
            return service_times_.expected_wait(jobs > load.permits() ? jobs - load.permits() : 0, load.permits());
        };
        const std::chrono::nanoseconds expected = earlier ? std::min(wait(latest), wait(*earlier)) : wait(latest);
        // A permit or a place may have become free at home meanwhile.
        const auto verdict_at = [&](std::size_t worker) {
            return worker == latest || earlier == worker ? SessionVerdict::hit : SessionVerdict::moved;
        };
        if (expected > miss_cost || miss_cost.count() == 0) {
            if (const std::optional<std::size_t> worker = reserve_permit_anywhere()) {
                return {Route::Verdict::accepted, verdict_at(*worker), *worker};
            }
        }
        if (workers_[latest].full(workers_[latest].value())) {
            if (earlier && try_enter(*earlier)) {
                return {Route::Verdict::accepted, SessionVerdict::hit, *earlier, static_cast<std::uint32_t>(latest)};
            }
            // Another worker may have a place: nobody waits for one, or is refused, then.
            while (const std::optional<Choice> room = workers_.least_loaded_with_room()) {
                if (std::uint32_t seen = room->load; workers_[room->worker].try_reserve(seen)) {
                    return {Route::Verdict::accepted, verdict_at(room->worker), room->worker};
                }
            }
        }
        Route route = enter(latest, overflow);
        route.other_home = other;
        return route;
    }

    /// Counts a job at a worker where it has a permit, if there is one: the policy's choice, or the least loaded.
    std::optional<std::size_t> reserve_permit_anywhere() noexcept {
        Choice choice = pick(Purpose::new_session);
        for (;;) {
            if (choice.load < workers_[choice.worker].permits() && workers_[choice.worker].try_reserve(choice.load)) {
                return choice.worker;
            }
            const std::optional<Choice> least = workers_.least_loaded_with_permit();
            if (!least) {
                return std::nullopt;
            }
            choice = *least;
        }
    }

    [[gnu::always_inline]] inline Choice pick(Purpose purpose) noexcept {
        const Choice choice = policy_.pick(View{*this}, purpose);
        DISPATCH_ASSERT(choice.worker < workers_.size(),
                        "a SelectionPolicy chose a worker that there is not: they are numbered from 0 to size() - 1");
        return choice;
    }

    /// The policy's choice, made anew as long as the load that it saw has moved meanwhile.
    [[gnu::always_inline]] inline Route choose(Purpose purpose, Overflow overflow) noexcept {
        for (;;) {
            Choice choice = pick(purpose);
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
        return {try_enter(worker) ? Route::Verdict::accepted : Route::Verdict::queue_full, SessionVerdict::hit, worker};
    }

    /// Counts a job there, if it is not full.
    bool try_enter(std::size_t worker) noexcept {
        WorkerLoad& load = workers_[worker];
        std::uint32_t seen = load.value();
        while (!load.full(seen)) {
            if (load.try_reserve(seen)) {
                return true;
            }
        }
        return false;
    }

    const WorkerSet& workers_;
    const Admission& admission_;
    std::optional<SessionMap<Clock>>& sessions_;
    const ServiceTimes& service_times_;
    Policy policy_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_ROUTE_ROUTER_HPP
