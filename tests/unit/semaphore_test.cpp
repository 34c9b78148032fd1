// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/semaphore.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace semaphore_test {

namespace net = dispatch::net;
using dispatch::Permit;
using test::net_error;
using test::poll;

static_assert(!std::is_copy_constructible_v<Permit> && std::is_nothrow_move_constructible_v<Permit>);
static_assert(!std::is_copy_constructible_v<dispatch::Semaphore>);

/// Somebody who waits for a permit, and keeps it.
class Waiter {
  public:
    auto handler() {
        return [record = record_](net_error error, Permit permit) {
            ++record->calls;
            record->error = error;
            record->permit = std::move(permit);
        };
    }

    /// With a cancellation slot.
    auto cancellable() { return net::bind_cancellation_slot(signal.slot(), handler()); }

    int calls() const noexcept { return record_->calls; }
    bool granted() const noexcept { return calls() == 1 && !record_->error && record_->permit; }
    bool aborted() const noexcept {
        return calls() == 1 && record_->error == net::error::operation_aborted && !record_->permit;
    }
    /// Whether the handler is still somewhere.
    bool pending() const noexcept { return record_.use_count() != 1; }
    Permit& permit() noexcept { return record_->permit; }

    net::cancellation_signal signal;

  private:
    struct Record {
        int calls = 0;
        net_error error;
        Permit permit;
    };
    std::shared_ptr<Record> record_ = std::make_shared<Record>();
};

struct Fixture : testing::Test {
    std::optional<net::io_context> context{std::in_place};
    std::optional<dispatch::Semaphore> semaphore{};

    dispatch::Semaphore& make(std::size_t units) { return semaphore.emplace(context->get_executor(), units); }
    void run() { poll(*context); }
};
using Semaphore = Fixture;

TEST_F(Semaphore, TryAcquireTakesUnitsUntilThereAreNone) {
    make(2);
    EXPECT_EQ(semaphore->available(), 2U);
    const Permit one = semaphore->try_acquire();
    const Permit two = semaphore->try_acquire();
    const Permit none = semaphore->try_acquire();
    EXPECT_TRUE(one);
    EXPECT_TRUE(two);
    EXPECT_FALSE(none);
    EXPECT_EQ(semaphore->available(), 0U);
}

TEST_F(Semaphore, APermitGivesItsUnitBackOnce) {
    make(1);
    {
        const Permit permit = semaphore->try_acquire();
        EXPECT_EQ(semaphore->available(), 0U);
    }
    EXPECT_EQ(semaphore->available(), 1U);
    Permit permit = semaphore->try_acquire();
    permit.release();
    EXPECT_FALSE(permit);
    EXPECT_EQ(semaphore->available(), 1U);
    permit.release();
    EXPECT_EQ(semaphore->available(), 1U);
}

TEST_F(Semaphore, MovingAPermitMovesItsUnit) {
    make(2);
    Permit one = semaphore->try_acquire();
    Permit two = semaphore->try_acquire();
    Permit moved{std::move(one)};
    EXPECT_FALSE(one);  // NOLINT(bugprone-use-after-move): that it is empty is promised
    EXPECT_TRUE(moved);
    EXPECT_EQ(semaphore->available(), 0U);
    moved = std::move(two);
    EXPECT_EQ(semaphore->available(), 1U) << "what it held before is given back";
    Permit& same = moved;
    moved = std::move(same);
    EXPECT_TRUE(moved);
    EXPECT_EQ(semaphore->available(), 1U);
}

TEST_F(Semaphore, ADetachedUnitStaysAwayUntilReleased) {
    make(1);
    {
        Permit permit = semaphore->try_acquire();
        permit.detach();
        EXPECT_FALSE(permit);
    }
    EXPECT_EQ(semaphore->available(), 0U);
    semaphore->release();
    EXPECT_EQ(semaphore->available(), 1U);
    semaphore->release();
    EXPECT_EQ(semaphore->available(), 2U) << "it grows";
}

TEST_F(Semaphore, NeverCompletesWithinTheCall) {
    make(1);
    Waiter waiter;
    net::post(*context, [&] {
        semaphore->async_acquire(waiter.handler());
        EXPECT_EQ(waiter.calls(), 0);
        EXPECT_EQ(semaphore->available(), 0U) << "the unit is taken at once";
    });
    run();
    EXPECT_TRUE(waiter.granted());
}

