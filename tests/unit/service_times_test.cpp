// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include <dispatch/detail/route/service_times.hpp>

namespace service_times_test {

using namespace std::chrono_literals;
using dispatch::detail::ServiceTimes;
using std::chrono::nanoseconds;

/// Times pass through doubles of seconds.
void expect_about(nanoseconds actual, nanoseconds expected) {
    EXPECT_LE(std::chrono::abs(actual - expected), expected / 1'000'000 + 2ns)
        << actual.count() << " ns, not " << expected.count();
}

/// The mean of the times: a service time more for each queued job.
nanoseconds mean(const ServiceTimes& times) { return times.expected_wait(1, 1) - times.expected_wait(0, 1); }

TEST(ServiceTimes, NothingIsExpectedBeforeAJobHasEnded) {
    const ServiceTimes times;
    EXPECT_EQ(times.expected_wait(0, 1), 0ns);
    EXPECT_EQ(times.expected_wait(1'000, 1), 0ns);
}

TEST(ServiceTimes, TheFirstTimeIsTheMean) {
    ServiceTimes times;
    times.add(4s);
    expect_about(mean(times), 4s);
    expect_about(times.expected_wait(0, 1), 2s);  // half of it is left, as all are the same
}

TEST(ServiceTimes, TheWaitIsWhatIsLeftOfOneAndTheQueuedSharedByThePermits) {
    ServiceTimes times;
    times.add(1s);
    times.add(3s);
    // E[S] = 2, E[S^2] = 5: what is left of one is 5 / 4.
    expect_about(times.expected_wait(0, 1), 1250ms);
    expect_about(times.expected_wait(1, 1), 3250ms);
    expect_about(times.expected_wait(3, 1), 7250ms);
    expect_about(times.expected_wait(0, 5), 250ms);
    expect_about(times.expected_wait(3, 5), 1450ms);
}

TEST(ServiceTimes, RareLongJobsMakeTheWaitLonger) {
    ServiceTimes times;
    for (int i = 0; i != 9; ++i) {
        times.add(0s);
    }
    times.add(10s);
    // E[S] = 1, E[S^2] = 10.
    expect_about(times.expected_wait(0, 1), 5s);
    expect_about(times.expected_wait(2, 1), 7s);
}

TEST(ServiceTimes, AHundredJobsCountAlikeAndThenTheLatestMost) {
    ServiceTimes times;
    for (int i = 0; i != 50; ++i) {
        times.add(1s);
    }
    for (int i = 0; i != 50; ++i) {
        times.add(2s);
    }
    expect_about(mean(times), 1500ms);
    times.add(11'500ms);
    expect_about(mean(times), 1600ms);  // 1.5 + (11.5 - 1.5) / 100
    for (int i = 0; i != 2'000; ++i) {
        times.add(7s);
    }
    EXPECT_LT(std::chrono::abs(mean(times) - 7s), 1ms) << "the old ones are forgotten";
}

TEST(ServiceTimes, HandlersThatTakeNoTimeLetNobodyWait) {
    ServiceTimes times;
    times.add(0ns);
    EXPECT_EQ(times.expected_wait(1'000'000, 1), 0ns);
}

TEST(ServiceTimes, TheLongestTimesDoNotOverflow) {
    ServiceTimes times;
    times.add(nanoseconds::max());
    EXPECT_EQ(times.expected_wait(0, 1), 1'000'000'000s);
    EXPECT_EQ(times.expected_wait(std::numeric_limits<std::uint32_t>::max(), 1), 1'000'000'000s);
    expect_about(times.expected_wait(0, std::size_t{1} << 30), nanoseconds{4'294'967'296});  // 2^62 / 2^30 ns
}

TEST(ServiceTimes, MayBeAddedOnSeveralThreads) {
    ServiceTimes times;
    const auto add = [&] {
        for (int i = 0; i != 10'000; ++i) {
            times.add(2s);
            EXPECT_LE(times.expected_wait(1, 1), 4s);
        }
    };
    std::thread other{add};
    add();
    other.join();
    // An update that is lost leaves the mean between what it was and what it would have been.
    EXPECT_LT(std::chrono::abs(mean(times) - 2s), 1ms);
}

}  // namespace service_times_test
