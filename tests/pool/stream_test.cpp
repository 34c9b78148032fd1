// SPDX-License-Identifier: Apache-2.0
//
// Responses in parts: each way in which a stream can end has one answer, for its reader, its writer and the ledger.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace stream_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using dispatch::errc;
using dispatch::JobContext;
using dispatch::Writer;
using test::Outcome;
using Numbers = dispatch::Stream<int>;
using Part = Outcome<std::optional<int>>;

std::error_code broken_pipe() { return net::error::make_error_code(net::error::broken_pipe); }

/// What a handler does: it gets the request, the writer, and the means to wait.
using Script = std::function<net::awaitable<void>(int, Writer<int>&)>;

class Stream : public test::PoolFixture<int, Numbers> {
  protected:
    static dispatch::PoolOptions buffer(std::size_t parts) {
        dispatch::PoolOptions options;
        options.stream_buffer = parts;
        return options;
    }

    /// A pool of one worker with this handler, and so many parts in a stream.
    void make(Script handler, std::size_t parts = 16, dispatch::WorkerOptions options = {}) {
        make_pool(1, std::move(handler), options, buffer(parts));
    }

    /// Writes 1 to n.
    static net::awaitable<void> count(int n, Writer<int>& out) {
        for (int i = 1; i <= n; ++i) {
            co_await out.write(i);
        }
    }

    /// The same, then waits at the gate. heard is what it hears there, or of a write.
    auto count_and_wait() {
        return [this](int n, Writer<int>& out) -> net::awaitable<void> {
            try {
                co_await count(n, out);
                co_await gate.pass();
            } catch (...) {
                heard.push_back(test::code_of(std::current_exception()));
                throw;
            }
        };
    }

    /// The stream of a job that has written a part.
    Numbers open(int request) {
        Numbers stream;
        bool opened = false;
        pool->submit(std::nullopt, request, [&](const std::exception_ptr& error, Numbers numbers) {
            EXPECT_EQ(test::code_of(error), std::error_code{});
            stream = std::move(numbers);
            opened = true;
        });
        poll();
        EXPECT_TRUE(opened);
        return stream;
    }

    /// What is there.
    static std::vector<int> take(Numbers& stream) {
        std::vector<int> parts;
        while (const std::optional<int> part = stream.try_next()) {
            parts.push_back(*part);
        }
        return parts;
    }

    /// What next() gives now. (On the pool's context, also for a stream that has none.)
    Part next(Numbers& stream) {
        Part part;
        stream.next(net::bind_executor(*context, part.handler()));
        EXPECT_EQ(part.calls(), 0);  // never from within
        poll();
        return part;
    }

    /// Whether it was called once, for the end of the stream.
    static bool ended(const Part& part) { return part.heard({}) && !part.value()->has_value(); }

    bool at_end(Numbers& stream) { return ended(next(stream)); }

    std::vector<std::error_code> heard;
};

// --- a stream that is read to its end

TEST_F(Stream, HasThePartsInOrder) {
    make(count, 4);
    std::vector<int> read;
    net::co_spawn(
        *context,
        [&]() -> net::awaitable<void> {
            Numbers stream = co_await pool->submit("ada", 100);
            while (const std::optional<int> part = co_await stream.next()) {
                read.push_back(*part);
            }
            EXPECT_EQ(co_await stream.next(), std::nullopt);  // and again
        },
        net::detached);
    poll();
    std::vector<int> all;
    for (int i = 1; i <= 100; ++i) {
        all.push_back(i);
    }
    EXPECT_EQ(read, all);
    EXPECT_EQ(pool->ledger().completed, 1U);
}

TEST_F(Stream, ThatIsEmptyIsAtItsEnd) {
    make(count);
    Numbers stream = open(0);
    EXPECT_EQ(stream.try_next(), std::nullopt);
    EXPECT_EQ(stream.get_executor(), pool->get_executor());
    Part part;
    stream.next(part.handler());
    poll();
    EXPECT_TRUE(ended(part));
    EXPECT_EQ(pool->ledger().completed, 1U);
}

TEST_F(Stream, IsThereWithItsFirstPartWhileTheHandlerRuns) {
    make(count_and_wait());
    Numbers stream = open(1);
    EXPECT_EQ(row().inflight, 1U);
    EXPECT_EQ(pool->ledger().completed, 0U);
    EXPECT_TRUE(next(stream).returned(1));
    gate.open();
    EXPECT_TRUE(at_end(stream));
    EXPECT_EQ(row().inflight, 0U);
    EXPECT_EQ(pool->ledger().completed, 1U);
}

TEST_F(Stream, WakesAReaderThatWaits) {
    make([this](int, Writer<int>& out) -> net::awaitable<void> {
        co_await out.write(1);
        co_await gate.pass();
        co_await out.write(2);
    });
    Numbers stream = open(0);
    EXPECT_EQ(stream.try_next(), 1);
    EXPECT_EQ(stream.try_next(), std::nullopt);
    Part part;
    stream.next(part.handler());
    poll();
    EXPECT_EQ(part.calls(), 0);
    gate.open();
    poll();
    EXPECT_TRUE(part.returned(2));
    EXPECT_TRUE(at_end(stream));
}

