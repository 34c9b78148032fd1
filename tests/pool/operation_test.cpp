// SPDX-License-Identifier: Apache-2.0
//
// Completion handlers whose executor runs them at once, or cannot be told not to; and allocators that live in their
// handler. All asynchronous operations share what is tested here. (token_test has the table of all tokens.)
#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>
#include <dispatch/semaphore.hpp>

#include "../support/asio.hpp"
#include "../support/minimal_executors.hpp"
#include "../support/pool_fixture.hpp"

namespace operation_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using dispatch::errc;
using test::Outcome;

struct Arena {
    alignas(std::max_align_t) std::array<std::byte, 2048> bytes;
    bool used = false;
    bool exhausted = false;
};

/// Gives the arena to one at a time.
template <typename T>
class ArenaAllocator {
  public:
    using value_type = T;

    explicit ArenaAllocator(Arena* arena) noexcept : arena_{arena} {}
    template <typename U>
    ArenaAllocator(const ArenaAllocator<U>& other) noexcept : arena_{other.arena()} {}

    T* allocate(std::size_t n) {
        if (arena_->exhausted || arena_->used || n * sizeof(T) > arena_->bytes.size()) {
            throw std::bad_alloc{};
        }
        arena_->used = true;
        return reinterpret_cast<T*>(arena_->bytes.data());
    }
    void deallocate(T* /*memory*/, std::size_t /*n*/) noexcept { arena_->used = false; }
    Arena* arena() const noexcept { return arena_; }

    template <typename U>
    friend bool operator==(const ArenaAllocator& a, const ArenaAllocator<U>& b) noexcept {
        return a.arena() == b.arena();
    }
    template <typename U>
    friend bool operator!=(const ArenaAllocator& a, const ArenaAllocator<U>& b) noexcept {
        return !(a == b);
    }

  private:
    Arena* arena_;
};

/// A handler that owns the memory of its operation.
template <typename Call>
class ArenaHandler {
  public:
    using allocator_type = ArenaAllocator<void>;

    explicit ArenaHandler(Call call, bool exhausted = false) : call_{std::move(call)} { arena_->exhausted = exhausted; }

    allocator_type get_allocator() const noexcept { return allocator_type{arena_.get()}; }

    template <typename... Args>
    void operator()(Args&&... args) {
        EXPECT_FALSE(arena_->used);
        call_(std::forward<Args>(args)...);
    }

  private:
    std::unique_ptr<Arena> arena_ = std::make_unique<Arena>();
    Call call_;
};

// ---------------------------------------------------------------------------------------------------
// However a job ends.

enum class End { response, cancelled, expired, stopped, refused, no_memory };

std::ostream& operator<<(std::ostream& out, End end) {
    constexpr const char* names[] = {"Response", "Cancelled", "Expired", "Stopped", "Refused", "NoMemory"};
    return out << names[static_cast<std::size_t>(end)];
}

class EagerExecutor : public test::PoolFixture<int, int>, public testing::WithParamInterface<End> {
  protected:
    /// Submits with a handler that is bound to executor, and lets the job end. Nothing on the way may call the handler.
    template <typename Executor>
    void submit(const Executor& executor) {
        make_pool(1,
                  [gate = gate](int value) -> net::awaitable<int> {
                      co_await gate.pass();
                      co_return value;
                  },
                  {.max_concurrency = 1, .queue_capacity = 1});
        pool->submit(std::nullopt, 0, net::detached);
        poll();
        dispatch::SubmitOptions options;
        if (GetParam() == End::expired) {
            options.deadline = std::chrono::steady_clock::now() - 1s;
        } else if (GetParam() == End::refused) {
            pool->submit(std::nullopt, 0, net::detached);
        }
        net::cancellation_signal signal;
        ArenaHandler handler{outcome.handler(), GetParam() == End::no_memory};
        pool->try_submit(options, 1,
                         net::bind_cancellation_slot(signal.slot(), net::bind_executor(executor, std::move(handler))));
        EXPECT_EQ(outcome.calls(), 0) << "within the initiating function";
        if (GetParam() == End::cancelled) {
            signal.emit(net::cancellation_type::terminal);
        } else if (GetParam() == End::stopped) {
            pool->stop();
        }
        EXPECT_EQ(outcome.calls(), 0) << "within what ended the job";
        gate.open();
        // The deadline's alarm is its executor's own.
        test::run_until(*context, [&] { return outcome.calls() != 0; });
        expect_end();
    }

