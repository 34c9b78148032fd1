// SPDX-License-Identifier: Apache-2.0
//
// submit with every kind of completion token.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <variant>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "../support/minimal_executors.hpp"
#include "../support/pool_fixture.hpp"

namespace {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using dispatch::errc;
using Pool = dispatch::WorkerPool<int, int>;
using test::Outcome;

constexpr int bad_request = -1;

net::awaitable<int> add_one(int value) {
    if (value == bad_request) {
        throw std::domain_error{"no such number"};
    }
    co_return value + 1;
}

// ---------------------------------------------------------------------------------------------------
// The table: each token brings the value, the handler's own exception, and the pool's refusal.

/// Starts a submit with the token in question; finish is called with what came of it.
using Submit = void (*)(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome);

struct TokenCase {
    const char* name;
    Submit submit;

    friend std::ostream& operator<<(std::ostream& out, const TokenCase& token) { return out << token.name; }
};

/// Awaits what start() makes in a coroutine of its own.
template <typename Start>
void await_in_coroutine(net::io_context& context, Outcome<int>& outcome, Start start) {
    net::co_spawn(context, std::move(start), outcome.handler());
}

void with_callback(net::io_context&, Pool& pool, int request, Outcome<int>& outcome) {
    pool.submit(std::nullopt, request, outcome.handler());
}

void with_bound_executor(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome) {
    pool.submit(std::nullopt, request, net::bind_executor(net::make_strand(context), outcome.handler()));
}

void with_bound_slot(net::io_context&, Pool& pool, int request, Outcome<int>& outcome) {
    const auto signal = std::make_shared<net::cancellation_signal>();
    pool.submit(std::nullopt, request,
                net::bind_cancellation_slot(
                    signal->slot(), [signal, call = outcome.handler()](std::exception_ptr error, int value) mutable {
                        call(std::move(error), value);
                    }));
}

void with_inline_executor(net::io_context&, Pool& pool, int request, Outcome<int>& outcome) {
    const auto runs = std::make_shared<int>(0);
    pool.submit(std::nullopt, request,
                net::bind_executor(test::InlineExecutor{*runs},
                                   [runs, call = outcome.handler()](std::exception_ptr error, int value) mutable {
                                       EXPECT_EQ(*runs, 1);
                                       call(std::move(error), value);
                                   }));
}

void with_minimal_executor(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome) {
    pool.submit(std::nullopt, request, net::bind_executor(test::MinimalExecutor{context}, outcome.handler()));
}

void with_minimal_executor_and_slot(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome) {
    const auto signal = std::make_shared<net::cancellation_signal>();
    auto call = [signal, call = outcome.handler()](std::exception_ptr error, int value) mutable {
        call(std::move(error), value);
    };
    pool.submit(std::nullopt, request,
                net::bind_cancellation_slot(signal->slot(),
                                            net::bind_executor(test::MinimalExecutor{context}, std::move(call))));
}

#if DISPATCH_ASIO_VERSION >= 102800
using AnyHandler = net::any_completion_handler<void(std::exception_ptr, int)>;

void with_any_handler(net::io_context&, Pool& pool, int request, Outcome<int>& outcome) {
    pool.submit(std::nullopt, request, AnyHandler{outcome.handler()});
}

void with_any_handler_of_a_strand(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome) {
    pool.submit(std::nullopt, request, AnyHandler{net::bind_executor(net::make_strand(context), outcome.handler())});
}

/// An operation that is hidden behind a function.
template <typename Token>
auto ask(Pool& pool, int request, Token&& token) {
    return net::async_initiate<Token, void(std::exception_ptr, int)>(
        [&pool, request](AnyHandler handler) { pool.submit(std::nullopt, request, std::move(handler)); }, token);
}

void with_any_handler_in_awaitable(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome) {
    await_in_coroutine(context, outcome, [&pool, request]() -> net::awaitable<int> {
        const int value = co_await ask(pool, request, net::use_awaitable);
        co_return value;
    });
}
#endif

void with_deferred(net::io_context&, Pool& pool, int request, Outcome<int>& outcome) {
    pool.submit(std::nullopt, request, test::deferred)(outcome.handler());
}

void with_default_token(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome) {
    await_in_coroutine(context, outcome, [&pool, request]() -> net::awaitable<int> {
        const int value = co_await pool.submit(std::nullopt, request);
        co_return value;
    });
}

void with_use_awaitable(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome) {
    await_in_coroutine(context, outcome, [&pool, request]() -> net::awaitable<int> {
        const int value = co_await pool.submit(std::nullopt, request, net::use_awaitable);
        co_return value;
    });
}

void with_deferred_awaited(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome) {
    await_in_coroutine(context, outcome, [&pool, request]() -> net::awaitable<int> {
        auto operation = pool.submit(std::nullopt, request, test::deferred);
        const int value = co_await std::move(operation)(net::use_awaitable);
        co_return value;
    });
}

void with_as_tuple(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome) {
    await_in_coroutine(context, outcome, [&pool, request]() -> net::awaitable<int> {
        const std::tuple<std::exception_ptr, int> result =
            co_await pool.submit(std::nullopt, request, test::as_tuple(net::use_awaitable));
        if (std::get<0>(result)) {
            std::rethrow_exception(std::get<0>(result));
        }
        co_return std::get<1>(result);
    });
}

void with_slot_in_awaitable(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome) {
    await_in_coroutine(context, outcome, [&pool, request]() -> net::awaitable<int> {
        net::cancellation_signal signal;
        const int value =
            co_await pool.submit(std::nullopt, request, net::bind_cancellation_slot(signal.slot(), net::use_awaitable));
        co_return value;
    });
}

void with_operator_and(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome) {
    await_in_coroutine(context, outcome, [&pool, request]() -> net::awaitable<int> {
        using namespace net::experimental::awaitable_operators;
        try {
            const std::tuple<int, int> values = co_await (pool.submit(std::nullopt, request, net::use_awaitable) &&
                                                          pool.submit(std::nullopt, 100, net::use_awaitable));
            EXPECT_EQ(std::get<1>(values), 101);
            co_return std::get<0>(values);
        } catch (const net::multiple_exceptions& both) {
            std::rethrow_exception(both.first_exception());
        }
    });
}

#if DISPATCH_ASIO_VERSION >= 103400
void with_cancel_after(net::io_context&, Pool& pool, int request, Outcome<int>& outcome) {
    pool.submit(std::nullopt, request, net::cancel_after(1h, outcome.handler()));
}

void with_cancel_after_in_awaitable(net::io_context& context, Pool& pool, int request, Outcome<int>& outcome) {
    await_in_coroutine(context, outcome, [&pool, request]() -> net::awaitable<int> {
        const int value = co_await pool.submit(std::nullopt, request, net::cancel_after(1h, net::use_awaitable));
        co_return value;
    });
}
#endif

constexpr TokenCase tokens[] = {
    {"Callback", with_callback},
    {"BindExecutor", with_bound_executor},
    {"BindCancellationSlot", with_bound_slot},
    {"InlineExecutor", with_inline_executor},
    {"MinimalExecutor", with_minimal_executor},
    {"MinimalExecutorBindCancellationSlot", with_minimal_executor_and_slot},
#if DISPATCH_ASIO_VERSION >= 102800
    {"AnyCompletionHandler", with_any_handler},
    {"AnyCompletionHandlerOfAStrand", with_any_handler_of_a_strand},
    {"AnyCompletionHandlerUseAwaitable", with_any_handler_in_awaitable},
#endif
    {"Deferred", with_deferred},
    {"DefaultToken", with_default_token},
    {"UseAwaitable", with_use_awaitable},
    {"DeferredThenUseAwaitable", with_deferred_awaited},
    {"AsTuple", with_as_tuple},
    {"BindCancellationSlotUseAwaitable", with_slot_in_awaitable},
    {"OperatorAnd", with_operator_and},
#if DISPATCH_ASIO_VERSION >= 103400
    {"CancelAfter", with_cancel_after},
    {"CancelAfterUseAwaitable", with_cancel_after_in_awaitable},
#endif
};

class Token : public test::PoolFixture<int, int>, public testing::WithParamInterface<TokenCase> {
  protected:
    Token() { make_pool(2, add_one); }