TEST_F(Stream, EndsForAReaderThatWaits) {
    make(count_and_wait());
    Numbers stream = open(1);
    EXPECT_EQ(take(stream), std::vector{1});
    Part part;
    stream.next(part.handler());
    gate.open();
    poll();
    EXPECT_TRUE(ended(part));
}

// --- errors

TEST_F(Stream, ThrowsFromSubmitBeforeTheFirstPart) {
    make([](int, Writer<int>&) -> net::awaitable<void> {
        throw std::runtime_error{"early"};
        co_return;
    });
    std::exception_ptr error;
    pool->submit(std::nullopt, 0, [&](std::exception_ptr e, Numbers stream) {
        error = std::move(e);
        EXPECT_EQ(stream.try_next(), std::nullopt);
    });
    poll();
    EXPECT_TRUE(test::is_error<std::runtime_error>(error, "early"));
    EXPECT_EQ(pool->ledger().failed, 1U);
}

TEST_F(Stream, ThrowsOnceAfterTheParts) {
    make([](int n, Writer<int>& out) -> net::awaitable<void> {
        co_await count(n, out);
        throw std::runtime_error{"late"};
    });
    Numbers stream = open(2);
    EXPECT_EQ(pool->ledger().failed, 1U);
    EXPECT_TRUE(next(stream).returned(1));
    EXPECT_TRUE(next(stream).returned(2));
    EXPECT_EQ(stream.try_next(), std::nullopt);  // which leaves the error to next()
    EXPECT_TRUE(test::is_error<std::runtime_error>(next(stream).error(), "late"));
    EXPECT_TRUE(at_end(stream));
}

TEST_F(Stream, ThrowsToAReaderThatWaits) {
    make([this](int, Writer<int>& out) -> net::awaitable<void> {
        co_await out.write(1);
        co_await gate.pass();
        throw std::runtime_error{"late"};
    });
    Numbers stream = open(0);
    EXPECT_EQ(take(stream), std::vector{1});
    Part part;
    stream.next(part.handler());
    gate.open();
    poll();
    EXPECT_TRUE(test::is_error<std::runtime_error>(part.error(), "late"));
    EXPECT_TRUE(at_end(stream));
}

TEST_F(Stream, ThrowsInAReadersCoroutine) {
    make([](int n, Writer<int>& out) -> net::awaitable<void> {
        co_await count(n, out);
        throw std::runtime_error{"late"};
    });
    std::string caught;
    net::co_spawn(
        *context,
        [&]() -> net::awaitable<void> {
            Numbers stream = co_await pool->submit(std::nullopt, 1);
            try {
                while (co_await stream.next()) {
                }
            } catch (const std::runtime_error& error) {
                caught = error.what();
            }
            EXPECT_EQ(co_await stream.next(), std::nullopt);
        },
        net::detached);
    poll();
    EXPECT_EQ(caught, "late");
}

TEST_F(Stream, OfAHandlerThatIsLostIsAbandoned) {
    std::optional<net::io_context> elsewhere{std::in_place};
    make([&](int, Writer<int>& out) -> net::awaitable<void> {
        co_await out.write(1);
        co_await net::post(elsewhere->get_executor(), net::use_awaitable);
    });
    Numbers stream = open(0);
    elsewhere.reset();
    poll();
    EXPECT_TRUE(next(stream).returned(1));
    EXPECT_TRUE(next(stream).heard(errc::abandoned));
    EXPECT_TRUE(at_end(stream));
    EXPECT_EQ(pool->ledger().failed, 1U);
}

TEST_F(Stream, OfAHandlerThatIsLostBeforeItsFirstPartIsNotOpened) {
    std::optional<net::io_context> elsewhere{std::in_place};
    make([&](int, Writer<int>& out) -> net::awaitable<void> {
        co_await net::post(elsewhere->get_executor(), net::use_awaitable);
        co_await out.write(1);
    });
    Outcome<Numbers> opened;
    pool->submit(std::nullopt, 0, opened.handler());
    poll();
    elsewhere.reset();
    poll();
    EXPECT_TRUE(opened.heard(errc::abandoned));
    EXPECT_EQ(pool->ledger().failed, 1U);
}

// --- the submit is cancelled

TEST_F(Stream, ThatIsNotStartedIsCancelledWithItsSubmit) {
    int started = 0;
    make(
        [&](int, Writer<int>& out) -> net::awaitable<void> {
            ++started;
            co_await out.write(1);
            co_await gate.pass();
        },
        16, {.max_concurrency = 1, .queue_capacity = 1});
    const Numbers running = open(0);
    net::cancellation_signal of_queued;
    net::cancellation_signal of_waiting;
    Outcome<Numbers> queued;
    Outcome<Numbers> waiting;
    pool->submit(std::nullopt, 0, net::bind_cancellation_slot(of_queued.slot(), queued.handler()));
    pool->submit(std::nullopt, 0, net::bind_cancellation_slot(of_waiting.slot(), waiting.handler()));
    EXPECT_EQ(row().queue_len, 1U);
    EXPECT_EQ(row().waiting, 1U);
    of_waiting.emit(net::cancellation_type::total);
    of_queued.emit(net::cancellation_type::total);
    poll();
    EXPECT_TRUE(queued.heard(test::aborted()));
    EXPECT_TRUE(waiting.heard(test::aborted()));
    EXPECT_EQ(pool->ledger().cancelled, 2U);
    gate.open();
    poll();
    EXPECT_EQ(started, 1);
}

