// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_STAGE_HPP
#define DISPATCH_TESTS_SIMULATION_STAGE_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <stdexcept>

#include <dispatch/simulation.hpp>

#include "virtual_time.hpp"

namespace sim {

/// Where a program is rehearsed: two execution contexts that share one virtual time. One thread.
struct Stage {
    using AwayStrand = net::strand<Executor>;

    /// Those of others than the workers: outlives home.
    std::optional<Context> away;
    /// The workers' and the pool's: a program may destroy it.
    std::optional<Context> home;
    std::optional<AwayStrand> away_strand;
    /// Where to tell what happens, or null.
    std::ostream* out = nullptr;
    std::size_t functions = 0;

    /// seed: of the order in which things run.
    void set_up(std::uint64_t seed) {
        away.emplace(seed);
        home.emplace(dispatch::simulation::beside, *away);
        away_strand.emplace(net::make_strand(Executor{*away}));
    }

    /// After home, and when nothing is left.
    void clear() {
        away_strand.reset();
        away.reset();
    }

    template <typename... Parts>
    void trace(const Parts&... parts) {
        if (out != nullptr) {
            *out << "    " << away->elapsed() / std::chrono::microseconds{1} << " us: ";
            (*out << ... << parts) << '\n';
        }
    }

    /// Runs something that takes so many microseconds; false when nothing is ready.
    bool step(int creep) {
        if (!away->run_one()) {
            return false;
        }
        away->advance(std::chrono::microseconds{creep});
        if (++functions == most_functions) {
            throw std::runtime_error{"the pool does not come to rest"};
        }
        return true;
    }

    /// Moves the time on to when something will be ready; false when nothing ever will be.
    bool pass_time() {
        const Time next = away->next_wait();
        if (next == Time::max()) {
            return false;
        }
        away->advance(next - away->now());
        return true;
    }

    static constexpr std::size_t most_functions = 200000;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_STAGE_HPP