TEST_F(Semaphore, FirstComeFirstServed) {
    make(0);
    std::array<Waiter, 4> waiters;
    for (Waiter& waiter : waiters) {
        semaphore->async_acquire(waiter.handler());
    }
    for (std::size_t served = 0; served != waiters.size(); ++served) {
        run();
        for (std::size_t i = 0; i != waiters.size(); ++i) {
            EXPECT_EQ(waiters[i].granted(), i < served);
        }
        semaphore->release();
    }
    run();
    EXPECT_TRUE(waiters.back().granted());
    EXPECT_EQ(semaphore->available(), 0U);
}

TEST_F(Semaphore, NobodyOvertakesThoseWhoWait) {
    make(1);
    Permit held = semaphore->try_acquire();
    Waiter waiter;
    semaphore->async_acquire(waiter.handler());
    EXPECT_FALSE(semaphore->try_acquire());
    held.release();
    EXPECT_FALSE(semaphore->try_acquire()) << "the unit is the waiter's, who has not heard of it yet";
    EXPECT_EQ(semaphore->available(), 0U);
    run();
    EXPECT_TRUE(waiter.granted());
    waiter.permit().release();
    EXPECT_TRUE(semaphore->try_acquire());
}

TEST_F(Semaphore, AHandlerThatIgnoresItsPermitGivesItBack) {
    make(1);
    int calls = 0;
    semaphore->async_acquire([&](net_error, const Permit& permit) { calls += permit ? 1 : 0; });
    run();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(semaphore->available(), 1U);
}

TEST_F(Semaphore, CompletesOnTheAssociatedExecutor) {
    make(1);
    net::io_context other;
    const test::RecordingExecutor executor{other};
    bool there = false;
    for (const bool waits : {false, true}) {  // for the one unit, which the first round keeps
        semaphore->async_acquire(net::bind_executor(executor, [&](net_error error, Permit permit) {
            there = !error && executor.running_in_this_thread();
            permit.detach();
        }));
        if (waits) {
            EXPECT_TRUE(test::has_work(other)) << "who waits counts as work of the executor";
            semaphore->release();
        }
        run();
        EXPECT_FALSE(there);
        poll(other);
        EXPECT_TRUE(std::exchange(there, false)) << "waits: " << waits;
    }
}

TEST_F(Semaphore, WhoWaitsKeepsTheContextFromRunningOut) {
    make(0);
    Waiter waiter;
    semaphore->async_acquire(waiter.handler());
    EXPECT_TRUE(test::has_work(*context)) << "its run() must not return: the unit may come from elsewhere";
    semaphore->release();
    run();
    EXPECT_TRUE(waiter.granted());
    EXPECT_FALSE(test::has_work(*context));
}

class EachType : public Fixture, public testing::WithParamInterface<net::cancellation_type_t> {};

INSTANTIATE_TEST_SUITE_P(SemaphoreCancellation, EachType,
                         testing::Values(net::cancellation_type::terminal, net::cancellation_type::partial,
                                         net::cancellation_type::total, net::cancellation_type::all));

TEST_P(EachType, AWaiterLeavesTheLine) {
    make(0);
    std::array<Waiter, 3> waiters;
    for (Waiter& waiter : waiters) {
        semaphore->async_acquire(waiter.cancellable());
    }
    waiters[0].signal.emit(GetParam());
    EXPECT_EQ(waiters[0].calls(), 0) << "not from within emit";
    run();
    EXPECT_TRUE(waiters[0].aborted());
    EXPECT_EQ(waiters[1].calls() + waiters[2].calls(), 0);
    semaphore->release();
    run();
    EXPECT_TRUE(waiters[1].granted()) << "the head that left does not block the next";
    waiters[2].signal.emit(GetParam());
    run();
    EXPECT_TRUE(waiters[2].aborted());
    EXPECT_EQ(semaphore->available(), 0U);
    semaphore->release();
    EXPECT_EQ(semaphore->available(), 1U) << "a unit does not go to one who has left";
}

TEST_P(EachType, AGrantedUnitIsNotLost) {
    make(0);
    Waiter waiter;
    semaphore->async_acquire(waiter.cancellable());
    semaphore->release();
    waiter.signal.emit(GetParam());
    run();
    EXPECT_TRUE(waiter.granted());
    waiter.permit().release();
    EXPECT_EQ(semaphore->available(), 1U);
}

