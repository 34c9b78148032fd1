// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_SIMULATION_EXPLORE_HPP
#define DISPATCH_SIMULATION_EXPLORE_HPP

#include <concepts>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/simulation/context.hpp>

namespace dispatch::inline DISPATCH_ABI::simulation {

/// What explore() throws: a seed with which the program failed.
class SeedFailed : public std::runtime_error {
  public:
    /// For explore().
    SeedFailed(std::uint64_t seed, const std::string& why)
        : std::runtime_error{"seed " + std::to_string(seed) + " fails: " + why +
                             ". To repeat it: simulation::Context context{" + std::to_string(seed) + "}"},
          seed_{seed} {}

    /// Returns the seed.
    std::uint64_t seed() const noexcept { return seed_; }

  private:
    std::uint64_t seed_;
};

/// Runs program(context) with the seeds from 0 to seeds - 1, each on a Context of its own, until it fails: looks for
/// races, in the orders that the seeds lead to.
///
/// program sets up what it tests, calls `context.run()`, and checks what has come of it: `context.what_is_left()`
/// is empty if nothing hangs. It fails by an exception, or by returning false. Context::seed() is the seed that it got.
///
/// @throws SeedFailed At the first failure. What program threw is nested in it (`std::rethrow_if_nested`).
template <std::invocable<Context&> Program>
void explore(std::uint64_t seeds, Program&& program) {
    for (std::uint64_t seed = 0; seed != seeds; ++seed) {
        try {
            Context context{seed};
            using Result = std::invoke_result_t<Program&, Context&>;
            static_assert(
                std::is_void_v<Result> || std::is_same_v<Result, bool>,
                "dispatch: explore() takes a program that returns nothing or bool: one that is a coroutine is to be "
                "started within (co_spawn), and run by context.run()");
            if constexpr (std::is_same_v<Result, bool>) {
                if (!program(context)) {
                    throw std::runtime_error{"the program returned false"};
                }
            } else {
                program(context);
            }
        } catch (const std::exception& error) {
            std::throw_with_nested(SeedFailed{seed, error.what()});
        } catch (...) {
            std::throw_with_nested(SeedFailed{seed, "an exception that is no std::exception"});
        }
    }
}

}  // namespace dispatch::inline DISPATCH_ABI::simulation

#endif  // DISPATCH_SIMULATION_EXPLORE_HPP
