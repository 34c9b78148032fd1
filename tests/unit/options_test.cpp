// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <dispatch/options.hpp>

namespace options_test {

using dispatch::Affinity;
using dispatch::AffinityExpiry;
using dispatch::Overflow;
using dispatch::PoolOptions;
using dispatch::WorkerOptions;

/// What validate() has against options; empty when nothing.
template <typename Options>
std::string complaint(const Options& options) {
    try {
        dispatch::detail::validate(options);
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return {};
}

TEST(Options, DefaultsAreValid) {
    EXPECT_EQ(complaint(WorkerOptions{}), "");
    EXPECT_EQ(complaint(PoolOptions{}), "");
    EXPECT_EQ(WorkerOptions{}.max_concurrency, 256U);
    EXPECT_EQ(WorkerOptions{}.queue_capacity, 1024U);
    EXPECT_EQ(PoolOptions{}.affinity_ttl, std::chrono::seconds{30});
    EXPECT_EQ(PoolOptions{}.overflow, Overflow::wait);
    EXPECT_EQ(PoolOptions{}.affinity, Affinity::strict);
    EXPECT_EQ(PoolOptions{}.miss_cost, std::chrono::nanoseconds{0});
    EXPECT_EQ(PoolOptions{}.patience, 1);
    EXPECT_EQ(PoolOptions{}.max_patience, std::chrono::hours{1});
    EXPECT_EQ(dispatch::SubmitOptions{}.miss_cost, std::nullopt);
    EXPECT_EQ(dispatch::SubmitOptions{}.report, nullptr);
}

TEST(Options, LimitsAreInTheRange) {
    constexpr std::size_t most = std::size_t{1} << 30;
    EXPECT_EQ(complaint(WorkerOptions{.max_concurrency = 1, .queue_capacity = 1}), "");
    EXPECT_EQ(complaint(WorkerOptions{.max_concurrency = most, .queue_capacity = most}), "");
    EXPECT_EQ(complaint(PoolOptions{.max_sessions = 1}), "");
    EXPECT_EQ(complaint(PoolOptions{.max_sessions = std::size_t{1} << 31}), "");
    EXPECT_EQ(complaint(PoolOptions{.affinity_ttl = std::chrono::nanoseconds{0}}), "");
    EXPECT_EQ(complaint(PoolOptions{.affinity_ttl = std::chrono::nanoseconds::max()}), "");
    EXPECT_EQ(complaint(PoolOptions{.affinity = Affinity::preferred}), "");
    EXPECT_EQ(complaint(PoolOptions{.miss_cost = std::chrono::nanoseconds::max()}), "");
    EXPECT_EQ(complaint(PoolOptions{.max_patience = std::chrono::nanoseconds{0}}), "");
    EXPECT_EQ(complaint(PoolOptions{.max_patience = std::chrono::nanoseconds::max()}), "");
    EXPECT_EQ(complaint(PoolOptions{.patience = 0}), "");
    EXPECT_EQ(complaint(PoolOptions{.patience = -0.0}), "");
    EXPECT_EQ(complaint(PoolOptions{.patience = std::numeric_limits<double>::max()}), "");
    EXPECT_EQ(complaint(PoolOptions{.patience = std::numeric_limits<double>::infinity()}), "") << "max_patience, then";
}

TEST(Options, ComplaintsNameTheFieldTheValueAndTheRange) {
    EXPECT_EQ(complaint(WorkerOptions{.max_concurrency = 0}),
              "WorkerOptions::max_concurrency is 0: it must be from 1 to 1073741824");
    EXPECT_EQ(complaint(WorkerOptions{.max_concurrency = (std::size_t{1} << 30) + 1}),
              "WorkerOptions::max_concurrency is 1073741825: it must be from 1 to 1073741824");
    EXPECT_EQ(complaint(WorkerOptions{.queue_capacity = 0}),
              "WorkerOptions::queue_capacity is 0: it must be from 1 to 1073741824");
    EXPECT_EQ(complaint(WorkerOptions{.queue_capacity = static_cast<std::size_t>(-1)}),
              "WorkerOptions::queue_capacity is 18446744073709551615: it must be from 1 to 1073741824");
    EXPECT_EQ(complaint(PoolOptions{.max_sessions = 0}),
              "PoolOptions::max_sessions is 0: it must be from 1 to 2147483648");
    EXPECT_EQ(complaint(PoolOptions{.affinity_ttl = std::chrono::nanoseconds{-1}}),
              "PoolOptions::affinity_ttl is -1 ns: it must not be negative (0 turns affinity off)");
    EXPECT_EQ(complaint(PoolOptions{.affinity_expiry = static_cast<AffinityExpiry>(7)}),
              "PoolOptions::affinity_expiry is 7: it must be AffinityExpiry::fixed or AffinityExpiry::sliding");
    EXPECT_EQ(complaint(PoolOptions{.overflow = static_cast<Overflow>(9)}),
              "PoolOptions::overflow is 9: it must be Overflow::wait or Overflow::reject");
    EXPECT_EQ(complaint(PoolOptions{.affinity = static_cast<Affinity>(2)}),
              "PoolOptions::affinity is 2: it must be Affinity::strict or Affinity::preferred");
    EXPECT_EQ(complaint(PoolOptions{.miss_cost = std::chrono::nanoseconds{-1}}),
              "PoolOptions::miss_cost is -1 ns: it must be 0 or more");
    EXPECT_EQ(complaint(PoolOptions{.max_patience = std::chrono::seconds{-2}}),
              "PoolOptions::max_patience is -2000000000 ns: it must be 0 or more");
    EXPECT_EQ(complaint(PoolOptions{.patience = -1}), "PoolOptions::patience is -1.000000: it must be 0 or more");
    EXPECT_EQ(complaint(PoolOptions{.patience = -std::numeric_limits<double>::infinity()}),
              "PoolOptions::patience is -inf: it must be 0 or more");
    EXPECT_EQ(complaint(PoolOptions{.patience = std::numeric_limits<double>::quiet_NaN()}),
              "PoolOptions::patience is nan: it must be 0 or more");
}

}  // namespace options_test
