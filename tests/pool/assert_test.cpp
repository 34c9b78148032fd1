// SPDX-License-Identifier: Apache-2.0
//
// What a debug build says of misuse: this program is always built as one (see CMakeLists.txt).
#ifdef NDEBUG
#error "assertions are off: nothing would be tested here"
#endif

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"

namespace {

namespace net = dispatch::net;

int twice(int request) { return 2 * request; }

using Pool = dispatch::WorkerPool<int, int>;

class AssertDeathTest : public testing::Test {
  protected:
    AssertDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

    Pool pool() { return Pool{dispatch::spawn_workers(context.get_executor(), 2, twice)}; }

    net::io_context context;
};

TEST_F(AssertDeathTest, AMovedFromPoolSaysWhatMayBeDoneWithIt) {
    Pool from = pool();
    const Pool to = std::move(from);
    const char* const message = "misuse: a WorkerPool was used after it was moved from: it may only be assigned to";
    EXPECT_DEATH(from.submit(std::nullopt, 1, net::detached), message);
    EXPECT_DEATH(from.try_submit(std::nullopt, 1, net::detached), message);
    EXPECT_DEATH(from.drain(net::detached), message);
    EXPECT_DEATH(from.stop(), message);
    EXPECT_DEATH(static_cast<void>(from.ledger()), message);
    EXPECT_DEATH(static_cast<void>(from.size()), message);
    EXPECT_DEATH(static_cast<void>(from.worker_metrics()), message);
    EXPECT_DEATH(static_cast<void>(from.get_executor()), message);
}

TEST_F(AssertDeathTest, AMovedFromPoolMayBeAssignedToAndUsedAgain) {
    Pool from = pool();
    const Pool to = std::move(from);
    from = pool();
    EXPECT_EQ(from.size(), 2U);
}

TEST_F(AssertDeathTest, AMovedFromHandleIsNoticed) {
    auto workers = dispatch::spawn_workers(context.get_executor(), 1, twice);
    const auto worker = std::move(workers.front());
    EXPECT_DEATH(static_cast<void>(workers.front().load()), "misuse: a WorkerHandle was used after it was moved from");
}

TEST_F(AssertDeathTest, AMovedFromSemaphoreIsNoticed) {
    dispatch::Semaphore from{context.get_executor(), 1};
    const dispatch::Semaphore to = std::move(from);
    const char* const message = "misuse: a Semaphore was used after it was moved from";
    EXPECT_DEATH(static_cast<void>(from.try_acquire()), message);
    EXPECT_DEATH(from.async_acquire(net::detached), message);
    EXPECT_DEATH(from.release(), message);
    EXPECT_DEATH(static_cast<void>(from.available()), message);
}

TEST(AssertDeath, AnExecutorIsNotThereAfterItsContext) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    using Typed = net::io_context::executor_type;
    auto context = std::make_unique<net::io_context>();
    const dispatch::WorkerPool<int, int, dispatch::LeastLoaded, Typed> pool{
        dispatch::spawn_workers<int, int, Typed>(context->get_executor(), 1, twice)};
    const dispatch::BasicSemaphore<Typed> semaphore{context->get_executor(), 1};
    context.reset();
    EXPECT_DEATH(static_cast<void>(pool.get_executor()), "misuse: a WorkerPool's executor .* after its context");
    EXPECT_DEATH(static_cast<void>(semaphore.get_executor()), "misuse: a Semaphore's executor .* after its context");
}

/// Points past the last worker.
struct OneTooFar {
    template <dispatch::LoadView V>
    dispatch::Choice pick(const V& view, dispatch::Purpose /*purpose*/) noexcept {
        return {view.size(), 0};
    }
};

TEST_F(AssertDeathTest, APolicyMustChooseAWorkerThatThereIs) {
    dispatch::WorkerPool<int, int, OneTooFar> pool{dispatch::spawn_workers(context.get_executor(), 2, twice)};
    EXPECT_DEATH(pool.submit(std::nullopt, 1, net::detached),
                 "misuse: a SelectionPolicy chose a worker that there is not");
}

/// An executor that pays no heed to blocking.never.
class Immediate {
  public:
    explicit Immediate(net::io_context& context) noexcept : context_{&context} {}

    net::execution_context& query(net::execution::context_t /*property*/) const noexcept { return *context_; }
    static constexpr net::execution::blocking_t query(net::execution::blocking_t /*property*/) noexcept {
        return net::execution::blocking.never;
    }
    const Immediate& require(net::execution::blocking_t::never_t /*property*/) const noexcept { return *this; }

    template <typename Function>
    void execute(Function&& function) const {
        std::forward<Function>(function)();
    }

    bool operator==(const Immediate&) const noexcept = default;

  private:
    net::io_context* context_;
};

TEST_F(AssertDeathTest, AnExecutorMustNotRunAFunctionAtOnce) {
    EXPECT_DEATH(
        {
            Pool pool{dispatch::spawn_workers(Immediate{context}, 1, twice)};
            pool.submit(std::nullopt, 1, net::detached);
        },
        "misuse: an executor ran a function within execute");
}

}  // namespace