TEST_P(EachType, TwiceIsOnce) {
    make(0);
    Waiter waiter;
    semaphore->async_acquire(waiter.cancellable());
    waiter.signal.emit(GetParam());
    waiter.signal.emit(GetParam());
    run();
    EXPECT_TRUE(waiter.aborted());
    waiter.signal.emit(GetParam());
    EXPECT_EQ(poll(*context), 0U);
}

TEST_F(Semaphore, CancellationOfNoTypeIsNone) {
    make(0);
    Waiter waiter;
    semaphore->async_acquire(waiter.cancellable());
    waiter.signal.emit(net::cancellation_type::none);
    run();
    EXPECT_EQ(waiter.calls(), 0);
    semaphore->release();
    run();
    EXPECT_TRUE(waiter.granted());
}

TEST_F(Semaphore, CancelEndsAllWaitsAndNoMore) {
    make(0);
    std::array<Waiter, 3> waiters;
    for (Waiter& waiter : waiters) {
        semaphore->async_acquire(waiter.handler());
    }
    semaphore->cancel();
    run();
    for (const Waiter& waiter : waiters) {
        EXPECT_TRUE(waiter.aborted());
    }
    semaphore->release();
    Waiter next;
    semaphore->async_acquire(next.handler());
    run();
    EXPECT_TRUE(next.granted());
}

TEST_F(Semaphore, DestructionEndsAllWaits) {
    make(1);
    Waiter holder;
    Waiter waiter;
    semaphore->async_acquire(holder.handler());
    semaphore->async_acquire(waiter.cancellable());
    semaphore.reset();
    run();
    EXPECT_TRUE(holder.granted());
    EXPECT_TRUE(waiter.aborted());
    waiter.signal.emit(net::cancellation_type::terminal);
    holder.permit().release();  // it may outlive the semaphore
    EXPECT_EQ(poll(*context), 0U);
}

TEST_F(Semaphore, AssignmentEndsTheWaitsOfWhatItReplaces) {
    make(0);
    dispatch::Semaphore other{context->get_executor(), 5};
    Waiter waiter;
    semaphore->async_acquire(waiter.handler());
    *semaphore = std::move(other);
    run();
    EXPECT_TRUE(waiter.aborted());
    EXPECT_EQ(semaphore->available(), 5U);
    dispatch::Semaphore moved{std::move(*semaphore)};
    EXPECT_EQ(moved.available(), 5U);
}

TEST_F(Semaphore, OutlivesItsContext) {
    make(1);
    Waiter holder;
    Waiter waiter;
    Waiter granted_too_late;
    semaphore->async_acquire(holder.handler());
    run();
    semaphore->async_acquire(granted_too_late.cancellable());
    semaphore->async_acquire(waiter.cancellable());
    holder.permit().release();
    context.reset();
    EXPECT_FALSE(waiter.pending()) << "the handler is gone";
    EXPECT_FALSE(granted_too_late.pending());
    EXPECT_EQ(waiter.calls() + granted_too_late.calls(), 0);
    EXPECT_EQ(semaphore->available(), 1U) << "the unit that was on its way came back";
    waiter.signal.emit(net::cancellation_type::terminal);
    EXPECT_TRUE(semaphore->try_acquire());
    semaphore->cancel();
}

TEST_F(Semaphore, APermitOutlivesSemaphoreAndContext) {
    make(1);
    Permit permit = semaphore->try_acquire();
    semaphore.reset();
    context.reset();
    EXPECT_TRUE(permit);
    permit.release();
}

net::awaitable<void> enter(dispatch::Semaphore& semaphore, int& inside, int& most) {
    const Permit permit = co_await semaphore.async_acquire();
    most = std::max(most, ++inside);
    co_await net::post(net::use_awaitable);
    --inside;
}

TEST_F(Semaphore, BoundsHowManyCoroutinesAreInside) {
    make(3);
    int inside = 0;
    int most = 0;
    for (int i = 0; i != 50; ++i) {
        net::co_spawn(*context, enter(*semaphore, inside, most), net::detached);
    }
    run();
    EXPECT_EQ(inside, 0);
    EXPECT_EQ(most, 3);
    EXPECT_EQ(semaphore->available(), 3U);
}