    /// From outside the context, and from within one of its functions, where a completion could run
    /// inside the initiating function.
    void submit(int request, Outcome<int>& from_outside, Outcome<int>& from_inside) {
        GetParam().submit(*context, *pool, request, from_outside);
        EXPECT_EQ(from_outside.calls(), 0) << "completed within the initiating function";
        net::post(*context, [&] {
            GetParam().submit(*context, *pool, request, from_inside);
            EXPECT_EQ(from_inside.calls(), 0) << "completed within the initiating function";
        });
        poll();
    }
};

TEST_P(Token, BringsTheValue) {
    Outcome<int> outside;
    Outcome<int> inside;
    submit(41, outside, inside);
    EXPECT_TRUE(outside.returned(42));
    EXPECT_TRUE(inside.returned(42));
}

TEST_P(Token, BringsTheHandlersOwnException) {
    Outcome<int> outside;
    Outcome<int> inside;
    submit(bad_request, outside, inside);
    EXPECT_EQ(outside.calls(), 1);
    EXPECT_TRUE(test::is_error<std::domain_error>(outside.error(), "no such number"));
    EXPECT_EQ(inside.calls(), 1);
    EXPECT_TRUE(test::is_error<std::domain_error>(inside.error(), "no such number"));
    EXPECT_EQ(handles[0].errors() + handles[1].errors(), 2U);
}

TEST_P(Token, BringsTheRefusalOfAStoppedPool) {
    pool->stop();
    Outcome<int> outside;
    Outcome<int> inside;
    submit(1, outside, inside);
    EXPECT_TRUE(outside.heard(errc::stopped));
    EXPECT_TRUE(inside.heard(errc::stopped));
}

INSTANTIATE_TEST_SUITE_P(Table, Token, testing::ValuesIn(tokens),
                         [](const testing::TestParamInfo<TokenCase>& token) { return std::string{token.param.name}; });

// ---------------------------------------------------------------------------------------------------
// Tokens that need a scene of their own.

using Tokens = test::PoolFixture<int, int>;

TEST_F(Tokens, UseFutureWorksFromAThreadOutsideThePool) {
    net::thread_pool threads{2};
    Pool on_threads{dispatch::spawn_workers(threads.get_executor(), 2, add_one)};
    EXPECT_EQ(on_threads.submit(std::nullopt, 1, net::use_future).get(), 2);

    std::future<int> failing = on_threads.submit("session", bad_request, net::use_future);
    try {
        failing.get();
        ADD_FAILURE() << "no exception";
    } catch (const std::domain_error& e) {
        EXPECT_STREQ(e.what(), "no such number");
    }

    on_threads.stop();
    std::future<int> refused = on_threads.submit(std::nullopt, 1, net::use_future);
    try {
        refused.get();
        ADD_FAILURE() << "no exception";
    } catch (const std::system_error& e) {
        EXPECT_EQ(e.code(), errc::stopped);
    }
    EXPECT_EQ(on_threads.drain(net::use_future).get().submitted, 3U);
    test::expect_idle(on_threads);
}

TEST_F(Tokens, DeferredStartsNothingUntilItIsLaunched) {
    make_pool(1, add_one);
    auto operation = pool->submit(std::nullopt, 1, test::deferred);
    poll();
    EXPECT_EQ(pool->ledger().submitted, 0U);
    Outcome<int> outcome;
    std::move(operation)(outcome.handler());
    poll();
    EXPECT_TRUE(outcome.returned(2));
}

TEST_F(Tokens, OperatorOrTakesTheFirstAndCancelsTheOther) {
    make_pool(2, [gate = gate](int value) -> net::awaitable<int> {
        if (value == 0) {
            co_await gate.pass();
        }
        co_return value + 1;
    });
    bool finished = false;
    net::co_spawn(
        *context,
        [&]() -> net::awaitable<void> {
            using namespace net::experimental::awaitable_operators;
            const std::variant<int, int> first = co_await (pool->submit(std::nullopt, 0, net::use_awaitable) ||
                                                           pool->submit(std::nullopt, 5, net::use_awaitable));
            EXPECT_EQ(first.index(), 1U);
            EXPECT_EQ(std::get<1>(first), 6);
            finished = true;
        },
        net::detached);
    poll();
    EXPECT_TRUE(finished);
    EXPECT_EQ(pool->ledger().completed, 1U);
    EXPECT_EQ(pool->ledger().cancelled, 1U);
}

TEST_F(Tokens, OperatorOrWithATimerIsATimeout) {
    make_pool(1, [gate = gate](int value) -> net::awaitable<int> {
        co_await gate.pass();
        co_return value;
    });
    bool timed_out = false;
    net::co_spawn(
        *context,
        [&]() -> net::awaitable<void> {
            using namespace net::experimental::awaitable_operators;
            net::steady_timer timer{*context, 1ms};
            const auto first =
                co_await (pool->submit(std::nullopt, 0, net::use_awaitable) || timer.async_wait(net::use_awaitable));
            timed_out = first.index() == 1;
        },
        net::detached);
    context->run();
    EXPECT_TRUE(timed_out);
    EXPECT_EQ(pool->ledger().cancelled, 1U);
}

#if DISPATCH_ASIO_VERSION >= 103400
TEST_F(Tokens, CancelAfterCancelsTheJob) {
    make_pool(1,
              [gate = gate](int value) -> net::awaitable<int> {
                  co_await gate.pass();
                  co_return value;
              },
              {.max_concurrency = 1});
    Outcome<int> running;
    Outcome<int> queued;
    pool->submit(std::nullopt, 0, net::cancel_after(1ms, running.handler()));
    pool->submit(std::nullopt, 0, net::cancel_after(1ms, queued.handler()));
    context->run();
    EXPECT_TRUE(running.heard(test::aborted()));
    EXPECT_TRUE(queued.heard(test::aborted()));
    EXPECT_EQ(pool->ledger().cancelled, 2U);
}

TEST_F(Tokens, CancelAfterFitsDrain) {
    make_pool(1, [gate = gate](int value) -> net::awaitable<int> {
        co_await gate.pass();
        co_return value;
    });
    Outcome<int> outcome;
    pool->submit(std::nullopt, 0, outcome.handler());
    std::exception_ptr error;
    pool->drain(net::cancel_after(1ms, [&](std::exception_ptr e, dispatch::Ledger) { error = std::move(e); }));
    EXPECT_TRUE(test::run_until(*context, [&] { return error != nullptr; }));
    EXPECT_EQ(test::code_of(error), test::aborted());
}
#endif

using VoidTokens = test::PoolFixture<int, void>;

/// What the void handlers of these tests have done.
struct Effects {
    int sum = 0;
};

auto add_to(Effects& effects) {
    return [&effects](int value) -> net::awaitable<void> {
        if (value == bad_request) {
            throw std::domain_error{"no such number"};
        }
        effects.sum += value;
        co_return;
    };
}

TEST_F(VoidTokens, HandlersWithoutAResponse) {
    Effects effects;
    make_pool(1, add_to(effects));
    int calls = 0;
    std::exception_ptr error;
    pool->submit(std::nullopt, 1, [&](std::exception_ptr e) {
        ++calls;
        EXPECT_FALSE(e);
    });
    pool->submit(std::nullopt, bad_request, test::deferred)([&](std::exception_ptr e) {
        ++calls;
        error = std::move(e);
    });
    net::co_spawn(
        *context,
        [&]() -> net::awaitable<void> {
            co_await pool->submit(std::nullopt, 10);
            co_await pool->submit("session", 100, net::use_awaitable);
            const std::tuple<std::exception_ptr> result =
                co_await pool->submit(std::nullopt, bad_request, test::as_tuple(net::use_awaitable));
            EXPECT_TRUE(test::is_error<std::domain_error>(std::get<0>(result), "no such number"));
            ++calls;
        },
        net::detached);
    poll();
    EXPECT_EQ(calls, 3);
    EXPECT_EQ(effects.sum, 111);
    EXPECT_TRUE(test::is_error<std::domain_error>(error, "no such number"));
}

TEST_F(VoidTokens, PlainFunctionsWithoutAResponse) {
    int sum = 0;
    make_pool(1, [&sum](int value) { sum += value; });
    int calls = 0;
    for (int i = 0; i != 10; ++i) {
        pool->submit(std::nullopt, i, [&](std::exception_ptr error) { calls += error ? 100 : 1; });
    }
    poll();
    EXPECT_EQ(calls, 10);
    EXPECT_EQ(sum, 45);
}

TEST_F(VoidTokens, RedirectErrorLetsExceptionsThrough) {
    // It knows error_code alone; this signature begins with an exception_ptr and is left as it is.
    Effects effects;
    make_pool(1, add_to(effects));
    bool thrown = false;
    bool finished = false;
    net::co_spawn(
        *context,
        [&]() -> net::awaitable<void> {
            test::net_error untouched;
            co_await pool->submit(std::nullopt, 1, net::redirect_error(net::use_awaitable, untouched));
            try {
                co_await pool->submit(std::nullopt, bad_request, net::redirect_error(net::use_awaitable, untouched));
            } catch (const std::domain_error&) {
                thrown = true;
            }
            EXPECT_FALSE(untouched);
            finished = true;
        },
        net::detached);
    poll();
    EXPECT_TRUE(thrown);
    EXPECT_TRUE(finished);
    EXPECT_EQ(effects.sum, 1);
}

TEST(TokensMoveOnly, RequestsAndResponsesThroughEachToken) {
    using Box = std::unique_ptr<int>;
    net::io_context context;
    dispatch::WorkerPool<Box, Box> pool{
        dispatch::spawn_workers<Box, Box>(context.get_executor(), 2, [](Box box) -> net::awaitable<Box> {
            ++*box;
            co_return box;
        })};
    int calls = 0;
    const auto expect = [&calls](int expected) {
        return [&calls, expected](std::exception_ptr error, Box box) {
            ++calls;
            EXPECT_FALSE(error);
            ASSERT_TRUE(box);
            EXPECT_EQ(*box, expected);
        };
    };
    pool.submit(std::nullopt, std::make_unique<int>(1), expect(2));
    pool.submit("session", std::make_unique<int>(2), test::deferred)(expect(3));
    pool.submit(std::nullopt, std::make_unique<int>(3), net::bind_executor(net::make_strand(context), expect(4)));
    std::future<Box> future = pool.submit(std::nullopt, std::make_unique<int>(4), net::use_future);
    net::co_spawn(
        context,
        [&]() -> net::awaitable<void> {
            const Box first = co_await pool.submit(std::nullopt, std::make_unique<int>(5));
            EXPECT_EQ(*first, 6);
            const Box second = co_await pool.submit("session", std::make_unique<int>(6), net::use_awaitable);
            EXPECT_EQ(*second, 7);
            const std::tuple<std::exception_ptr, Box> third =
                co_await pool.submit(std::nullopt, std::make_unique<int>(7), test::as_tuple(net::use_awaitable));
            EXPECT_EQ(*std::get<1>(third), 8);
            ++calls;
        },
        net::detached);
    context.run();
    EXPECT_EQ(calls, 4);
    EXPECT_EQ(*future.get(), 5);
    test::expect_idle(pool);
}

TEST(TokensMoveOnly, HandlerThatIsMoveOnly) {
    net::io_context context;
    Pool pool{dispatch::spawn_workers(context.get_executor(), 1, add_one)};
    int heard = 0;
    pool.submit(std::nullopt, 1, [&heard, witness = std::make_unique<int>(7)](std::exception_ptr, int value) {
        heard = value + *witness;
    });
    context.run();
    EXPECT_EQ(heard, 9);
}

// ---------------------------------------------------------------------------------------------------
// Where completions run.

TEST_F(Tokens, CompletesOnTheAssociatedExecutor) {
    make_pool(1, add_one);
    test::RecordingExecutor mine{*context};
    int calls = 0;
    const auto check = [&](std::exception_ptr, int) {
        ++calls;
        EXPECT_TRUE(mine.running_in_this_thread());
    };
    pool->submit(std::nullopt, 1, net::bind_executor(mine, check));
    pool->submit(std::nullopt, bad_request, net::bind_executor(mine, check));
    poll();
    EXPECT_EQ(calls, 2);
    pool->stop();
    pool->submit(std::nullopt, 1, net::bind_executor(mine, check));
    EXPECT_EQ(calls, 2);
    poll();
    EXPECT_EQ(calls, 3);
    EXPECT_EQ(mine.runs(), 3) << "one hand-over for each completion";
}

TEST_F(Tokens, ACoroutineGoesOnWhereItWas) {
    make_pool(2, add_one);
    net::io_context home;
    bool at_home = false;
    int wrong_places = 0;
    int finished = 0;
    net::co_spawn(
        home,
        [&]() -> net::awaitable<void> {
            for (int i = 0; i != 20; ++i) {
                co_await pool->submit(std::nullopt, i);
                wrong_places += at_home ? 0 : 1;
            }
            ++finished;
        },
        net::detached);
    for (int turn = 0; turn != 100 && finished == 0; ++turn) {
        at_home = true;
        test::poll(home);
        at_home = false;
        poll();
    }
    EXPECT_EQ(finished, 1);
    EXPECT_EQ(wrong_places, 0);
}

TEST_F(Tokens, AnotherContextIsKeptRunningUntilItsCompletionHasRun) {
    make_pool(1, add_one);
    net::io_context home;
    Outcome<int> outcome;
    pool->submit(std::nullopt, 1, net::bind_executor(home, outcome.handler()));
    EXPECT_TRUE(test::has_work(home)) << "run() would return before the completion";
    poll();
    EXPECT_EQ(outcome.calls(), 0) << "ran in the pool's context";
    home.restart();
    home.run();
    EXPECT_TRUE(outcome.returned(2));
    EXPECT_FALSE(test::has_work(home));
}

TEST_F(Tokens, ADrainKeepsTheContextOfItsCoroutineBusy) {
    make_pool(1, [gate = gate](int value) -> net::awaitable<int> {
        co_await gate.pass();
        co_return value;
    });
    pool->submit(std::nullopt, 1, net::detached);
    poll();
    net::io_context home;
    std::optional<dispatch::Ledger> ledger;
    net::co_spawn(home, [&]() -> net::awaitable<void> { ledger = co_await pool->drain(); }, net::detached);
    EXPECT_TRUE(test::has_work(home)) << "run() would return, and nobody would hear";
    gate.open();
    poll();
    home.restart();
    home.run();
    ASSERT_TRUE(ledger);
    EXPECT_EQ(ledger->completed, 1U);
}

TEST_F(Tokens, ADrainsPlainCallbackIsCalledOnThePoolsExecutorAndABoundOneOnItsOwn) {
    make_pool(1, add_one);
    net::io_context home;
    int plain = 0;
    int bound = 0;
    pool->drain([&](std::exception_ptr, dispatch::Ledger) { ++plain; });
    pool->drain(net::bind_executor(home, [&](std::exception_ptr, dispatch::Ledger) { ++bound; }));
    poll();
    EXPECT_EQ(plain, 1);
    EXPECT_EQ(bound, 0);
    home.restart();
    home.run();
    EXPECT_EQ(bound, 1);
}

TEST_F(Tokens, AnotherContextsRunReturnsOnlyAfterTheCompletion) {
    net::io_context home;
    net::thread_pool threads{1};
    Pool on_threads{dispatch::spawn_workers(threads.get_executor(), 1, add_one)};
    for (int round = 0; round != 100; ++round) {
        Outcome<int> outcome;
        on_threads.submit(std::nullopt, round, net::bind_executor(home, outcome.handler()));
        home.restart();
        home.run();
        ASSERT_TRUE(outcome.returned(round + 1));
    }
}

TEST_F(Tokens, ACompletionFindsTheLedgerUpToDate) {
    // The executor looks at the ledger when it is given the completion: it might run it right then.
    make_pool(1,
              [gate = gate](int value) -> net::awaitable<int> {
                  co_await gate.pass();
                  co_return value;
              },
              {.max_concurrency = 1, .queue_capacity = 1}, {.overflow = dispatch::Overflow::reject});
    std::uint64_t rejected = 0;
    std::uint64_t stopped = 0;
    test::RecordingExecutor mine{*context, [&] {
                                     rejected = pool->ledger().rejected;
                                     stopped = pool->ledger().stopped;
                                 }};
    Outcome<int> held[2];
    for (Outcome<int>& outcome : held) {
        pool->submit(std::nullopt, 1, outcome.handler());
    }
    poll();
    Outcome<int> refused;
    pool->submit(std::nullopt, 1, net::bind_executor(mine, refused.handler()));
    EXPECT_EQ(rejected, 1U);
    gate.open();
    poll();
    pool->stop();
    Outcome<int> late;
    pool->submit(std::nullopt, 1, net::bind_executor(mine, late.handler()));
    EXPECT_EQ(stopped, 1U);
    poll();
    EXPECT_TRUE(refused.heard(errc::queue_full));
    EXPECT_TRUE(late.heard(errc::stopped));
}

// ---------------------------------------------------------------------------------------------------
// Where memory comes from.

struct MemoryUse {
    int allocations = 0;
    std::size_t live_bytes = 0;
    std::size_t most_bytes = 0;
    bool exhausted = false;
    /// After so many it is exhausted, too.
    int most_allocations = std::numeric_limits<int>::max();
};

template <typename T>
class CountingAllocator {
  public:
    using value_type = T;