TEST_F(Stream, MayBeOpenedThoughItsSubmitWasCancelled) {
    make([this](int n, Writer<int>& out) -> net::awaitable<void> {
        co_await gate.pass_stubbornly();
        co_await net::this_coro::throw_if_cancelled(false);
        co_await count(n, out);
    });
    net::cancellation_signal signals[2];
    std::optional<Numbers> streams[2];
    for (int n = 0; n != 2; ++n) {
        pool->submit(
            std::nullopt, n,
            net::bind_cancellation_slot(signals[n].slot(), [&, n](const std::exception_ptr& e, Numbers stream) {
                EXPECT_FALSE(e);
                streams[n] = std::move(stream);
            }));
    }
    poll();
    signals[0].emit(net::cancellation_type::terminal);
    signals[1].emit(net::cancellation_type::terminal);
    poll();
    EXPECT_FALSE(streams[0] || streams[1]);
    gate.open();
    poll();
    ASSERT_TRUE(streams[0] && streams[1]);
    EXPECT_TRUE(next(*streams[1]).returned(1));
    EXPECT_TRUE(at_end(*streams[0]));
    EXPECT_TRUE(at_end(*streams[1]));
    EXPECT_EQ(pool->ledger().completed, 2U);
}

TEST_F(Stream, ThatIsOpenHearsNothingOfItsSubmitsCancellation) {
    make(count_and_wait());
    net::cancellation_signal signal;
    Numbers stream;
    pool->submit(std::nullopt, 1,
                 net::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& error, Numbers numbers) {
                     EXPECT_FALSE(error);
                     stream = std::move(numbers);
                 }));
    poll();
    signal.emit(net::cancellation_type::terminal);
    EXPECT_TRUE(next(stream).returned(1));
    EXPECT_TRUE(heard.empty());
    gate.open();
    EXPECT_TRUE(at_end(stream));
    EXPECT_EQ(pool->ledger().completed, 1U);
}

// --- the reader goes

TEST_F(Stream, CancelsItsHandlerWhenTheSubmitIsCancelled) {
    make([this](int, Writer<int>&) -> net::awaitable<void> {
        try {
            co_await gate.pass();
        } catch (...) {
            heard.push_back(test::code_of(std::current_exception()));
            throw;
        }
    });
    net::cancellation_signal signal;
    std::exception_ptr error;
    pool->submit(std::nullopt, 0, net::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, const Numbers&) {
                     error = std::move(e);
                 }));
    poll();
    signal.emit(net::cancellation_type::total);
    poll();
    EXPECT_EQ(test::code_of(error), test::aborted());
    EXPECT_EQ(heard, std::vector{test::aborted()});
    EXPECT_EQ(pool->ledger().cancelled, 1U);
    signal.emit(net::cancellation_type::terminal);  // of which nothing is left
}

TEST_F(Stream, CancelsItsHandlerWhenItIsDestroyed) {
    make(count_and_wait());
    std::optional<Numbers> stream{open(2)};
    EXPECT_EQ(stream->try_next(), 1);
    stream.reset();
    poll();
    EXPECT_EQ(heard, std::vector{test::aborted()});
    EXPECT_EQ(row().inflight, 0U);
    EXPECT_EQ(pool->ledger().cancelled, 1U);
}

TEST_F(Stream, CancelsItsHandlerWhenAnotherTakesItsPlace) {
    make(count_and_wait());
    Numbers stream = open(2);
    stream = Numbers{};
    poll();
    EXPECT_EQ(heard, std::vector{test::aborted()});
    EXPECT_TRUE(at_end(stream));
}

TEST_F(Stream, ThatIsDestroyedBeforeItIsDeliveredCancelsItsHandler) {
    make(count_and_wait());
    net::io_context elsewhere;
    pool->submit(std::nullopt, 1, net::bind_executor(elsewhere, [](const std::exception_ptr&, const Numbers&) {}));
    poll();
    elsewhere.poll();
    poll();
    EXPECT_EQ(heard, std::vector{test::aborted()});
}

TEST_F(Stream, BreaksTheWriteThatWaitsWhenItIsDestroyed) {
    make(count_and_wait(), 2);
    std::optional<Numbers> stream{open(3)};
    EXPECT_TRUE(heard.empty());
    stream.reset();
    poll();
    EXPECT_EQ(heard, std::vector{broken_pipe()});
    EXPECT_EQ(pool->ledger().cancelled, 1U);
}

