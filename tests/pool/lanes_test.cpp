// SPDX-License-Identifier: Apache-2.0
//
// detail/run/lanes.hpp, by way of a pool: how many lanes a worker has.
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"

namespace lanes_test {

namespace net = dispatch::net;
using dispatch::WorkerPool;

enum class Ask { wait, count };

/// Each lane of a worker holds on to the worker's handler: so that knows how many there are.
class LaneCounter : public std::enable_shared_from_this<LaneCounter> {
  public:
    explicit LaneCounter(net::steady_timer& gate) : gate_{&gate} {}

    net::awaitable<long> operator()(Ask ask) {
        if (ask == Ask::wait) {
            dispatch::detail::net_error error;
            co_await gate_->async_wait(net::redirect_error(net::use_awaitable, error));
        }
        latest = weak_from_this();
        co_return weak_from_this().use_count() - 1;
    }

    static inline std::weak_ptr<const LaneCounter> latest;

  private:
    net::steady_timer* gate_;
};

class LanesTest : public testing::Test {
  protected:
    LanesTest() {
        gate.expires_at(std::chrono::steady_clock::time_point::max());
        pool.emplace(dispatch::spawn_workers<Ask, long>(context.get_executor(), 1, LaneCounter{gate},
                                                        {.max_concurrency = 4096, .queue_capacity = 1 << 20}));
    }

    long lanes() {
        long counted = 0;
        submit(Ask::count, [&](const std::exception_ptr& error, long lanes) {
            EXPECT_FALSE(error);
            counted = lanes;
        });
        run();
        return counted;
    }

    template <typename Handler>
    void submit(Ask ask, Handler handler) {
        pool->submit(std::nullopt, ask, std::move(handler));
    }

    void run() {
        context.restart();
        context.poll();
    }

    void burst(std::size_t jobs) {
        for (std::size_t i = 0; i != jobs; ++i) {
            submit(Ask::wait, [this](const std::exception_ptr& error, long /*lanes*/) { ended += error ? 0 : 1; });
        }
        run();
        ASSERT_EQ(pool->worker_metrics()[0].inflight, jobs);
    }

    void end_burst() {
        gate.cancel();
        run();
    }

    net::io_context context;
    net::steady_timer gate{context};
    std::optional<WorkerPool<Ask, long>> pool;
    std::size_t ended = 0;
};

TEST_F(LanesTest, OneIsEnoughForOneJobAtATime) {
    for (int i = 0; i != 10; ++i) {
        EXPECT_EQ(lanes(), 1);
    }
}

TEST_F(LanesTest, ThereIsOneForEachJobInProgress) {
    burst(20);
    EXPECT_EQ(lanes(), 21);
    end_burst();
    EXPECT_EQ(ended, 20U);
    EXPECT_EQ(lanes(), 21) << "some are kept for the next burst";
}

TEST_F(LanesTest, ABurstLeavesFewBehind) {
    burst(3000);
    EXPECT_EQ(lanes(), 3001);
    end_burst();
    EXPECT_EQ(ended, 3000U);
    EXPECT_LE(lanes(), 260);
}

TEST_F(LanesTest, BurstsFollowOneAnother) {
    for (std::size_t i = 1; i != 6; ++i) {
        burst(i * 150);
        end_burst();
    }
    EXPECT_EQ(ended, 150U * 15U);
    EXPECT_EQ(pool->worker_metrics()[0].inflight, 0U);
    EXPECT_LE(lanes(), 260);
}

/// A cancellation finds its way to the strand when the lane that it was for is no more.
TEST_F(LanesTest, ACancellationComesAfterItsLaneHasGone) {
    std::vector<net::cancellation_signal> signals(1000);
    std::size_t heard = 0;
    for (auto& signal : signals) {
        submit(Ask::wait, net::bind_cancellation_slot(
                              signal.slot(), [&](const std::exception_ptr& /*error*/, long /*lanes*/) { ++heard; }));
    }
    run();
    gate.cancel();  // the handlers end on the strand, and the cancellations queue up behind
    context.restart();
    for (std::size_t ran = 0; heard != signals.size(); ++ran) {
        if (ran % 3 == 0) {
            signals[ran % signals.size()].emit(net::cancellation_type::terminal);
        }
        ASSERT_NE(context.poll_one(), 0U);
    }
    run();
    EXPECT_LE(lanes(), 260);
}

TEST_F(LanesTest, AllEndWithThePool) {
    burst(200);
    EXPECT_EQ(lanes(), 201);
    ASSERT_FALSE(LaneCounter::latest.expired());
    pool.reset();
    run();
    EXPECT_EQ(ended, 200U) << "the handlers answer as they like";
    EXPECT_TRUE(LaneCounter::latest.expired()) << "a lane is left, which holds it";
}

TEST_F(LanesTest, ThoseThatAreLeftGoWithTheContext) {
    burst(200);
    end_burst();
    burst(100);
    // The pool goes first, then the gate for which they wait, then the context with what is left.
}

/// Two threads, and many lanes that come and go; what a deadline cancels may have ended.
TEST(LanesStressTest, LanesComeAndGo) {
    net::thread_pool threads{2};
    auto wait = [](int microseconds) -> net::awaitable<int> {
        net::steady_timer timer{co_await net::this_coro::executor, std::chrono::microseconds{microseconds}};
        co_await timer.async_wait(net::use_awaitable);
        co_return microseconds;
    };
    int answered = 0;
    {
        WorkerPool<int, int> pool{
            dispatch::spawn_workers<int, int>(threads.get_executor(), 1, wait, {.max_concurrency = 1024})};
        auto client = [&pool](int number) -> net::awaitable<int> {
            int heard = 0;
            for (int i = 0; i != 3; ++i) {
                const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{2};
                try {
                    co_await pool.submit({.deadline = deadline}, (number + i) % 5 * 1000, net::use_awaitable);
                } catch (const std::system_error& e) {
                    EXPECT_EQ(e.code(), dispatch::errc::deadline_exceeded);
                }
                ++heard;
            }
            co_return heard;
        };
        std::vector<std::future<int>> clients;
        for (int number = 0; number != 300; ++number) {
            clients.push_back(net::co_spawn(threads, client(number), net::use_future));
        }
        for (auto& done : clients) {
            answered += done.get();
        }
    }
    threads.join();
    EXPECT_EQ(answered, 900);
}

}  // namespace lanes_test