    void expect_end() const {
        switch (GetParam()) {
            case End::response:
                EXPECT_TRUE(outcome.returned(1));
                return;
            case End::cancelled:
                EXPECT_TRUE(outcome.heard(test::aborted()));
                return;
            case End::expired:
                EXPECT_TRUE(outcome.heard(errc::deadline_exceeded));
                return;
            case End::stopped:
                EXPECT_TRUE(outcome.heard(errc::stopped));
                return;
            case End::refused:
                EXPECT_TRUE(outcome.heard(errc::queue_full));
                return;
            case End::no_memory:
                EXPECT_EQ(outcome.calls(), 1);
                EXPECT_TRUE(test::is_error<std::bad_alloc>(outcome.error(), std::bad_alloc{}.what()));
                return;
        }
    }

    Outcome<int> outcome;
};

TEST_P(EagerExecutor, InlineRunsTheHandlerInATurnOfThePools) {
    int runs = 0;
    submit(test::InlineExecutor{runs});
    EXPECT_EQ(runs, 1);
}

TEST_P(EagerExecutor, MinimalGetsTheHandler) { submit(test::MinimalExecutor{*context}); }

INSTANTIATE_TEST_SUITE_P(HoweverItEnds, EagerExecutor,
                         testing::Values(End::response, End::cancelled, End::expired, End::stopped, End::refused,
                                         End::no_memory),
                         testing::PrintToStringParamName{});

// ---------------------------------------------------------------------------------------------------
// Scenes of their own.

using Eager = test::PoolFixture<int, int>;

TEST_F(Eager, APoolWhoseContextIsGoneCallsTheHandlerElsewhere) {
    make_pool(1, [](int value) { return value; });
    context.reset();
    int runs = 0;
    const test::InlineExecutor executor{runs};
    std::promise<std::thread::id> submitted;
    pool->submit(std::nullopt, 1, net::bind_executor(executor, [&](std::exception_ptr error, int) {
                     EXPECT_EQ(test::code_of(error), errc::stopped);
                     submitted.set_value(std::this_thread::get_id());
                 }));
    EXPECT_NE(submitted.get_future().get(), std::this_thread::get_id());
    std::promise<std::thread::id> drained;
    pool->drain(net::bind_executor(executor, [&](std::exception_ptr error, dispatch::Ledger ledger) {
        EXPECT_FALSE(error);
        EXPECT_EQ(ledger.stopped, 1U);
        drained.set_value(std::this_thread::get_id());
    }));
    EXPECT_NE(drained.get_future().get(), std::this_thread::get_id());
}

TEST_F(Eager, ADrainCompletesLater) {
    make_pool(1, [](int value) { return value; });
    int runs = 0;
    int calls = 0;
    pool->drain(net::bind_executor(test::InlineExecutor{runs}, [&](std::exception_ptr, dispatch::Ledger) { ++calls; }));
    EXPECT_EQ(calls, 0);
    poll();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(runs, 1);
}