TEST_F(Stream, BreaksLaterWritesWhenItIsDestroyed) {
    // The handler disregards its cancellation, and tries to go on.
    std::vector<std::error_code> codes;
    make([&](int, Writer<int>& out) -> net::awaitable<void> {
        co_await out.write(1);
        co_await gate.pass_stubbornly();
        EXPECT_FALSE(out.is_open());
        EXPECT_FALSE(out.try_write(2));
        co_await net::this_coro::throw_if_cancelled(false);
        try {
            co_await out.write(2);
        } catch (...) {
            codes.push_back(test::code_of(std::current_exception()));
        }
        test::net_error error;
        co_await out.write(3, net::redirect_error(net::use_awaitable, error));
        codes.push_back(error);
    });
    std::optional<Numbers> stream{open(0)};
    stream.reset();
    gate.open();
    poll();
    EXPECT_EQ(codes, (std::vector{broken_pipe(), broken_pipe()}));
    EXPECT_EQ(pool->ledger().completed, 1U);  // it has ended well
}

TEST_F(Stream, ThatIsDestroyedEndsTheNextThatWaits) {
    make(count_and_wait());
    std::optional<Numbers> stream{open(1)};
    EXPECT_EQ(take(*stream), std::vector{1});
    Part part;
    stream->next(part.handler());
    stream.reset();
    poll();
    EXPECT_TRUE(part.heard(test::aborted()));
    EXPECT_EQ(heard, std::vector{test::aborted()});
}

TEST_F(Stream, ThatIsDestroyedAfterItsHandlerHasEndedCancelsNobody) {
    make(count);
    {
        const Numbers stream = open(3);
        EXPECT_EQ(pool->ledger().completed, 1U);
    }
    poll();
    EXPECT_EQ(test::endings(pool->ledger()), 1U);
}

TEST_F(Stream, ThatIsMovedGoesOn) {
    make(count_and_wait());
    Numbers first = open(1);
    EXPECT_EQ(take(first), std::vector{1});
    Part part;
    first.next(part.handler());
    Numbers second{std::move(first)};
    EXPECT_TRUE(at_end(first));
    gate.open();
    poll();
    EXPECT_TRUE(ended(part));
    EXPECT_TRUE(at_end(second));
    EXPECT_TRUE(heard.empty());
}

TEST_F(Stream, ThatIsMadeByHandIsAtItsEnd) {
    Numbers stream;
    EXPECT_EQ(stream.try_next(), std::nullopt);
    std::atomic<int> calls{0};
    stream.next(net::bind_executor(*context, [&](const std::exception_ptr& error, std::optional<int> part) {
        EXPECT_FALSE(error);
        EXPECT_EQ(part, std::nullopt);
        ++calls;
    }));
    poll();
    EXPECT_EQ(calls, 1);
    bool done = false;
    net::co_spawn(
        *context,
        [&]() -> net::awaitable<void> {
            EXPECT_EQ(co_await stream.next(), std::nullopt);
            done = true;
        },
        net::detached);
    poll();
    EXPECT_TRUE(done);
}

// --- an operation is cancelled

class StreamCancellation : public Stream, public testing::WithParamInterface<net::cancellation_type> {};

TEST_P(StreamCancellation, OfNextLosesNoPart) {
    make([this](int, Writer<int>& out) -> net::awaitable<void> {
        co_await out.write(1);
        co_await gate.pass();
        co_await out.write(2);
    });
    Numbers stream = open(0);
    EXPECT_EQ(take(stream), std::vector{1});
    net::cancellation_signal signal;
    Part part;
    stream.next(net::bind_cancellation_slot(signal.slot(), part.handler()));
    signal.emit(net::cancellation_type::none);
    poll();
    EXPECT_EQ(part.calls(), 0);
    signal.emit(GetParam());
    signal.emit(GetParam());
    poll();
    EXPECT_TRUE(part.heard(test::aborted()));
    gate.open();
    EXPECT_TRUE(next(stream).returned(2));
    EXPECT_TRUE(at_end(stream));
    EXPECT_EQ(pool->ledger().completed, 1U);
}

TEST_P(StreamCancellation, OfNextThatHasItsPartHasNoEffect) {
    make([this](int, Writer<int>& out) -> net::awaitable<void> {
        co_await out.write(1);
        co_await gate.pass();
        co_await out.write(2);
    });
    net::io_context elsewhere;
    Numbers stream = open(0);
    EXPECT_EQ(take(stream), std::vector{1});
    net::cancellation_signal signal;
    Part part;
    stream.next(net::bind_executor(elsewhere, net::bind_cancellation_slot(signal.slot(), part.handler())));
    gate.open();
    poll();
    signal.emit(GetParam());
    elsewhere.run();
    EXPECT_TRUE(part.returned(2));
}

TEST_P(StreamCancellation, OfWriteLeavesOutItsPart) {
    net::cancellation_signal signal;
    make(
        [&](int, Writer<int>& out) -> net::awaitable<void> {
            co_await out.write(1);
            out.write(2, net::bind_cancellation_slot(signal.slot(), [&](auto error) { heard.push_back(error); }));
            out.write(3, [&](auto error) { heard.push_back(error); });
            co_await gate.pass();
        },
        1);
    Numbers stream = open(0);
    signal.emit(net::cancellation_type::none);
    poll();
    EXPECT_TRUE(heard.empty());
    signal.emit(GetParam());
    signal.emit(GetParam());
    poll();
    EXPECT_EQ(heard, std::vector{test::aborted()});
    EXPECT_TRUE(next(stream).returned(1));
    EXPECT_TRUE(next(stream).returned(3));
    EXPECT_EQ(heard, (std::vector{test::aborted(), std::error_code{}}));
    gate.open();
    EXPECT_TRUE(at_end(stream));
}