    explicit CountingAllocator(MemoryUse& use) noexcept : use_{&use} {}
    template <typename U>
    CountingAllocator(const CountingAllocator<U>& other) noexcept : use_{other.use()} {}

    T* allocate(std::size_t n) {
        if (use_->exhausted || use_->allocations == use_->most_allocations) {
            throw std::bad_alloc{};
        }
        ++use_->allocations;
        use_->live_bytes += n * sizeof(T);
        use_->most_bytes = std::max(use_->most_bytes, use_->live_bytes);
        return std::allocator<T>{}.allocate(n);
    }
    void deallocate(T* memory, std::size_t n) noexcept {
        use_->live_bytes -= n * sizeof(T);
        std::allocator<T>{}.deallocate(memory, n);
    }
    MemoryUse* use() const noexcept { return use_; }

    template <typename U>
    friend bool operator==(const CountingAllocator& a, const CountingAllocator<U>& b) noexcept {
        return a.use() == b.use();
    }
    template <typename U>
    friend bool operator!=(const CountingAllocator& a, const CountingAllocator<U>& b) noexcept {
        return a.use() != b.use();
    }

  private:
    MemoryUse* use_;
};

/// A completion handler with an allocator of its own, which must have everything back when it is called.
struct FrugalHandler {
    using allocator_type = CountingAllocator<void>;

