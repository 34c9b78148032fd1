// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_ROUTING_MODEL_HPP
#define DISPATCH_TESTS_SIMULATION_ROUTING_MODEL_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "complaints.hpp"
#include "program.hpp"
#include "virtual_time.hpp"

namespace sim {

/// Which sessions are pinned where. now() is the time, which never stands still from one submit to the next, so no two
/// of them expire at once.
class SessionsModel {
  public:
    SessionsModel(const dispatch::PoolOptions& options, const std::function<Time()>& now)
        : options_{options}, now_{now} {}

    bool enabled() const noexcept { return options_.affinity_ttl.count() > 0; }

    struct Homes {
        std::size_t latest;
        std::optional<std::size_t> earlier;
    };

    /// Where session is pinned; with sliding expiry the pin begins anew.
    std::optional<Homes> find(int session) {
        std::erase_if(pins_, [this](const auto& pin) { return pin.second.expiry <= now_(); });
        const auto pin = pins_.find(session);
        if (pin == pins_.end()) {
            return std::nullopt;
        }
        if (options_.affinity_expiry == dispatch::AffinityExpiry::sliding) {
            pin->second.expiry = now_() + options_.affinity_ttl;
        }
        return pin->second.homes;
    }

    /// A job of session, which was pinned when it came, starts on worker.
    void move(int session, std::size_t worker) {
        if (const auto pin = pins_.find(session); pin != pins_.end() && pin->second.homes.latest != worker) {
            pin->second.homes = {worker, pin->second.homes.latest};
        }
    }

    void pin(int session, std::size_t worker) {
        if (pins_.size() == options_.max_sessions) {
            pins_.erase(std::min_element(pins_.begin(), pins_.end(), [](const auto& a, const auto& b) {
                return a.second.expiry < b.second.expiry;
            }));
        }
        pins_[session] = {{worker, std::nullopt}, now_() + options_.affinity_ttl};
    }

    std::size_t size() const noexcept { return pins_.size(); }

  private:
    struct Pin {
        Homes homes;
        Time expiry;
    };

    const dispatch::PoolOptions& options_;
    const std::function<Time()>& now_;
    std::map<int, Pin> pins_;
};

/// Whether a policy has chosen as it says.
class PolicyModel {
  public:
    PolicyModel(PolicyKind kind, std::size_t limit) : kind_{kind}, limit_{limit} {}

    /// chosen is empty when the job was refused.
    void check(const std::vector<std::size_t>& loads, bool new_session, std::optional<std::size_t> chosen,
               Complaints& complaints) {
        switch (kind_) {
            case PolicyKind::least_loaded:
                return least_loaded(loads, new_session, chosen, complaints);
            case PolicyKind::round_robin:
                return round_robin(loads, chosen, complaints);
            case PolicyKind::power_of_two:
                return power_of_two(loads, chosen, complaints);
        }
    }

    /// It may have been asked for a worker that was not taken.
    void forget() { last_.reset(); }

  private:
    using Loads = std::vector<std::size_t>;

    static std::size_t first_least(const Loads& loads) {
        return static_cast<std::size_t>(std::min_element(loads.begin(), loads.end()) - loads.begin());
    }

    void least_loaded(const Loads& loads, bool new_session, std::optional<std::size_t> chosen, Complaints& complaints) {
        const std::size_t least = loads[first_least(loads)];
        complaints.unless(!chosen || loads[*chosen] == least, "LeastLoaded chose worker ", chosen.value_or(0),
                          ", which was not the least loaded");
        if (new_session) {
            // Among equals it goes by sessions, of which it counts some that have expired.
            last_ = chosen;
            return;
        }
        if (!last_) {
            last_ = chosen;
            return;
        }
        std::size_t expected = (*last_ + 1) % loads.size();
        while (loads[expected] != least) {
            expected = (expected + 1) % loads.size();
        }
        complaints.unless(!chosen || *chosen == expected, "LeastLoaded chose worker ", chosen.value_or(0),
                          "; the next in turn was ", expected);
        last_ = expected;
    }