TEST_P(StreamCancellation, OfACoroutineThatAwaitsNextThrowsThere) {
    make(count_and_wait());
    net::cancellation_signal signal;
    std::error_code code;
    net::co_spawn(
        *context,
        [&]() -> net::awaitable<void> {
            co_await net::this_coro::reset_cancellation_state(net::enable_total_cancellation());
            Numbers stream = co_await pool->submit(std::nullopt, 1);
            try {
                while (co_await stream.next()) {
                }
            } catch (...) {
                code = test::code_of(std::current_exception());
            }
        },
        net::bind_cancellation_slot(signal.slot(), net::detached));
    poll();
    signal.emit(GetParam());
    poll();
    EXPECT_EQ(code, test::aborted());
    EXPECT_EQ(heard, std::vector{test::aborted()});  // of the stream that was destroyed
}

INSTANTIATE_TEST_SUITE_P(All, StreamCancellation,
                         testing::Values(net::cancellation_type::terminal, net::cancellation_type::partial,
                                         net::cancellation_type::total));

TEST_F(Stream, HasOneReaderAtATime) {
    make(count_and_wait());
    Numbers stream = open(1);
    EXPECT_EQ(take(stream), std::vector{1});
    Part first;
    stream.next(first.handler());
    EXPECT_TRUE(next(stream).heard(std::make_error_code(std::errc::operation_in_progress)));
    bool refused = false;
    net::co_spawn(
        *context,
        [&]() -> net::awaitable<void> {
            try {
                co_await stream.next();
            } catch (const std::system_error& error) {
                refused = error.code() == std::errc::operation_in_progress;
            }
        },
        net::detached);
    poll();
    EXPECT_TRUE(refused);
    EXPECT_EQ(stream.try_next(), std::nullopt);
    EXPECT_EQ(first.calls(), 0);
    gate.open();
    poll();
    EXPECT_TRUE(ended(first));
}

// --- the end of the pool (deadlines are in stream_deadline_test.cpp)

TEST_F(Stream, IsStopped) {
    make(count_and_wait(), 2, {.max_concurrency = 2});
    Numbers waiting = open(1);
    Numbers blocked = open(3);
    std::exception_ptr queued;
    pool->submit(std::nullopt, 1, [&](std::exception_ptr error, const Numbers&) { queued = std::move(error); });
    poll();
    pool->stop();
    poll();
    EXPECT_EQ(test::code_of(queued), errc::stopped);
    EXPECT_EQ(heard, (std::vector{test::aborted(), test::aborted()}));
    EXPECT_TRUE(next(waiting).returned(1));
    EXPECT_TRUE(next(waiting).heard(test::aborted()));
    EXPECT_TRUE(next(blocked).returned(1));
    EXPECT_TRUE(next(blocked).returned(2));
    EXPECT_TRUE(next(blocked).heard(test::aborted()));
    EXPECT_EQ(pool->ledger().stopped, 3U);
    std::exception_ptr late;
    pool->submit(std::nullopt, 1, [&](std::exception_ptr error, const Numbers&) { late = std::move(error); });
    poll();
    EXPECT_EQ(test::code_of(late), errc::stopped);
}

TEST_F(Stream, ThatIsNotStartedIsStopped) {
    for (const bool by_destruction : {false, true}) {
        gate = test::Gate{};
        make(count_and_wait(), 16, {.max_concurrency = 1, .queue_capacity = 1});
        Numbers running = open(1);
        Outcome<Numbers> queued;
        Outcome<Numbers> waiting;
        pool->submit(std::nullopt, 1, queued.handler());
        pool->submit(std::nullopt, 1, waiting.handler());
        EXPECT_EQ(row().waiting, 1U);
        if (by_destruction) {
            pool.reset();
        } else {
            pool->stop();
        }
        poll();
        EXPECT_TRUE(queued.heard(errc::stopped));
        EXPECT_TRUE(waiting.heard(errc::stopped));
        EXPECT_EQ(gate.arrivals(), 1);
        EXPECT_TRUE(next(running).returned(1));
        EXPECT_TRUE(next(running).heard(test::aborted()));
        if (pool) {
            EXPECT_EQ(pool->ledger().stopped, 3U);
        }
    }
}

TEST_F(Stream, MayBeWrittenThoughThePoolWasStopped) {
    make([this](int n, Writer<int>& out) -> net::awaitable<void> {
        co_await count(n, out);
        co_await gate.pass_stubbornly();
        co_await net::this_coro::throw_if_cancelled(false);
        EXPECT_TRUE(out.is_open());
        co_await out.write(7);
    });
    Numbers stream = open(1);
    Outcome<Numbers> opened;
    pool->submit(std::nullopt, 0, opened.handler());
    poll();
    pool->stop();
    poll();
    EXPECT_EQ(opened.calls(), 0);
    gate.open();
    poll();
    EXPECT_EQ(take(stream), (std::vector{1, 7}));
    EXPECT_TRUE(at_end(stream));
    EXPECT_TRUE(opened.heard({}));
    EXPECT_EQ(pool->ledger().completed, 2U);
}

