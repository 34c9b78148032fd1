// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_SHRINK_HPP
#define DISPATCH_TESTS_SIMULATION_SHRINK_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "program.hpp"

namespace sim {

/// Makes a program that fails as short and plain as it can be while it still fails: takes things away,
/// one after the other, as long as that finds something.
class Shrinker {
  public:
    using Fails = std::function<bool(const Program&)>;

    Shrinker(Program program, Fails fails) : program_{std::move(program)}, fails_{std::move(fails)} {}

    Program shrink() {
        for (bool better = true; better && trials_ < most_trials;) {
            better = false;
            for (std::size_t chunk = program_.ops.size(); chunk != 0; chunk /= 2) {
                better |= drop_operations(chunk);
            }
            better |= simplify_jobs();
            better |= simplify_operations();
            better |= simplify_options();
        }
        return program_;
    }

  private:
    /// Keeps candidate if it fails, perhaps in another order.
    bool keep(Program candidate) {
        const std::uint64_t seed = candidate.seed;
        for (const std::uint64_t order : {seed, std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}}) {
            candidate.seed = order;
            ++trials_;
            if (fails_(candidate)) {
                program_ = std::move(candidate);
                return true;
            }
        }
        return false;
    }

    /// The same for program_ with change, unless that changes nothing.
    template <typename Field, typename Value>
    bool set(Field field, Value value) {
        Program candidate = program_;
        if (field(candidate) == value) {
            return false;
        }
        field(candidate) = value;
        return keep(std::move(candidate));
    }

    bool drop_operations(std::size_t chunk) {
        bool better = false;
        for (std::size_t at = 0; at + chunk <= program_.ops.size();) {
            Program candidate = program_;
            const auto from = candidate.ops.begin() + static_cast<std::ptrdiff_t>(at);
            candidate.ops.erase(from, from + static_cast<std::ptrdiff_t>(chunk));
            if (keep(std::move(candidate))) {
                better = true;
            } else {
                at += chunk;
            }
        }
        return better;
    }

    bool simplify_jobs() {
        bool better = false;
        for (std::size_t job = 0; job != program_.jobs.size(); ++job) {
            const auto plan = [job](Program& program) -> JobPlan& { return program.jobs[job]; };
            better |= set([&](Program& p) -> auto& { return plan(p).caller; }, Caller::native);
            better |= set([&](Program& p) -> auto& { return plan(p).try_submit; }, false);
            better |= set([&](Program& p) -> auto& { return plan(p).session; }, std::optional<int>{});
            better |= set([&](Program& p) -> auto& { return plan(p).deadline; }, std::optional<int>{});
            better |= set([&](Program& p) -> auto& { return plan(p).then; }, std::optional<std::size_t>{});
            for (std::size_t step = 0; step < program_.jobs[job].script.size();) {
                Program candidate = program_;
                auto& script = candidate.jobs[job].script;
                script.erase(script.begin() + static_cast<std::ptrdiff_t>(step));
                if (keep(std::move(candidate))) {
                    better = true;
                } else {
                    ++step;
                }
            }
        }
        return better;
    }

    bool simplify_operations() {
        bool better = false;
        for (std::size_t op = 0; op != program_.ops.size(); ++op) {
            better |= set([&](Program& p) -> auto& { return p.ops[op].pause; }, 0);
        }
        return better;
    }

    bool simplify_options() {
        bool better = false;
        better |= set([](Program& p) -> auto& { return p.seed; }, std::uint64_t{0});
        better |= set([](Program& p) -> auto& { return p.creep; }, 0);
        better |= set([](Program& p) -> auto& { return p.apart; }, false);
        better |= set([](Program& p) -> auto& { return p.pool_options.late_binding; }, false);
        better |= set([](Program& p) -> auto& { return p.pool_options.affinity; }, dispatch::Affinity::strict);
        better |= set([](Program& p) -> auto& { return p.workers; }, std::size_t{1});
        better |= set([](Program& p) -> auto& { return p.handler; }, HandlerKind::coroutine);
        better |= set([](Program& p) -> auto& { return p.policy; }, PolicyKind::least_loaded);
        better |= set([](Program& p) -> auto& { return p.worker_options.max_concurrency; }, std::size_t{1});
        better |= set([](Program& p) -> auto& { return p.worker_options.queue_capacity; }, std::size_t{1});
        return better;
    }

    static constexpr int most_trials = 5000;

    Program program_;
    Fails fails_;
    int trials_ = 0;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_SHRINK_HPP