    void round_robin(const Loads& loads, std::optional<std::size_t> chosen, Complaints& complaints) {
        if (!last_) {
            if (*std::max_element(loads.begin(), loads.end()) < limit_) {
                last_ = chosen;
            }
            return;
        }
        std::size_t expected = (*last_ + 1) % loads.size();
        last_ = expected;
        if (loads[expected] >= limit_ && loads[first_least(loads)] < limit_) {
            expected = first_least(loads);
        }
        complaints.unless(!chosen || *chosen == expected, "RoundRobin chose worker ", chosen.value_or(0),
                          "; the next in turn was ", expected);
    }

    void power_of_two(const Loads& loads, std::optional<std::size_t> chosen, Complaints& complaints) {
        if (!chosen || loads.size() == 1) {
            return;
        }
        for (std::size_t other = 0; other != loads.size(); ++other) {
            if (other != *chosen && loads[other] >= loads[*chosen]) {
                return;
            }
        }
        complaints.add("PowerOfTwoChoices chose worker ", *chosen, ", which was the most loaded");
    }

    const PolicyKind kind_;
    const std::size_t limit_;
    /// The last pick, where that is known.
    std::optional<std::size_t> last_ = 0;
};

/// Which worker gets a job.
class RoutingModel {
  public:
    RoutingModel(const Program& program, Complaints& complaints, const std::function<Time()>& now)
        : options_{program.pool_options},
          now_{now},
          concurrency_{concurrency(program)},
          limit_{concurrency_ + program.worker_options.queue_capacity},
          max_sessions_{program.pool_options.max_sessions},
          sessions_{program.pool_options, now},
          policy_{program.policy, limit_},
          complaints_{complaints} {}

    static std::size_t concurrency(const Program& program) {
        return program.handler == HandlerKind::plain ? 1 : program.worker_options.max_concurrency;
    }

    /// What became of a job that was accepted.
    struct Routed {
        /// Another worker than the one to which it was routed may run it: any, from then on; and before that this one.
        std::optional<Time> may_move_from;
        std::optional<std::size_t> other_home;
        /// It was routed past its session's homes.
        bool past_homes = false;
    };

    /// A job came to a pool that is open. chosen: the worker that got it; empty when it was refused.
    Routed routed(std::size_t job, const JobPlan& plan, bool may_wait, const std::vector<std::size_t>& loads,
                  std::optional<std::size_t> chosen) {
        const bool pinnable = plan.session && sessions_.enabled();
        const auto homes = pinnable ? sessions_.find(*plan.session) : std::nullopt;
        if (homes && prefers_homes()) {
            return routed_home(job, plan, may_wait, loads, chosen, *homes);
        }
        if (homes) {
            complaints_.unless(!chosen || chosen == homes->latest, "#", job, " went to worker ", chosen.value_or(0),
                               " though its session is pinned to ", homes->latest);
            admitted(job, loads[homes->latest] < limit_, may_wait, chosen.has_value());
            return {};
        }
        policy_.check(loads, pinnable, chosen, complaints_);
        const bool room = *std::min_element(loads.begin(), loads.end()) < limit_;
        admitted(job, room, may_wait, chosen.has_value());
        complaints_.unless(!room || !chosen || loads[*chosen] < limit_, "#", job, " waits at worker ",
                           chosen.value_or(0), " though another one has a place");
        if (pinnable && chosen) {
            sessions_.pin(*plan.session, *chosen);
        }
        return {may_move_from(!pinnable || prefers_homes() ? Time::min() : Time::max()), std::nullopt, false};
    }

    /// A job of session, routed to another worker, starts on that one.
    void moved(std::optional<int> session, std::size_t worker) {
        if (session && sessions_.enabled()) {
            sessions_.move(*session, worker);
        }
    }

