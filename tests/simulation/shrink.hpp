// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_SHRINK_HPP
#define DISPATCH_TESTS_SIMULATION_SHRINK_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "program.hpp"
#include "shrinking.hpp"

namespace sim {

/// Makes a program that fails as short and plain as it can be while it still fails: takes things away,
/// one after the other, as long as that finds something.
class Shrinker {
  public:
    Shrinker(Program program, Shrinking<Program>::Fails fails) : shrinking_{std::move(program), std::move(fails)} {}

    Program shrink() {
        for (bool better = true; better && shrinking_.has_patience();) {
            better = shrinking_.drop_in_chunks([](Program& p) -> auto& { return p.ops; });
            better |= simplify_jobs();
            better |= simplify_operations();
            better |= simplify_options();
        }
        return shrinking_.program();
    }

  private:
    bool simplify_jobs() {
        bool better = false;
        for (std::size_t job = 0; job != shrinking_.program().jobs.size(); ++job) {
            const auto plan = [job](Program& program) -> JobPlan& { return program.jobs[job]; };
            better |= shrinking_.set([&](Program& p) -> auto& { return plan(p).caller; }, Caller::native);
            better |= shrinking_.set([&](Program& p) -> auto& { return plan(p).try_submit; }, false);
            better |= shrinking_.set([&](Program& p) -> auto& { return plan(p).session; }, std::optional<int>{});
            better |= shrinking_.set([&](Program& p) -> auto& { return plan(p).deadline; }, std::optional<int>{});
            better |= shrinking_.set([&](Program& p) -> auto& { return plan(p).then; }, std::optional<std::size_t>{});
            better |= shrinking_.drop([&](Program& p) -> auto& { return plan(p).script; });
        }
        return better;
    }

    bool simplify_operations() {
        bool better = false;
        for (std::size_t op = 0; op != shrinking_.program().ops.size(); ++op) {
            better |= shrinking_.set([&](Program& p) -> auto& { return p.ops[op].pause; }, 0);
        }
        return better;
    }

    bool simplify_options() {
        bool better = false;
        better |= shrinking_.set([](Program& p) -> auto& { return p.seed; }, std::uint64_t{0});
        better |= shrinking_.set([](Program& p) -> auto& { return p.creep; }, 0);
        better |= shrinking_.set([](Program& p) -> auto& { return p.apart; }, false);
        better |= shrinking_.set([](Program& p) -> auto& { return p.pool_options.late_binding; }, false);
        better |=
            shrinking_.set([](Program& p) -> auto& { return p.pool_options.affinity; }, dispatch::Affinity::strict);
        better |= shrinking_.set([](Program& p) -> auto& { return p.workers; }, std::size_t{1});
        better |= shrinking_.set([](Program& p) -> auto& { return p.handler; }, HandlerKind::coroutine);
        better |= shrinking_.set([](Program& p) -> auto& { return p.policy; }, PolicyKind::least_loaded);
        better |= shrinking_.set([](Program& p) -> auto& { return p.worker_options.max_concurrency; }, std::size_t{1});
        better |= shrinking_.set([](Program& p) -> auto& { return p.worker_options.queue_capacity; }, std::size_t{1});
        return better;
    }

    Shrinking<Program> shrinking_;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_SHRINK_HPP