    MemoryUse* use;
    Outcome<int>* outcome;

    allocator_type get_allocator() const noexcept { return allocator_type{*use}; }

    void operator()(std::exception_ptr error, int value) const {
        EXPECT_EQ(use->live_bytes, 0U) << "memory is given back before the handler runs";
        outcome->handler()(std::move(error), value);
    }
};

TEST_F(Tokens, TheAssociatedAllocatorGivesTheOnlyMemoryOfAJob) {
    make_pool(1, add_one);
    const std::string session(5'000, 's');
    MemoryUse use;
    Outcome<int> outcome;
    pool->submit(session, 1, FrugalHandler{&use, &outcome});
    EXPECT_EQ(use.allocations, 1);
    EXPECT_GE(use.live_bytes, session.size()) << "the session's text lies in the same node";
    poll();
    EXPECT_TRUE(outcome.returned(2));
    EXPECT_EQ(use.allocations, 1);
    EXPECT_EQ(use.live_bytes, 0U);
}

TEST_F(Tokens, TheAssociatedAllocatorHasItsMemoryBackBeforeEveryKindOfCompletion) {
    make_pool(1, [gate = gate](int value) -> net::awaitable<int> {
        co_await gate.pass();
        co_return value;
    });
    MemoryUse use[4];
    Outcome<int> outcome[4];
    net::cancellation_signal signal;
    pool->submit(std::nullopt, 1, net::bind_executor(net::make_strand(*context), FrugalHandler{&use[0], &outcome[0]}));
    pool->submit(std::nullopt, 1, net::bind_cancellation_slot(signal.slot(), FrugalHandler{&use[1], &outcome[1]}));
    poll();
    signal.emit(net::cancellation_type::terminal);
    poll();
    EXPECT_TRUE(outcome[1].heard(test::aborted()));
    pool->submit(std::nullopt, 1, FrugalHandler{&use[2], &outcome[2]});
    pool->stop();
    pool->submit(std::nullopt, 1, FrugalHandler{&use[3], &outcome[3]});
    poll();
    EXPECT_TRUE(outcome[0].heard(test::aborted()));
    EXPECT_EQ(outcome[2].calls(), 1);
    EXPECT_TRUE(outcome[3].heard(errc::stopped));
    for (const MemoryUse& one : use) {
        EXPECT_GE(one.allocations, 1);
        EXPECT_EQ(one.live_bytes, 0U);
    }
}

TEST_F(Tokens, ACompletionFindsItsWorkerFree) {
    // Of a worker that runs elsewhere, whose replies go to the completions' executors at once.
    const auto echo = [](int value) { return value; };
    auto workers = dispatch::spawn_workers<int, int>(context->get_executor(), 1, echo);
    const auto others = dispatch::spawn_workers<int, int>(net::make_strand(*context), 1, echo);
    workers.insert(workers.end(), others.begin(), others.end());
    Pool mixed{workers};
    std::vector<std::size_t> loads;
    const test::RecordingExecutor mine{*context, [&] { loads.push_back(others[0].load()); }};
    // The second of two is for the other worker: the pick rotates.
    Outcome<int> outcomes[2];
    for (Outcome<int>& outcome : outcomes) {
        mixed.submit(std::nullopt, 1, net::bind_executor(mine, outcome.handler()));
        poll();
        EXPECT_TRUE(outcome.returned(1));
    }
    EXPECT_EQ(loads, (std::vector<std::size_t>{0, 0}));
}

TEST_F(Tokens, CompleteOnThePoolsExecutorWhereverTheWorkerRuns) {
    // That of the first worker; the other one runs elsewhere.
    const test::RecordingExecutor executor{*context};
    const auto echo = [](int value) { return value; };
    auto workers = dispatch::spawn_workers<int, int>(executor, 1, echo);
    const auto others = dispatch::spawn_workers<int, int>(net::make_strand(*context), 1, echo);
    workers.insert(workers.end(), others.begin(), others.end());
    Pool mixed{workers};
    int there = 0;
    for (int i = 0; i != 4; ++i) {
        mixed.submit(std::nullopt, i, [&](std::exception_ptr error, int) {
            EXPECT_FALSE(error);
            there += executor.running_in_this_thread() ? 1 : 0;
        });
    }
    poll();
    EXPECT_EQ(there, 4);
    EXPECT_EQ(mixed.ledger().completed, 4U);
}

TEST_F(Tokens, AnAllocatorWithRoomForTheJobAloneIsEnough) {
    // On an executor that uses it: any_io_executor does not.
    using Executor = net::io_context::executor_type;
    dispatch::WorkerPool<int, int, dispatch::LeastLoaded, Executor> typed{dispatch::spawn_workers<int, int, Executor>(
        context->get_executor(), 1, add_one, {.max_concurrency = 1, .queue_capacity = 1})};
    MemoryUse use[4] = {
        {.most_allocations = 1}, {.most_allocations = 1}, {.most_allocations = 1}, {.most_allocations = 1}};
    Outcome<int> outcome[4];
    typed.try_submit(std::nullopt, 1, FrugalHandler{&use[0], &outcome[0]});
    typed.try_submit(std::nullopt, 2, FrugalHandler{&use[1], &outcome[1]});
    typed.try_submit(std::nullopt, 3, FrugalHandler{&use[2], &outcome[2]});
    typed.stop();
    typed.submit(std::nullopt, 4, FrugalHandler{&use[3], &outcome[3]});
    poll();
    EXPECT_TRUE(outcome[0].heard(errc::stopped));
    EXPECT_TRUE(outcome[1].heard(errc::stopped));
    EXPECT_TRUE(outcome[2].heard(errc::queue_full));
    EXPECT_TRUE(outcome[3].heard(errc::stopped));
    EXPECT_EQ(typed.ledger(), (dispatch::Ledger{.submitted = 4, .rejected = 1, .stopped = 3}));
    test::expect_idle(typed);
}

TEST_F(Tokens, WhatTheAssociatedAllocatorThrowsReachesTheHandler) {
    make_pool(1, add_one);
    MemoryUse use{.exhausted = true};
    Outcome<int> outcome;
    pool->submit("session", 1, FrugalHandler{&use, &outcome});
    EXPECT_EQ(outcome.calls(), 0);
    poll();
    EXPECT_EQ(outcome.calls(), 1);
    EXPECT_TRUE(test::is_error<std::bad_alloc>(outcome.error(), std::bad_alloc{}.what()));
    EXPECT_EQ(pool->ledger(), dispatch::Ledger{});
    EXPECT_EQ(row().sessions, 0U);
}

TEST_F(Tokens, AllocatorsAndDeadlinesGoTogether) {
    make_pool(1, add_one);
    MemoryUse use;
    Outcome<int> outcome;
    dispatch::SubmitOptions options;
    options.deadline = std::chrono::steady_clock::now() + 1h;
    pool->submit(options, 1, FrugalHandler{&use, &outcome});
    poll();
    EXPECT_TRUE(outcome.returned(2));
    EXPECT_EQ(use.live_bytes, 0U);
}

// ---------------------------------------------------------------------------------------------------
// The session's text.

using SessionTokens = test::PoolFixture<int, std::string>;

TEST_F(SessionTokens, ATemporarySessionIsCopiedWhenTheOperationStarts) {
    make_pool(
        1, [](int, dispatch::JobContext& job) -> net::awaitable<std::string> { co_return std::string{job.session()}; });
    Outcome<std::string> by_callback;
    pool->submit(std::string(300, 'a'), 0, by_callback.handler());
    std::string by_default;
    std::string by_awaitable;
    net::co_spawn(
        *context,
        [&]() -> net::awaitable<void> {
            by_default = co_await pool->submit(std::string(300, 'b'), 0);
            by_awaitable = co_await pool->submit(std::string(300, 'c'), 0, net::use_awaitable);
        },
        net::detached);
    poll();
    EXPECT_TRUE(by_callback.returned(std::string(300, 'a')));
    EXPECT_EQ(by_default, std::string(300, 'b'));
    EXPECT_EQ(by_awaitable, std::string(300, 'c'));
}

TEST_F(SessionTokens, WhateverNamesASession) {
    make_pool(1, [](int, dispatch::JobContext& job) { return std::string{job.session()}; });
    Outcome<std::string> outcome[5];
    const std::string text = "string";
    pool->submit("literal", 0, outcome[0].handler());
    pool->submit(text, 0, outcome[1].handler());
    pool->submit(std::string_view{"view"}, 0, outcome[2].handler());
    pool->submit(std::optional<std::string>{"optional"}, 0, outcome[3].handler());
    pool->submit(std::optional<std::string_view>{}, 0, outcome[4].handler());
    poll();
    const char* const expected[] = {"literal", "string", "view", "optional", ""};
    for (int i = 0; i != 5; ++i) {
        EXPECT_TRUE(outcome[i].returned(expected[i])) << expected[i];
    }
    EXPECT_EQ(row().sessions, 4U);
}

}  // namespace