    /// What the pool says of all workers' sessions. Some that have expired may be among them.
    void check_sessions(std::size_t count) {
        if (sessions_.enabled()) {
            complaints_.unless(count >= live_sessions() && count <= max_sessions_, count, " sessions are pinned, not ",
                               sessions_.size(), " to ", max_sessions_);
        }
    }

  private:
    bool prefers_homes() const noexcept { return options_.affinity == dispatch::Affinity::preferred; }

    std::optional<Time> may_move_from(Time time) const noexcept {
        return options_.late_binding && time != Time::max() ? std::optional{time} : std::nullopt;
    }

    /// With Affinity::preferred, for a session that is pinned. Whether waiting is worth it depends on how long handlers
    /// have taken, which this does not follow: either is right, except where a miss costs nothing.
    Routed routed_home(std::size_t job, const JobPlan& plan, bool may_wait, const std::vector<std::size_t>& loads,
                       std::optional<std::size_t> chosen, const SessionsModel::Homes& homes) {
        const auto free = [&](std::size_t worker) { return loads[worker] < concurrency_; };
        const bool any_free = *std::min_element(loads.begin(), loads.end()) < concurrency_;
        const bool room = *std::min_element(loads.begin(), loads.end()) < limit_;
        admitted(job, room, may_wait, chosen.has_value());
        if (!chosen) {
            policy_.forget();
            return {};
        }
        if (free(homes.latest) || (homes.earlier && free(*homes.earlier))) {
            const std::size_t expected = free(homes.latest) ? homes.latest : *homes.earlier;
            complaints_.unless(*chosen == expected, "#", job, " went to worker ", *chosen, " though home ", expected,
                               " is free");
            sessions_.move(*plan.session, *chosen);
            return {};
        }
        policy_.forget();
        const Time::duration miss_cost =
            plan.miss_cost ? Time::duration{std::chrono::microseconds{*plan.miss_cost}} : options_.miss_cost;
        complaints_.unless(miss_cost.count() != 0 || !any_free || free(*chosen), "#", job, " waits at worker ", *chosen,
                           " though a miss costs nothing and another one is free");
        complaints_.unless(*chosen == homes.latest || free(*chosen) || loads[homes.latest] >= limit_, "#", job,
                           " waits at worker ", *chosen, ", which is not its home");
        complaints_.unless(loads[*chosen] < limit_ || !room, "#", job, " waits at worker ", *chosen,
                           " though another one has a place");
        sessions_.move(*plan.session, *chosen);
        if (*chosen != homes.latest && chosen != homes.earlier) {
            return {may_move_from(Time::min()), std::nullopt, true};
        }
        const std::optional<std::size_t> other_home =
            *chosen == homes.latest ? homes.earlier : std::optional<std::size_t>{homes.latest};
        const auto patience =
            std::chrono::duration<double, std::nano>{options_.patience * static_cast<double>(miss_cost.count())};
        const Time::duration wait =
            std::min<Time::duration>(std::chrono::duration_cast<Time::duration>(patience), options_.max_patience);
        return {may_move_from(wait.count() == 0 ? Time::min() : now_() + wait),
                options_.late_binding && wait.count() != 0 ? other_home : std::nullopt, false};
    }

    std::size_t live_sessions() {
        sessions_.find(-1);  // no session's name: lets go of what has expired
        return sessions_.size();
    }

    void admitted(std::size_t job, bool room, bool may_wait, bool accepted) {
        complaints_.unless(accepted || !room, "#", job, " was refused though there is room");
        complaints_.unless(accepted || !may_wait, "#", job, " was refused though it may wait");
        complaints_.unless(!accepted || room || may_wait, "#", job, " was accepted though there is no room");
    }

    const dispatch::PoolOptions& options_;
    const std::function<Time()>& now_;
    const std::size_t concurrency_;
    const std::size_t limit_;
    const std::size_t max_sessions_;
    SessionsModel sessions_;
    PolicyModel policy_;
    Complaints& complaints_;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_ROUTING_MODEL_HPP