TEST_F(Semaphore, CompletionTokens) {
    make(1);
    std::future<Permit> future = semaphore->async_acquire(net::use_future);
    run();
    EXPECT_TRUE(future.get());
    const auto check = [](dispatch::Semaphore& s) -> net::awaitable<void> {
        {
            const auto [error, permit] = co_await s.async_acquire(test::as_tuple(net::use_awaitable));
            EXPECT_FALSE(error);
            EXPECT_TRUE(permit);
        }
        net_error error = net::error::eof;
        const Permit permit = co_await s.async_acquire(net::redirect_error(net::use_awaitable, error));
        EXPECT_FALSE(error);
        EXPECT_TRUE(permit);
    };
    net::co_spawn(*context, check(*semaphore), net::detached);
    run();
    EXPECT_EQ(semaphore->available(), 1U);
    Waiter waiter;
    auto operation = semaphore->async_acquire(test::deferred);
    EXPECT_EQ(semaphore->available(), 1U) << "deferred: not started";
    std::move(operation)(waiter.handler());
    run();
    EXPECT_TRUE(waiter.granted());
}

TEST(SemaphoreTyped, WorksOnAConcreteExecutor) {
    net::io_context context;
    dispatch::BasicSemaphore<net::io_context::executor_type> semaphore{context.get_executor(), 1};
    static_assert(std::is_same_v<decltype(semaphore)::executor_type, net::io_context::executor_type>);
    EXPECT_EQ(semaphore.get_executor(), context.get_executor());
    Waiter waiter;
    semaphore.async_acquire(waiter.handler());
    poll(context);
    EXPECT_TRUE(waiter.granted());
}

TEST(SemaphoreThreads, GrantAgainstCancel) {
    // Each round a unit is released while its only waiter is being cancelled. Whoever wins, the waiter hears
    // one thing, and the unit is either his or back.
    net::thread_pool pool{1};
    dispatch::Semaphore semaphore{pool.get_executor(), 0};
    std::minstd_rand random{1};
    int granted = 0;
    int aborted = 0;
    for (int round = 0; round != 20000 && (round < 2000 || granted == 0 || aborted == 0); ++round) {
        const auto strand = net::make_strand(pool.get_executor());
        net::cancellation_signal signal;
        std::promise<std::tuple<net_error, Permit>> heard;
        std::promise<void> started;
        net::post(strand, [&] {
            semaphore.async_acquire(net::bind_cancellation_slot(
                signal.slot(), net::bind_executor(strand, [&](net_error error, Permit permit) {
                    heard.set_value({error, std::move(permit)});
                })));
            started.set_value();
        });
        started.get_future().get();
        std::promise<void> emitted;
        net::post(strand, [&] {
            signal.emit(net::cancellation_type::total);
            emitted.set_value();
        });
        if (random() % 4 == 0) {
            std::this_thread::yield();  // to the strand, should there be one processor only
        }
        for (auto spins = random() % 20000; spins != 0; --spins) {
            std::atomic_signal_fence(std::memory_order_seq_cst);
        }
        semaphore.release();
        auto [error, permit] = heard.get_future().get();
        emitted.get_future().get();
        ASSERT_NE(static_cast<bool>(error), static_cast<bool>(permit));
        if (error) {
            ++aborted;
            ASSERT_EQ(semaphore.available(), 1U);
            semaphore.try_acquire().detach();
        } else {
            ++granted;
            ASSERT_EQ(semaphore.available(), 0U);
            permit.detach();
        }
    }
    pool.join();
    EXPECT_GT(granted, 0) << "no race took place";
    EXPECT_GT(aborted, 0) << "no race took place";
}

TEST(SemaphoreThreads, NeverMoreInsideThanUnits) {
    constexpr std::size_t units = 3;
    net::thread_pool pool{4};
    dispatch::Semaphore semaphore{pool.get_executor(), units};
    std::atomic<std::size_t> inside{0};
    std::atomic<bool> crowded{false};
    const auto worker = [&]() -> net::awaitable<void> {
        for (int i = 0; i != 500; ++i) {
            const Permit permit = co_await semaphore.async_acquire(net::use_awaitable);
            if (++inside > units) {
                crowded = true;
            }
            --inside;
        }
    };
    std::vector<std::future<void>> ends;
    for (int i = 0; i != 16; ++i) {
        ends.push_back(net::co_spawn(pool, worker(), net::use_future));
    }
    for (std::future<void>& end : ends) {
        end.get();
    }
    pool.join();
    EXPECT_FALSE(crowded);
    EXPECT_EQ(semaphore.available(), units);
}

}  // namespace semaphore_test
