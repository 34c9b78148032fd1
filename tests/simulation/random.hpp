// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_RANDOM_HPP
#define DISPATCH_TESTS_SIMULATION_RANDOM_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include <dispatch/detail/base/splitmix64.hpp>

namespace sim {

/// Choices that are made by the numbers that Bits has.
template <typename Bits>
class Choices : public Bits {
  public:
    using Bits::Bits;
    using Bits::next;

    /// 0 ... limit - 1.
    std::size_t below(std::size_t limit) noexcept { return static_cast<std::size_t>(next() % limit); }

    /// low ... high.
    int between(int low, int high) noexcept {
        return low + static_cast<int>(below(static_cast<std::size_t>(high - low) + 1));
    }

    bool chance(int percent) noexcept { return between(1, 100) <= percent; }

    template <typename T>
    T pick(std::initializer_list<T> values) noexcept {
        return values.begin()[below(values.size())];
    }
};

/// Choices that follow from a seed.
using Random = Choices<dispatch::detail::SplitMix64>;

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_RANDOM_HPP
