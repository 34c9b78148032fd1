// SPDX-License-Identifier: Apache-2.0
//
// One allocation after the other fails, once: whatever that hits, every submit is answered, and the pool
// goes on.
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "support/asio.hpp"
#include "support/operator_new.hpp"
#include "support/pool_fixture.hpp"

namespace {

/// Allocations that succeed before one fails; negative: all do.
int allocations_left = -1;

}  // namespace

#if !defined(SANITIZER_OWNS_OPERATOR_NEW)

// Not inline: GCC 12 takes malloc and free for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (allocations_left >= 0 && allocations_left-- == 0) {
        throw std::bad_alloc{};
    }
    if (void* const memory = std::malloc(size)) {
        return memory;
    }
    throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

#endif

namespace {

namespace net = dispatch::net;
using dispatch::errc;
using test::Outcome;

/// Starts no operation of Asio's: any_io_executor ends the program where it has no memory (Asio 1.22).
net::awaitable<int> echo(int value) { co_return value; }

class Allocations : public test::PoolFixture<int, int> {
  protected:
    void SetUp() override {
#if defined(SANITIZER_OWNS_OPERATOR_NEW)
        GTEST_SKIP() << "operator new cannot be made to fail";
#endif
    }

    /// Runs scenario(), with its first allocation failing, then its second, and so on until all succeed.
    void fail_each(const std::function<void()>& prepare, const std::function<void()>& scenario,
                   const std::function<void()>& check) {
        int failure = 0;
        for (bool failed = true; failed; ++failure) {
            SCOPED_TRACE("allocation " + std::to_string(failure));
            prepare();
            allocations_left = failure;
            scenario();
            failed = allocations_left < 0;
            allocations_left = -1;
            check();
            test::expect_idle(*pool);
        }
        EXPECT_GT(failure, 1) << "nothing was allocated";
    }

    /// Heard once: the response, or that there was no memory.
    static void expect_answered(const Outcome<int>& outcome) {
        EXPECT_EQ(outcome.calls(), 1);
        if (outcome.error()) {
            EXPECT_TRUE(test::is_error<std::bad_alloc>(outcome.error(), std::bad_alloc{}.what()));
        }
    }
};

TEST_F(Allocations, AnIdleWorkerIsWokenOrTheSubmitterToldWhyNot) {
    std::optional<Outcome<int>> first, next;
    fail_each(
        [&] {
            make_pool(1, echo);
            poll();
            first.emplace();
            next.emplace();
        },
        [&] { pool->submit(std::nullopt, 1, first->handler()); },
        [&] {
            pool->submit(std::nullopt, 2, next->handler());
            poll();
            expect_answered(*first);
            EXPECT_TRUE(next->returned(2)) << "the worker goes on";
        });
}

TEST_F(Allocations, StopAnswersEverybody) {
    std::vector<Outcome<int>> outcomes;
    fail_each(
        [&] {
            make_pool(1, echo, {.max_concurrency = 1});
            poll();
            outcomes = std::vector<Outcome<int>>(4);
            for (Outcome<int>& outcome : outcomes) {
                pool->submit(std::nullopt, 1, outcome.handler());
            }
        },
        [&] { pool->stop(); },
        [&] {
            poll();
            for (const Outcome<int>& outcome : outcomes) {
                EXPECT_TRUE(outcome.heard(errc::stopped));
            }
        });
}

TEST_F(Allocations, DeadlinesAreKept) {
    std::vector<Outcome<int>> outcomes;
    fail_each(
        [&] {
            make_pool(1,
                      [gate = gate](int value) -> net::awaitable<int> {
                          co_await gate.pass();
                          co_return value;
                      },
                      {.max_concurrency = 1});
            poll();
            outcomes = std::vector<Outcome<int>>(3);
            const auto now = std::chrono::steady_clock::now();
            for (Outcome<int>& outcome : outcomes) {
                pool->submit({.deadline = now + std::chrono::milliseconds{5}}, 1, outcome.handler());
            }
            poll();
        },
        [&] { test::run_until(*context, [&] { return outcomes.back().calls() != 0; }); },
        [&] {
            poll();
            for (const Outcome<int>& outcome : outcomes) {
                EXPECT_EQ(outcome.calls(), 1);
            }
        });
}

}  // namespace
