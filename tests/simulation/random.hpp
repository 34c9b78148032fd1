// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_RANDOM_HPP
#define DISPATCH_TESTS_SIMULATION_RANDOM_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace sim {

/// Numbers that follow from a seed, and are the same with every standard library: SplitMix64 (Steele, Lea
/// and Flood, 2014).
class SeededBits {
  public:
    explicit SeededBits(std::uint64_t seed) noexcept : state_{seed} {}

    std::uint64_t next() noexcept {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }

  private:
    std::uint64_t state_;
};

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

using Random = Choices<SeededBits>;

}  // namespace sim

#endif  // DISPATCH_TESTS_SIMULATION_RANDOM_HPP
