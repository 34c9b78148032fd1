// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_BABBLE_HPP
#define GATEWAY_UPSTREAM_BABBLE_HPP

#include <cstdint>
#include <string_view>

namespace gateway {

/// SplitMix64 (Steele, Lea and Flood, 2014). A sequence that is the same everywhere, unlike the standard's
/// distributions.
class Chance {
  public:
    explicit Chance(std::uint64_t seed) : state_{seed} {}

    std::uint64_t next();
    /// From 0 to limit - 1; limit > 0.
    std::uint64_t below(std::uint64_t limit) { return next() % limit; }

  private:
    std::uint64_t state_;
};

/// Words without end, each chosen among those that follow the two before it in a small text (a Markov chain of order
/// two; Shannon, "A Mathematical Theory of Communication", 1948).
class Babble {
  public:
    explicit Babble(std::uint64_t seed);

    /// The next word, with its punctuation.
    std::string_view next();

  private:
    Chance chance_;
    std::string_view before_;
    std::string_view last_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_BABBLE_HPP
