// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_GENERATOR_HPP
#define DISPATCH_TESTS_SIMULATION_GENERATOR_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "program.hpp"
#include "random.hpp"

namespace sim {

/// Makes a program, of random choices or a fuzzer's. Each program has habits of its own: a feature that is rare in one
/// is frequent in another and absent from a third, or combinations of few features would never come about.
template <typename Choices = Random>
class Generator {
  public:
    explicit Generator(Choices choices) : random_{choices} {}

    Program make() {
        program_.seed = random_.chance(25) ? 0 : random_.next();
        program_.creep = random_.pick({0, 0, 1});
        program_.workers = random_.template pick<std::size_t>({1, 1, 2, 2, 3, 4});
        program_.apart = random_.chance(30);
        program_.handler = random_.pick(
            {HandlerKind::coroutine, HandlerKind::coroutine, HandlerKind::typed_coroutine, HandlerKind::plain});
        program_.policy = random_.pick({PolicyKind::least_loaded, PolicyKind::round_robin, PolicyKind::power_of_two});
        program_.worker_options.max_concurrency = random_.template pick<std::size_t>({1, 1, 2, 3, 4});
        program_.worker_options.queue_capacity = random_.template pick<std::size_t>({1, 1, 2, 3, 8});
        auto& pool = program_.pool_options;
        pool.affinity_ttl = std::chrono::microseconds{random_.pick({0, 5, 20, 100, 1000000})};
        pool.affinity_expiry = random_.pick({dispatch::AffinityExpiry::fixed, dispatch::AffinityExpiry::sliding});
        pool.max_sessions = random_.template pick<std::size_t>({1, 2, 3, 1000});
        pool.overflow = random_.pick({dispatch::Overflow::wait, dispatch::Overflow::reject});
        pool.late_binding = random_.chance(80);
        pool.affinity = random_.chance(40) ? dispatch::Affinity::preferred : dispatch::Affinity::strict;
        pool.miss_cost = std::chrono::microseconds{random_.pick({0, 5, 20, 100})};
        pool.patience = random_.pick({0.0, 0.5, 1.0, 1.0, 2.0});
        pool.max_patience = std::chrono::microseconds{random_.pick({15, 1000000})};
        const int length = random_.pick({3, 10, 30, 60});
        for (int i = 0; i != length; ++i) {
            add_operation();
        }
        return std::move(program_);
    }

  private:
    using Kind = Op::Kind;

    int habit() { return random_.pick({0, 5, 20, 60}); }

    std::size_t add_job(int depth) {
        JobPlan plan;
        plan.caller = random_.chance(callers_) ? static_cast<Caller>(random_.below(7)) : Caller::native;
        plan.try_submit = random_.chance(tries_);
        if (random_.chance(sessions_)) {
            plan.session = random_.between(0, last_session_);
            if (random_.chance(30)) {
                plan.miss_cost = random_.pick({0, 1, 10, 50});
            }
        }
        if (random_.chance(deadlines_)) {
            plan.deadline = random_.pick({-5, 0, 1, 5, 10, 20, 50, 1000});
        }
        for (int steps = random_.pick({0, 0, 1, 1, 2, 3}); steps != 0; --steps) {
            add_step(plan, depth);
        }
        if (depth < 2 && random_.chance(nested_ / 2)) {
            plan.then = add_job(depth + 1);
        }
        program_.jobs.push_back(std::move(plan));
        return program_.jobs.size() - 1;
    }

    void add_step(JobPlan& plan, int depth) {
        Step step{random_.pick({Step::Kind::yield, Step::Kind::sleep, Step::Kind::sleep, Step::Kind::sleep})};
        if (random_.chance(throws_)) {
            step.kind = Step::Kind::fail;
        } else if (random_.chance(stubborn_)) {
            step.kind = random_.pick({Step::Kind::stubborn, Step::Kind::stubborn, Step::Kind::reset});
        } else if (random_.chance(hangs_)) {
            step.kind = Step::Kind::forever;
        } else if (depth < 2 && random_.chance(nested_)) {
            step.kind = random_.pick({Step::Kind::submit, Step::Kind::await});
            step.job = add_job(depth + 1);
        } else if (random_.chance(travels_)) {
            step.kind = random_.pick({Step::Kind::elsewhere, Step::Kind::hop});
        } else if (random_.chance(vanishes_)) {
            step.kind = Step::Kind::vanish;
        } else if (random_.chance(ends_ / 4)) {
            step.kind = random_.pick({Step::Kind::stop, Step::Kind::destroy});
        }
        if (step.kind == Step::Kind::sleep || step.kind == Step::Kind::stubborn || step.kind == Step::Kind::elsewhere ||
            step.kind == Step::Kind::vanish) {
            step.time = random_.pick({1, 5, 10, 20, 100});
        }
        plan.script.push_back(step);
    }

    void add_operation() {
        Op op{Kind::submit, random_.chance(60) ? 0 : random_.pick({1, 2, 3, 5, 10, 30})};
        if (random_.chance(cancels_) && !program_.jobs.empty()) {
            op.kind = random_.pick({Kind::cancel_total, Kind::cancel_partial, Kind::cancel_terminal});
            // Mostly a job that is still under way.
            const std::size_t recent = random_.chance(70) && program_.jobs.size() > 5 ? 5 : program_.jobs.size();
            op.job = program_.jobs.size() - 1 - random_.below(recent);
        } else if (random_.chance(15)) {
            op.kind = Kind::advance;
            op.time = random_.pick({1, 5, 10, 30, 100});
        } else if (random_.chance(5)) {
            op.kind = Kind::rest;
        } else if (random_.chance(ends_)) {
            op.kind = random_.pick({Kind::drain, Kind::drain, Kind::cancel_drain, Kind::stop, Kind::destroy_pool,
                                    Kind::destroy_handles, Kind::destroy_context});
        } else {
            op.job = add_job(0);
        }
        program_.ops.push_back(op);
    }

    Choices random_;
    Program program_;
    const int callers_ = random_.pick({0, 30, 100});
    const int tries_ = habit();
    const int sessions_ = habit();
    const int last_session_ = random_.pick({0, 1, 3, 9});
    const int deadlines_ = habit();
    const int cancels_ = habit();
    const int throws_ = habit();
    const int stubborn_ = habit();
    const int hangs_ = habit() / 4;
    const int nested_ = habit() / 2;
    const int travels_ = habit() / 2;
    const int vanishes_ = habit() / 4;
    const int ends_ = random_.pick({0, 2, 2, 8});
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_GENERATOR_HPP
