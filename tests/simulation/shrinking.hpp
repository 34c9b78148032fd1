// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_SHRINKING_HPP
#define DISPATCH_TESTS_SIMULATION_SHRINKING_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace sim {

/// Makes a program that fails shorter and plainer while it still fails. P is copied, and has a seed, of the order in
/// which things run.
template <typename P>
class Shrinking {
  public:
    using Fails = std::function<bool(const P&)>;

    Shrinking(P program, Fails fails) : program_{std::move(program)}, fails_{std::move(fails)} {}

    const P& program() const noexcept { return program_; }
    bool has_patience() const noexcept { return trials_ < most_trials; }

    /// Gives a field of the program that value, if it fails with that as well. field(program) is the field. False when
    /// nothing has changed.
    template <typename Field, typename Value>
    bool set(Field field, Value value) {
        P candidate = program_;
        if (field(candidate) == value) {
            return false;
        }
        field(candidate) = value;
        return keep(std::move(candidate));
    }

    /// Takes elements out of list(program), so many at a time, as long as it fails without them.
    template <typename List>
    bool drop(List list, std::size_t chunk = 1) {
        bool better = false;
        for (std::size_t at = 0; at + chunk <= list(program_).size();) {
            P candidate = program_;
            const auto from = list(candidate).begin() + static_cast<std::ptrdiff_t>(at);
            list(candidate).erase(from, from + static_cast<std::ptrdiff_t>(chunk));
            if (keep(std::move(candidate))) {
                better = true;
            } else {
                at += chunk;
            }
        }
        return better;
    }

    /// The same with ever fewer at a time.
    template <typename List>
    bool drop_in_chunks(List list) {
        bool better = false;
        for (std::size_t chunk = list(program_).size(); chunk != 0; chunk /= 2) {
            better |= drop(list, chunk);
        }
        return better;
    }

  private:
    /// Keeps candidate if it fails, perhaps in another order.
    bool keep(P candidate) {
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

    static constexpr int most_trials = 5000;

    P program_;
    Fails fails_;
    int trials_ = 0;
};

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_SHRINKING_HPP
