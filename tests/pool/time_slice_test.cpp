// SPDX-License-Identifier: Apache-2.0
//
// A turn ends after 200 us and the step at hand, and looks at the clock as rarely as that allows.
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/execute/time_slice.hpp>
#include <dispatch/pool.hpp>

#include "../support/asio.hpp"

namespace {

namespace net = dispatch::net;
using namespace std::chrono_literals;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

/// Stands still until it is moved, and counts who looks at it. Has the time points of the steady clock.
struct CountedClock : std::chrono::steady_clock {
    static time_point now() noexcept {
        ++looks;
        return at;
    }
    static inline time_point at{1h};
    static inline std::size_t looks = 0;
};

}  // namespace

template <>
struct dispatch::TimeSource<net::io_context::executor_type> {
    using Clock = CountedClock;
    using Timer = net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>,
                                            net::io_context::executor_type>;
};

namespace {

using dispatch::detail::TaskDuration;
using TimeSlice = dispatch::detail::TimeSlice<CountedClock>;

struct Taken {
    std::size_t steps = 0;
    std::size_t looks = 0;
    nanoseconds time{};
};

/// Takes steps of length(n) for the n-th, until the turn is over or there were most.
template <typename Length>
Taken take(TaskDuration& learnt, const Length& length, std::size_t most = 10'000) {
    const auto start = CountedClock::at;
    const std::size_t looks = CountedClock::looks;
    TimeSlice turn{learnt};
    Taken taken;
    do {
        CountedClock::at += length(taken.steps++);
    } while (turn.spend(1) != 0 && taken.steps != most);
    taken.looks = CountedClock::looks - looks;
    taken.time = CountedClock::at - start;
    return taken;
}

TEST(TimeSlice, EndsAfterItsTimeAndTheStepAtHand) {
    for (const nanoseconds step : {nanoseconds{200}, nanoseconds{3us}, nanoseconds{30us}, nanoseconds{150us},
                                   nanoseconds{200us}, nanoseconds{1ms}, nanoseconds{1s}}) {
        TaskDuration learnt;
        for (int turn = 0; turn != 20; ++turn) {
            const Taken taken = take(learnt, [&](std::size_t) { return step; });
            EXPECT_GE(taken.time, TimeSlice::longest);
            EXPECT_LT(taken.time, TimeSlice::longest + step) << step.count() << " ns a step, turn " << turn;
        }
    }
}

TEST(TimeSlice, LooksRarelyWhereStepsAreShort) {
    TaskDuration learnt;
    take(learnt, [](std::size_t) { return 170ns; });
    const Taken taken = take(learnt, [](std::size_t) { return 170ns; });
    EXPECT_GT(taken.steps, 1'000U);
    EXPECT_LE(taken.looks, taken.steps / TimeSlice::most_tasks_unseen + 10);
}

TEST(TimeSlice, LooksAfterEachStepWhereTheyAreLong) {
    TaskDuration learnt;
    const auto long_steps = [](std::size_t) { return 1ms; };
    EXPECT_EQ(take(learnt, long_steps).steps, 1U) << "the first turn of all";
    EXPECT_EQ(take(learnt, long_steps).steps, 1U);
}

TEST(TimeSlice, IsLateByWhatIsUnseenWhereStepsBecomeLong) {
    TaskDuration learnt;
    take(learnt, [](std::size_t) { return 170ns; });
    const Taken surprised = take(learnt, [](std::size_t n) { return n < 100 ? nanoseconds{170} : nanoseconds{1ms}; });
    EXPECT_LE(surprised.steps, 100 + TimeSlice::most_tasks_unseen);
    EXPECT_EQ(take(learnt, [](std::size_t) { return 1ms; }).steps, 1U) << "the next turn knows";
}

TEST(TimeSlice, GoesBackToLookingRarely) {
    TaskDuration learnt;
    take(learnt, [](std::size_t) { return 1ms; });
    take(learnt, [](std::size_t) { return 170ns; });
    take(learnt, [](std::size_t) { return 170ns; });
    const Taken taken = take(learnt, [](std::size_t) { return 170ns; });
    EXPECT_LE(taken.looks, taken.steps / TimeSlice::most_tasks_unseen + 10);
}

TEST(TimeSlice, OneLongStepAmongShortOnesEndsItSoon) {
    TaskDuration learnt;
    take(learnt, [](std::size_t) { return 170ns; });
    const Taken taken = take(learnt, [](std::size_t n) { return n == 500 ? nanoseconds{1ms} : nanoseconds{170}; });
    EXPECT_LE(taken.steps, 500 + TimeSlice::most_tasks_unseen);
}

TEST(TimeSlice, AStandingClockNeverEndsIt) {
    TaskDuration learnt;
    const Taken taken = take(learnt, [](std::size_t) { return 0ns; }, 5'000);
    EXPECT_EQ(taken.steps, 5'000U);
}

TEST(TimeSlice, CanBeEnded) {
    TaskDuration learnt;
    TimeSlice turn{learnt};
    EXPECT_NE(turn.spend(0), 0U);
    turn.end();
    EXPECT_EQ(turn.spend(1), 0U);
    EXPECT_EQ(turn.spend(0), 0U) << "for good";
}

TEST(TimeSlice, IsFullAfterManySteps) {
    TaskDuration learnt;
    TimeSlice turn{learnt};
    for (std::size_t step = 0; step != TimeSlice::most_tasks; ++step) {
        EXPECT_FALSE(turn.is_full());
        EXPECT_NE(turn.spend(1), 0U);
    }
    EXPECT_TRUE(turn.is_full());
}

/// A worker whose jobs take their time, which is moved by hand.
class LongJobs : public testing::Test {
  protected:
    using Executor = net::io_context::executor_type;
    using Pool = dispatch::WorkerPool<int, int, dispatch::LeastLoaded, Executor>;

    /// How many jobs run before what the first one posts.
    template <typename Handler>
    std::size_t jobs_before_a_post(Handler handler, dispatch::WorkerOptions options = {}) {
        net::io_context io;
        std::size_t ran = 0;
        std::optional<std::size_t> seen;
        const auto work = [&](nanoseconds length) {
            if (ran++ == 0) {
                net::post(io, [&] { seen = ran; });
            }
            CountedClock::at += length;
        };
        Pool pool{dispatch::spawn_workers<int, int, Executor>(
            io.get_executor(), 2, [&](int length) { return handler(work, io, microseconds{length}); }, options)};
        for (int job = 0; job != 400; ++job) {
            pool.submit(std::nullopt, length_, [](std::exception_ptr, int) {});
        }
        io.poll();
        EXPECT_EQ(ran, 400U);
        return seen.value_or(0);
    }

    int length_ = 1000;
};

TEST_F(LongJobs, OfFunctionsLetOthersComeFirst) {
    const std::size_t ran = jobs_before_a_post([](const auto& work, net::io_context&, nanoseconds length) {
        work(length);
        return 0;
    });
    EXPECT_LE(ran, 2U) << "the turn at hand, and the one that was waiting already";
}

TEST_F(LongJobs, OfCoroutinesLetOthersComeFirst) {
    const std::size_t ran =
        jobs_before_a_post([](const auto& work, net::io_context&, nanoseconds length) -> net::awaitable<int> {
            work(length);
            co_return 0;
        });
    EXPECT_LE(ran, 2U);
}

TEST_F(LongJobs, ThatSuspendLetOthersComeFirst) {
    // Each is begun, takes its time, and waits: the worker begins the next.
    const std::size_t ran =
        jobs_before_a_post([](const auto& work, net::io_context& io, nanoseconds length) -> net::awaitable<int> {
            work(length);
            co_await net::post(io, net::use_awaitable);
            co_return 0;
        });
    EXPECT_LE(ran, 4U);
}

TEST_F(LongJobs, ShortOnesShareATurn) {
    length_ = 1;
    const std::size_t ran = jobs_before_a_post([](const auto& work, net::io_context&, nanoseconds length) {
        work(length);
        return 0;
    });
    EXPECT_GE(ran, 32U);
    EXPECT_LE(ran, 400U);
}

}  // namespace
