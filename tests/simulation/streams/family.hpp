// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_STREAMS_FAMILY_HPP
#define DISPATCH_TESTS_SIMULATION_STREAMS_FAMILY_HPP

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "../random.hpp"
#include "generator.hpp"
#include "print.hpp"
#include "program.hpp"
#include "rehearsal.hpp"
#include "shrink.hpp"

namespace sim::streams {

/// The programs that a Simulation runs: of streams.
template <typename Subject = Real>
struct Family {
    using Program = streams::Program;

    static Program make(std::uint64_t seed) { return Generator{Random{seed}}.make(); }

    static std::vector<std::string> rehearse(const Program& program, std::ostream* trace) {
        return Rehearsal<Subject>{program, trace}.run();
    }

    template <typename Fails>
    static Program shrink(const Program& program, Fails&& fails) {
        return Shrinker{program, std::forward<Fails>(fails)}.shrink();
    }
};

}  // namespace sim::streams

#endif  // DISPATCH_TESTS_SIMULATION_STREAMS_FAMILY_HPP