TEST_F(Eager, ASemaphoreGrantsLater) {
    dispatch::Semaphore semaphore{context->get_executor(), 1};
    int runs = 0;
    int calls = 0;
    std::optional<dispatch::Permit> first;
    std::optional<dispatch::Permit> second;
    const auto acquire = [&](std::optional<dispatch::Permit>& permit) {
        semaphore.async_acquire(
            net::bind_executor(test::InlineExecutor{runs}, [&](test::net_error error, dispatch::Permit granted) {
                EXPECT_FALSE(error);
                ++calls;
                permit.emplace(std::move(granted));
            }));
    };
    acquire(first);
    acquire(second);
    EXPECT_EQ(calls, 0);
    poll();
    EXPECT_EQ(calls, 1);
    EXPECT_TRUE(test::has_work(*context)) << "run() would return, though somebody waits who needs a turn of it";
    first.reset();
    EXPECT_EQ(calls, 1) << "called within release()";
    poll();
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(runs, 2);
    EXPECT_TRUE(second && *second);
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(Eager, ACancelledWaiterOfASemaphoreHearsLater) {
    dispatch::Semaphore semaphore{context->get_executor(), 0};
    net::cancellation_signal signal;
    int runs = 0;
    int calls = 0;
    semaphore.async_acquire(net::bind_cancellation_slot(
        signal.slot(), net::bind_executor(test::InlineExecutor{runs}, [&](test::net_error error, dispatch::Permit) {
            EXPECT_EQ(error, net::error::operation_aborted);
            ++calls;
        })));
    signal.emit(net::cancellation_type::partial);
    EXPECT_EQ(calls, 0);
    poll();
    EXPECT_EQ(calls, 1);
}

TEST_F(Eager, AContextThatGoesDropsWhatIsOnItsWay) {
    make_pool(1, [](int value) { return value; });
    int runs = 0;
    Outcome<int> outcome;
    pool->submit(std::nullopt, 1, net::bind_executor(test::InlineExecutor{runs}, outcome.handler()));
    pool->stop();
    pool->submit(std::nullopt, 2, net::bind_executor(test::InlineExecutor{runs}, outcome.handler()));
    EXPECT_TRUE(outcome.pending());
    context.reset();
    EXPECT_FALSE(outcome.pending());
    EXPECT_EQ(runs, 0);
}

TEST_F(Eager, AnExceptionOfTheHandlerLeavesRun) {
    make_pool(1, [](int value) { return value; });
    int runs = 0;
    pool->submit(std::nullopt, 1, net::bind_executor(test::InlineExecutor{runs}, [](std::exception_ptr, int) {
                     throw std::runtime_error{"the caller's own"};
                 }));
    Outcome<int> next;
    pool->submit(std::nullopt, 2, next.handler());
    EXPECT_THROW(poll(), std::runtime_error);
    poll();
    EXPECT_EQ(runs, 1);
    EXPECT_TRUE(next.returned(2));
}

// ---------------------------------------------------------------------------------------------------
// An allocator that is gone with its handler (that of any_completion_handler is another one).

TEST_F(Eager, AHandlerMayOwnTheMemoryOfItsOperation) {
    make_pool(1, [](int value) { return value; });
    Outcome<int> outcome;
    pool->submit(std::nullopt, 1, ArenaHandler{outcome.handler()});
    poll();
    EXPECT_TRUE(outcome.returned(1));
}

TEST_F(Eager, AHandlerThatIsDroppedMayOwnTheMemoryOfItsOperation) {
    make_pool(1, [](int value) { return value; });
    Outcome<int> outcome;
    pool->submit(std::nullopt, 1, ArenaHandler{outcome.handler()});
    dispatch::Semaphore semaphore{context->get_executor(), 0};
    bool called = false;
    semaphore.async_acquire(ArenaHandler{[&](test::net_error, dispatch::Permit) { called = true; }});
    context.reset();
    EXPECT_FALSE(outcome.pending());
    EXPECT_FALSE(called);
}

#if DISPATCH_ASIO_VERSION >= 102800
TEST_F(Eager, AnyCompletionHandlerFitsEveryOperation) {
    make_pool(1, [](int value) { return value; });
    int calls = 0;
    net::any_completion_handler<void(std::exception_ptr, dispatch::Ledger)> drained =
        [&](std::exception_ptr, dispatch::Ledger) { ++calls; };
    pool->drain(std::move(drained));
    dispatch::Semaphore semaphore{context->get_executor(), 1};
    net::any_completion_handler<void(test::net_error, dispatch::Permit)> acquired = [&](test::net_error,
                                                                                        dispatch::Permit) { ++calls; };
    semaphore.async_acquire(std::move(acquired));
    EXPECT_EQ(calls, 0);
    poll();
    EXPECT_EQ(calls, 2);
}

TEST_F(Eager, AnyCompletionHandlerKeepsItsContextBusyAndIsCalledThere) {
    make_pool(1, [](int value) { return value; });
    net::io_context home;
    Outcome<int> outcome;
    net::any_completion_handler<void(std::exception_ptr, int)> handler =
        net::bind_executor(home.get_executor(), outcome.handler());
    pool->submit(std::nullopt, 1, std::move(handler));
    EXPECT_TRUE(test::has_work(home));
    poll();
    EXPECT_EQ(outcome.calls(), 0) << "ran in the pool's context";
    home.restart();
    home.run();
    EXPECT_TRUE(outcome.returned(1));
}

TEST_F(Eager, AnyCompletionHandlerIsDroppedWithTheContext) {
    make_pool(1, [](int value) { return value; });
    Outcome<int> outcome;
    net::any_completion_handler<void(std::exception_ptr, int)> handler = outcome.handler();
    pool->submit(std::nullopt, 1, std::move(handler));
    context.reset();
    EXPECT_FALSE(outcome.pending());
}
#endif

}  // namespace operation_test
