// SPDX-License-Identifier: Apache-2.0
//
// What arrives when: schedules of jobs that are fixed before anything is measured. The numbers are made here from the
// generator's bits, as the standard library's distributions differ from one implementation to the next.
#ifndef DISPATCH_BENCHMARKS_ARRIVALS_HPP
#define DISPATCH_BENCHMARKS_ARRIVALS_HPP

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace bench {

using Seconds = std::chrono::duration<double>;

struct Arrival {
    /// Since the start.
    Seconds due;
    /// How long the job keeps a server busy.
    Seconds service;
    std::uint64_t session;
};

/// A number in (0, 1).
inline double evenly(std::mt19937_64& random) { return (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53; }

inline Seconds exponential(std::mt19937_64& random, Seconds mean) { return -mean * std::log(evenly(random)); }

/// Times of which a few are much longer than most: a Pareto distribution of shape 1.5 that ends at 1000 times its least
/// value. The longest 1 % of the jobs are a fifth of the work, and the variance is ten times that of exponential
/// times.
class BoundedPareto {
  public:
    explicit BoundedPareto(Seconds mean) noexcept : least_{mean / mean_of_least_1()} {}

    Seconds operator()(std::mt19937_64& random) const {
        return least_ * std::pow(1 - evenly(random) * reached(), -1 / shape);
    }

    Seconds least() const noexcept { return least_; }
    Seconds greatest() const noexcept { return least_ * bound; }

  private:
    static constexpr double shape = 1.5;
    static constexpr double bound = 1000;
    /// The share of the unbounded distribution that is below the bound.
    static double reached() noexcept { return 1 - std::pow(bound, -shape); }
    static double mean_of_least_1() noexcept {
        return shape / (shape - 1) * (1 - std::pow(bound, 1 - shape)) / reached();
    }

    Seconds least_;
};

/// Poisson arrivals: so many jobs, on average rate a second, each of a session at random. service(random) is how long
/// one takes. The same seed makes the same schedule.
template <typename Service>
std::vector<Arrival> poisson_arrivals(std::size_t jobs, double rate, std::uint64_t sessions, std::uint64_t seed,
                                      const Service& service) {
    // Generators of their own, so that the jobs of a seed are the same at each rate.
    std::mt19937_64 times{seed};
    std::mt19937_64 what{~seed};
    std::vector<Arrival> arrivals;
    arrivals.reserve(jobs);
    Seconds due{0};
    for (std::size_t i = 0; i != jobs; ++i) {
        due += exponential(times, Seconds{1 / rate});
        const Seconds length = service(what);
        arrivals.push_back({due, length, what() % sessions});
    }
    return arrivals;
}

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_ARRIVALS_HPP
