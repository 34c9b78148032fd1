// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_STREAMS_SHRINK_HPP
#define DISPATCH_TESTS_SIMULATION_STREAMS_SHRINK_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "../shrinking.hpp"
#include "program.hpp"

namespace sim::streams {

/// Makes a program that fails as short and plain as it can be while it still fails.
class Shrinker {
  public:
    Shrinker(Program program, Shrinking<Program>::Fails fails) : shrinking_{std::move(program), std::move(fails)} {}

    Program shrink() {
        for (bool better = true; better && shrinking_.has_patience();) {
            better = shrinking_.drop_in_chunks([](Program& p) -> auto& { return p.ops; });
            for (std::size_t stream = 0; stream != shrinking_.program().streams.size(); ++stream) {
                better |= simplify(stream);
            }
            for (std::size_t op = 0; op != shrinking_.program().ops.size(); ++op) {
                better |= shrinking_.set([=](Program& p) -> auto& { return p.ops[op].pause; }, 0);
            }
            better |= shrinking_.set([](Program& p) -> auto& { return p.seed; }, std::uint64_t{0});
            better |= shrinking_.set([](Program& p) -> auto& { return p.creep; }, 0);
            better |= shrinking_.set([](Program& p) -> auto& { return p.pool_options.late_binding; }, false);
            better |=
                shrinking_.set([](Program& p) -> auto& { return p.pool_options.affinity; }, dispatch::Affinity::strict);
            better |= shrinking_.set([](Program& p) -> auto& { return p.workers; }, std::size_t{1});
            better |= shrinking_.set([](Program& p) -> auto& { return p.handler; }, HandlerKind::erased);
            better |=
                shrinking_.set([](Program& p) -> auto& { return p.worker_options.max_concurrency; }, std::size_t{1});
        }
        return shrinking_.program();
    }

  private:
    bool simplify(std::size_t stream) {
        const auto plan = [stream](Program& p) -> StreamPlan& { return p.streams[stream]; };
        bool better = shrinking_.drop([=](Program& p) -> auto& { return plan(p).writes; });
        better |= shrinking_.drop([=](Program& p) -> auto& { return plan(p).reads; });
        better |= shrinking_.set([=](Program& p) -> auto& { return plan(p).place; }, Place::native);
        better |= shrinking_.set([=](Program& p) -> auto& { return plan(p).try_submit; }, false);
        better |= shrinking_.set([=](Program& p) -> auto& { return plan(p).session; }, std::optional<int>{});
        better |= shrinking_.set([=](Program& p) -> auto& { return plan(p).deadline; }, std::optional<int>{});
        return better | shrinking_.set([=](Program& p) -> auto& { return plan(p).afterwards; }, Afterwards::read_on);
    }

    Shrinking<Program> shrinking_;
};

}  // namespace sim::streams

#endif  // DISPATCH_TESTS_SIMULATION_STREAMS_SHRINK_HPP