TEST_F(Stream, IsReadWhileThePoolDrains) {
    make(count, 2);
    Numbers stream = open(5);
    Outcome<dispatch::Ledger> drained;
    pool->drain(drained.handler());
    poll();
    EXPECT_EQ(drained.calls(), 0);  // the handler waits for its reader
    for (int i = 1; i <= 5; ++i) {
        EXPECT_TRUE(next(stream).returned(i));
    }
    EXPECT_TRUE(at_end(stream));
    EXPECT_EQ(drained.calls(), 1);
    EXPECT_EQ(drained.value()->completed, 1U);
}

TEST_F(Stream, OutlivesItsPool) {
    make(count_and_wait(), 2);
    Numbers stream = open(3);
    handles.clear();
    pool.reset();
    poll();
    EXPECT_EQ(heard, std::vector{test::aborted()});
    EXPECT_TRUE(next(stream).returned(1));
    EXPECT_TRUE(next(stream).returned(2));
    EXPECT_TRUE(next(stream).heard(test::aborted()));
    EXPECT_TRUE(at_end(stream));
}

TEST_F(Stream, OutlivesItsContext) {
    const auto token = std::make_shared<int>();
    make(
        [&, token](int n, Writer<int>& out) -> net::awaitable<void> {
            const auto held = token;
            co_await count(n, out);
            co_await gate.pass();
        },
        2);
    Numbers blocked = open(3);
    Numbers waiting = open(1);
    EXPECT_EQ(take(waiting), std::vector{1});
    Part part;
    waiting.next(part.handler());
    Outcome<Numbers> unopened;
    pool->submit(std::nullopt, 0, unopened.handler());
    poll();
    handles.clear();
    context.reset();
    EXPECT_EQ(part.calls(), 0);
    EXPECT_FALSE(part.pending());  // destroyed without being called
    EXPECT_FALSE(unopened.pending());
    EXPECT_EQ(token.use_count(), 1);
    EXPECT_EQ(pool->ledger().stopped, 3U);
    EXPECT_EQ(blocked.try_next(), 1);
    net::io_context elsewhere;
    std::vector<std::error_code> codes;
    for (int i = 0; i != 3; ++i) {
        blocked.next(net::bind_executor(elsewhere, [&](const std::exception_ptr& error, std::optional<int> read) {
            codes.push_back(test::code_of(error));
            EXPECT_EQ(read.has_value(), i == 0);
        }));
        elsewhere.restart();
        elsewhere.run();
    }
    EXPECT_EQ(codes, (std::vector<std::error_code>{{}, make_error_code(errc::abandoned), {}}));
    EXPECT_TRUE(take(waiting).empty());
    pool.reset();
}

// --- backpressure

TEST_F(Stream, HoldsAtMostAsManyPartsAsTheBufferHas) {
    int written = 0;
    make(
        [&](int n, Writer<int>& out) -> net::awaitable<void> {
            for (int i = 1; i <= n; ++i) {
                co_await out.write(i);
                ++written;
            }
        },
        3);
    Numbers stream = open(10);
    EXPECT_EQ(written, 3);
    EXPECT_TRUE(next(stream).returned(1));
    EXPECT_EQ(written, 4);
    EXPECT_EQ(take(stream), (std::vector{2, 3, 4, 5}));  // the fifth waited for room
    poll();
    EXPECT_EQ(written, 8);
    EXPECT_EQ(row().inflight, 1U);
}

TEST_F(Stream, ThatNobodyReadsHoldsItsOwnPermitOnly) {
    make(count, 1, {.max_concurrency = 2});
    Numbers slow = open(5);
    Numbers quick = open(1);
    EXPECT_EQ(take(quick), std::vector{1});
    Numbers another = open(1);
    EXPECT_TRUE(next(another).returned(1));
    EXPECT_EQ(row().inflight, 1U);
}

TEST_F(Stream, TakesPartsThatMayBeLeftOut) {
    std::vector<bool> taken;
    make(
        [&](int, Writer<int>& out) -> net::awaitable<void> {
            for (int i = 1; i <= 3; ++i) {
                taken.push_back(out.try_write(i));
            }
            co_return;
        },
        2);
    Numbers stream = open(0);
    EXPECT_EQ(taken, (std::vector{true, true, false}));
    EXPECT_EQ(take(stream), (std::vector{1, 2}));
    EXPECT_TRUE(at_end(stream));
}

TEST_F(Stream, KeepsTheOrderOfWritesThatWait) {
    make(
        [this](int, Writer<int>& out) -> net::awaitable<void> {
            for (int i = 1; i <= 4; ++i) {
                out.write(i, [this](auto error) { heard.push_back(error); });
            }
            co_await gate.pass();
        },
        1);
    Numbers stream = open(0);
    EXPECT_EQ(heard.size(), 1U);
    EXPECT_EQ(take(stream), (std::vector{1, 2, 3, 4}));
    poll();
    EXPECT_EQ(heard, std::vector<std::error_code>(4));
}

// --- who is seen to do what

