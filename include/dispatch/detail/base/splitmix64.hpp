// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_BASE_SPLITMIX64_HPP
#define DISPATCH_DETAIL_BASE_SPLITMIX64_HPP

#include <cstddef>
#include <cstdint>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014): a counter that goes up
/// by increment, and a mix of its bits. The numbers follow from the seed, the same with every standard library.
class SplitMix64 {
  public:
    static constexpr std::uint64_t increment = 0x9e3779b97f4a7c15ULL;

    static constexpr std::uint64_t mix(std::uint64_t counter) noexcept {
        std::uint64_t z = counter;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }

    explicit SplitMix64(std::uint64_t seed) noexcept : counter_{seed} {}

    std::uint64_t next() noexcept { return mix(counter_ += increment); }

    /// 0 ... limit - 1.
    std::size_t below(std::size_t limit) noexcept { return static_cast<std::size_t>(next() % limit); }

    /// True in so many cases of 100.
    bool chance(unsigned percent) noexcept { return below(100) < percent; }

  private:
    std::uint64_t counter_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_BASE_SPLITMIX64_HPP
