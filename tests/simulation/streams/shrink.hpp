// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_STREAMS_SHRINK_HPP
#define DISPATCH_TESTS_SIMULATION_STREAMS_SHRINK_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "program.hpp"

namespace sim::streams {

/// Makes a program that fails as short and plain as it can be while it still fails.
class Shrinker {
  public:
    using Fails = std::function<bool(const Program&)>;

    Shrinker(Program program, Fails fails) : program_{std::move(program)}, fails_{std::move(fails)} {}

    Program shrink() {
        for (bool better = true; better && trials_ < most_trials;) {
            better = drop_each([](Program& p) -> auto& { return p.ops; });
            for (std::size_t stream = 0; stream != program_.streams.size(); ++stream) {
                better |= simplify(stream);
            }
            for (std::size_t op = 0; op != program_.ops.size(); ++op) {
                better |= set([=](Program& p) -> auto& { return p.ops[op].pause; }, 0);
            }
            better |= set([](Program& p) -> auto& { return p.seed; }, std::uint64_t{0});
            better |= set([](Program& p) -> auto& { return p.creep; }, 0);
            better |= set([](Program& p) -> auto& { return p.pool_options.late_binding; }, false);
            better |= set([](Program& p) -> auto& { return p.pool_options.affinity; }, dispatch::Affinity::strict);
            better |= set([](Program& p) -> auto& { return p.workers; }, std::size_t{1});
            better |= set([](Program& p) -> auto& { return p.handler; }, HandlerKind::erased);
            better |= set([](Program& p) -> auto& { return p.worker_options.max_concurrency; }, std::size_t{1});
        }
        return program_;
    }

  private:
    bool simplify(std::size_t stream) {
        const auto plan = [stream](Program& p) -> StreamPlan& { return p.streams[stream]; };
        bool better = drop_each([=](Program& p) -> auto& { return plan(p).writes; });
        better |= drop_each([=](Program& p) -> auto& { return plan(p).reads; });
        better |= set([=](Program& p) -> auto& { return plan(p).place; }, Place::native);
        better |= set([=](Program& p) -> auto& { return plan(p).try_submit; }, false);
        better |= set([=](Program& p) -> auto& { return plan(p).session; }, std::optional<int>{});
        better |= set([=](Program& p) -> auto& { return plan(p).deadline; }, std::optional<int>{});
        return better | set([=](Program& p) -> auto& { return plan(p).afterwards; }, Afterwards::read_on);
    }

    bool keep(Program candidate) {
        ++trials_;
        if (!fails_(candidate)) {
            return false;
        }
        program_ = std::move(candidate);
        return true;
    }

    template <typename Field, typename Value>
    bool set(Field field, Value value) {
        Program candidate = program_;
        if (field(candidate) == value) {
            return false;
        }
        field(candidate) = value;
        return keep(std::move(candidate));
    }

    template <typename List>
    bool drop_each(List list) {
        bool better = false;
        for (std::size_t i = 0; i < list(program_).size();) {
            Program candidate = program_;
            list(candidate).erase(list(candidate).begin() + static_cast<std::ptrdiff_t>(i));
            if (keep(std::move(candidate))) {
                better = true;
            } else {
                ++i;
            }
        }
        return better;
    }

    static constexpr int most_trials = 3000;

    Program program_;
    Fails fails_;
    int trials_ = 0;
};

}  // namespace sim::streams

#endif  // DISPATCH_TESTS_SIMULATION_STREAMS_SHRINK_HPP