TEST_F(Stream, ReportsTheTimeToTheFirstPart) {
    make(count_and_wait());
    dispatch::JobReport report;
    report.worker_id = 7;
    dispatch::SubmitOptions options;
    options.report = &report;
    Numbers stream;
    pool->submit(options, 1, [&](const std::exception_ptr&, Numbers numbers) {
        EXPECT_EQ(report.worker_id, 0U);
        EXPECT_EQ(report.verdict, dispatch::SessionVerdict::none);
        EXPECT_GE(report.ran, 0ns);
        report.worker_id = 7;
        stream = std::move(numbers);
    });
    poll();
    gate.open();
    poll();
    EXPECT_TRUE(next(stream).returned(1));
    EXPECT_EQ(report.worker_id, 7U);  // not written again
    pool->submit(options, 0, [&](const std::exception_ptr&, const Numbers&) { EXPECT_EQ(report.worker_id, 0U); });
    poll();
}

struct Ends {
    std::vector<dispatch::FinishedEvent>* finished;

    void routed(const dispatch::RoutedEvent& /*event*/) noexcept {}
    void started(const dispatch::StartedEvent& /*event*/) noexcept {}
    void finished_event(const dispatch::FinishedEvent& event) noexcept { finished->push_back(event); }
    void dropped(const dispatch::DroppedEvent& /*event*/) noexcept {}
};

struct EndsObserver : Ends {
    void finished(const dispatch::FinishedEvent& event) noexcept { finished_event(event); }
};

TEST(StreamObserver, SeesTheFirstPartAndTheEnd) {
    net::io_context context;
    test::Gate gate;
    std::vector<dispatch::FinishedEvent> ends;
    dispatch::WorkerPool<int, Numbers> pool{dispatch::spawn_workers<int, Numbers>(
        context.get_executor(), 1,
        [&](int n, Writer<int>& out) -> net::awaitable<void> {
            if (n != 0) {
                co_await out.write(n);
            }
            co_await gate.pass();
        },
        {}, EndsObserver{{&ends}})};
    Numbers stream;
    pool.submit(std::nullopt, 1, [&](const std::exception_ptr&, Numbers numbers) { stream = std::move(numbers); });
    test::poll(context);
    EXPECT_TRUE(ends.empty());
    gate.open();
    test::poll(context);
    ASSERT_EQ(ends.size(), 1U);
    ASSERT_TRUE(ends[0].first_part.has_value());
    EXPECT_GE(*ends[0].first_part, 0ns);
    EXPECT_LE(*ends[0].first_part, ends[0].ran);
    pool.submit(std::nullopt, 0, [](const std::exception_ptr&, const Numbers&) {});
    test::poll(context);
    ASSERT_EQ(ends.size(), 2U);
    EXPECT_FALSE(ends[1].first_part.has_value());
}

// --- types

TEST(StreamTypes, PartsMayBeMoveOnly) {
    using Text = std::unique_ptr<std::string>;
    net::io_context context;
    dispatch::WorkerPool<std::unique_ptr<int>, dispatch::Stream<Text>> pool{
        dispatch::spawn_workers<std::unique_ptr<int>, dispatch::Stream<Text>>(
            context.get_executor(), 1,
            [](std::unique_ptr<int> n, Writer<Text>& out, JobContext& job) -> net::awaitable<void> {
                for (int i = 0; i != *n; ++i) {
                    co_await out.write(std::make_unique<std::string>(std::string{job.session()} + std::to_string(i)));
                }
            })};
    std::string read;
    net::co_spawn(
        context,
        [&]() -> net::awaitable<void> {
            auto stream = co_await pool.submit("ada", std::make_unique<int>(20));
            while (const std::optional<Text> part = co_await stream.next()) {
                read += **part;
            }
        },
        net::detached);
    test::poll(context);
    std::string expected;
    for (int i = 0; i != 20; ++i) {
        expected += "ada" + std::to_string(i);
    }
    EXPECT_EQ(read, expected);
}

TEST(StreamTypes, PartsAreDestroyedWithTheirStream) {
    using Token = std::shared_ptr<int>;
    net::io_context context;
    test::Gate gate;
    const Token token = std::make_shared<int>();
    dispatch::WorkerPool<bool, dispatch::Stream<Token>> pool{dispatch::spawn_workers<bool, dispatch::Stream<Token>>(
        context.get_executor(), 1, [&](bool waits, Writer<Token>& out) -> net::awaitable<void> {
            co_await out.write(token);
            co_await out.write(token);
            if (waits) {
                co_await gate.pass();
            }
        })};
    for (const bool waits : {false, true}) {
        dispatch::Stream<Token> stream;
        pool.submit(std::nullopt, waits,
                    [&](const std::exception_ptr&, dispatch::Stream<Token> opened) { stream = std::move(opened); });
        test::poll(context);
        EXPECT_EQ(token.use_count(), 3);
        stream = {};
        EXPECT_EQ(token.use_count(), 1);  // at once
        test::poll(context);
    }
    test::expect_idle(pool);
}

TEST(StreamTypes, RequestAndResponseAreToldByTheHandler) {
    net::io_context context;
    auto workers = dispatch::spawn_workers(context.get_executor(), 1, [](int n, Writer<long>& out) {
        EXPECT_TRUE(out.try_write(n));  // a plain function
    });
    static_assert(std::is_same_v<decltype(workers)::value_type, dispatch::WorkerHandle<int, dispatch::Stream<long>>>);
    dispatch::WorkerPool<int, dispatch::Stream<long>> pool{std::move(workers)};
    std::optional<long> read;
    pool.submit(std::nullopt, 5,
                [&](const std::exception_ptr&, dispatch::Stream<long> stream) { read = stream.try_next(); });
    test::poll(context);
    EXPECT_EQ(read, 5);
}

TEST(StreamTypes, TypedExecutorsAreNotErased) {
    using Executor = net::io_context::executor_type;
    using OnWorker = dispatch::WorkerExecutor<Executor>;
    using Typed = dispatch::Stream<int, Executor>;
    net::io_context context;
    dispatch::WorkerPool<int, Typed, dispatch::LeastLoaded, Executor> pool{
        dispatch::spawn_workers<int, Typed, Executor>(
            context.get_executor(), 2, [](int n, Writer<int, OnWorker>& out) -> net::awaitable<void, OnWorker> {
                for (int i = 1; i <= n; ++i) {
                    co_await out.write(i);
                }
            })};
    int sum = 0;
    net::co_spawn(
        context.get_executor(),
        [&]() -> net::awaitable<void, Executor> {
            Typed stream = co_await pool.submit(std::nullopt, 100);
            while (const std::optional<int> part = co_await stream.next()) {
                sum += *part;
            }
        },
        net::detached);
    test::poll(context);
    EXPECT_EQ(sum, 5050);
}

TEST(StreamTypes, OtherTokens) {
    net::thread_pool threads{1};
    dispatch::WorkerPool<int, Numbers> pool{dispatch::spawn_workers<int, Numbers>(
        threads.get_executor(), 1, [](int n, Writer<int>& out) -> net::awaitable<void> {
            for (int i = 1; i <= n; ++i) {
                test::net_error error;
                co_await out.write(i, net::redirect_error(net::use_awaitable, error));
            }
        })};
    Numbers stream = pool.submit(std::nullopt, 40, net::use_future).get();
    int sum = 0;
    while (const std::optional<int> part = stream.next(net::use_future).get()) {
        sum += *part;
    }
    EXPECT_EQ(sum, 820);
}

// --- threads

TEST(StreamThreads, AReaderOnAnotherContextReadsAll) {
    net::io_context own;  // first: the pool's threads post to it to their ends
    net::thread_pool threads{2};
    dispatch::PoolOptions options;
    options.stream_buffer = 2;
    dispatch::WorkerPool<int, Numbers> pool{
        dispatch::spawn_workers<int, Numbers>(threads.get_executor(), 2,
                                              [](int n, Writer<int>& out) -> net::awaitable<void> {
                                                  for (int i = 1; i <= n; ++i) {
                                                      co_await out.write(i);
                                                  }
                                              }),
        options};
    int complete = 0;
    for (int client = 0; client != 8; ++client) {
        net::co_spawn(
            own,
            [&]() -> net::awaitable<void> {
                const std::thread::id here = std::this_thread::get_id();
                Numbers stream = co_await pool.submit(std::nullopt, 200);
                int expected = 0;
                while (const std::optional<int> part = co_await stream.next()) {
                    EXPECT_EQ(*part, ++expected);
                    EXPECT_EQ(std::this_thread::get_id(), here);
                }
                complete += expected == 200;
            },
            net::detached);
    }
    own.run();
    EXPECT_EQ(complete, 8);
}

TEST(StreamThreads, AJobThatHasMovedIsCancelledWhereItRuns) {
    net::io_context context;
    test::Gate gate;
    int cancelled = 0;
    dispatch::WorkerPool<int, Numbers> pool{
        dispatch::spawn_workers<int, Numbers>(context.get_executor(), 2,
                                              [&](int n, Writer<int>& out) -> net::awaitable<void> {
                                                  co_await out.write(n);
                                                  try {
                                                      co_await gate.pass();
                                                  } catch (const std::system_error&) {
                                                      ++cancelled;
                                                      throw;
                                                  }
                                              },
                                              {.max_concurrency = 1})};
    // The third waits behind one of the two, and runs on the worker that is free first, which may be another one.
    std::vector<Numbers> streams;
    for (int i = 0; i != 4; ++i) {
        pool.submit(std::nullopt, i, [&](const std::exception_ptr& error, Numbers numbers) {
            EXPECT_FALSE(error);
            streams.push_back(std::move(numbers));
        });
    }
    test::poll(context);
    ASSERT_EQ(streams.size(), 2U);
    streams.erase(streams.begin());  // one worker runs both of those that wait, one after the other
    test::poll(context);
    ASSERT_EQ(streams.size(), 2U);
    streams.pop_back();
    test::poll(context);
    ASSERT_EQ(streams.size(), 2U);
    streams.clear();
    test::poll(context);
    EXPECT_EQ(cancelled, 4);
    EXPECT_EQ(pool.ledger().cancelled, 4U);
    EXPECT_EQ(pool.ledger().moved, 1U);
    test::expect_idle(pool);
}

}  // namespace stream_test
