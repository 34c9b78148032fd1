// SPDX-License-Identifier: Apache-2.0
//
// Execution contexts that are destroyed while handlers wait in one another's streams: whatever they hold is let go of,
// also where they hold one another, and nobody is called.
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>
#include <dispatch/simulation.hpp>
#include <dispatch/stream.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace stream_shutdown_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using Numbers = dispatch::Stream<int>;
using Writer = dispatch::Writer<int>;
/// Where a stream comes to lie once it is open: a handler gets it, and so keeps the stream's reader.
using Seat = std::shared_ptr<Numbers>;
using Pool = dispatch::WorkerPool<Seat, Numbers>;
using Task = net::awaitable<void>;
using Handler = std::function<Task(Seat, Writer&)>;

class StreamShutdown : public testing::Test {
  protected:
    ~StreamShutdown() override {
        EXPECT_EQ(token.use_count(), 1);  // no handler is left, nor what would be called for it
        EXPECT_EQ(calls, 0);
    }

    /// Counted: what is called that should be destroyed.
    auto must_not_be_called() {
        return [this, held = token](auto&&...) { ++calls; };
    }

    /// Writes a part, waits at the gate, and reads the stream of its seat to the end.
    Handler reads() {
        return [this](Seat seat, Writer& out) -> Task {
            const auto held = token;
            co_await out.write(1);
            co_await gate.pass();
            while (co_await seat->next()) {
            }
            ++calls;
        };
    }

    /// Writes more than anybody reads. Keeps the stream of its seat.
    Handler writes() {
        return [this](Seat /*kept*/, Writer& out) -> Task {
            const auto held = token;
            for (;;) {
                co_await out.write(1);
            }
        };
    }

    /// Writes a part, and waits at the gate.
    Handler waits() {
        return [this](const Seat& /*seat*/, Writer& out) -> Task {
            const auto held = token;
            co_await out.write(1);
            co_await gate.pass();
        };
    }

    static Pool make(net::io_context& context, std::size_t workers, Handler handler) {
        dispatch::PoolOptions options;
        options.stream_buffer = 2;
        return Pool{dispatch::spawn_workers<Seat, Numbers>(context.get_executor(), workers, std::move(handler)),
                    options};
    }

    /// Has a job of pool run, which gets the stream of gets, and whose own comes to lie in gives.
    static void submit(Pool& pool, const Seat& gets, const Seat& gives, bool has_deadline = false) {
        dispatch::SubmitOptions options;
        if (has_deadline) {
            options.deadline = std::chrono::steady_clock::now() + 24h;
        }
        pool.submit(options, gets, [gives](const std::exception_ptr& error, Numbers stream) {
            EXPECT_FALSE(error);
            *gives = std::move(stream);
        });
    }

    static Seat seat() { return std::make_shared<Numbers>(); }

    /// All do what they can.
    void poll() {
        for (int i = 0; i != 3; ++i) {
            test::poll(*here);
            test::poll(*elsewhere);
        }
    }

    /// Those that read have come to the gate, and wait for a part after this.
    void let_read(int readers) {
        poll();
        ASSERT_EQ(gate.arrivals(), readers);
        gate.open();
        poll();
    }

    const std::shared_ptr<int> token = std::make_shared<int>();
    int calls = 0;
    test::Gate gate;
    std::optional<net::io_context> here{std::in_place};
    std::optional<net::io_context> elsewhere{std::in_place};
};

struct Arrangement {
    std::size_t workers;  ///< in a pool
    bool two_pools;
    bool has_deadline;
};

class StreamShutdownOfReaders : public StreamShutdown, public testing::WithParamInterface<Arrangement> {};

TEST_P(StreamShutdownOfReaders, WhoReadEachOther) {
    const auto [workers, two_pools, has_deadline] = GetParam();
    Pool pool = make(*here, workers, reads());
    std::optional<Pool> other;
    if (two_pools) {
        other = make(*here, workers, reads());
    }
    {
        const Seat first = seat();
        const Seat second = seat();
        submit(pool, second, first, has_deadline);
        submit(other ? *other : pool, first, second, has_deadline);
        let_read(2);
    }
    EXPECT_EQ(test::endings(pool.ledger()), 0U);
    here.reset();
    EXPECT_EQ(pool.ledger().stopped, two_pools ? 1U : 2U);
    test::expect_idle(pool);
}

TEST_P(StreamShutdownOfReaders, WhoReadInARing) {
    const auto [workers, two_pools, has_deadline] = GetParam();
    Pool pool = make(*here, workers, reads());
    std::optional<Pool> other;
    if (two_pools) {
        other = make(*here, workers, reads());
    }
    {
        const std::vector<Seat> seats{seat(), seat(), seat(), seat(), seat()};
        for (std::size_t i = 0; i != seats.size(); ++i) {
            submit(other && i % 2 == 1 ? *other : pool, seats[i], seats[(i + 1) % seats.size()], has_deadline);
        }
        let_read(5);
    }
    here.reset();
    EXPECT_EQ(pool.ledger().stopped, two_pools ? 3U : 5U);
    test::expect_idle(pool);
}

INSTANTIATE_TEST_SUITE_P(All, StreamShutdownOfReaders,
                         testing::Values(Arrangement{1, false, false}, Arrangement{2, false, false},
                                         Arrangement{1, true, false}, Arrangement{2, true, true},
                                         Arrangement{1, false, true}));

TEST_F(StreamShutdown, OfOneWhoReadsItself) {
    Pool pool = make(*here, 1, reads());
    {
        const Seat own = seat();
        submit(pool, own, own);
        let_read(1);
    }
    here.reset();
    EXPECT_EQ(pool.ledger().stopped, 1U);
}

TEST_F(StreamShutdown, OfOneWhoAwaitsAJobThatReadsIt) {
    dispatch::WorkerPool<Seat, int> plain{
        dispatch::spawn_workers<Seat, int>(here->get_executor(), 1, [this](Seat seat) -> net::awaitable<int> {
            const auto held = token;
            co_await seat->next();
            co_return ++calls;
        })};
    Pool pool = make(*here, 1, [&](Seat own, Writer& out) -> Task {
        const auto held = token;
        co_await out.write(1);
        co_await gate.pass();
        own->try_next();
        co_await plain.submit(std::nullopt, own);
        ++calls;
    });
    {
        const Seat own = seat();
        submit(pool, own, own);
        let_read(1);
    }
    EXPECT_EQ(plain.worker_metrics()[0].inflight, 1U);
    here.reset();
    EXPECT_EQ(pool.ledger().stopped, 1U);
    EXPECT_EQ(plain.ledger().stopped, 1U);
}

TEST_F(StreamShutdown, OfTheContextOfAStreamThatIsReadOnAnother) {
    Pool reader = make(*here, 1, reads());
    Pool pool = make(*elsewhere, 1, waits());
    const Seat last = seat();
    {
        const Seat read = seat();
        submit(pool, nullptr, read);
        submit(reader, read, last);
        poll();
    }
    gate.open();
    test::poll(*here);
    elsewhere.reset();
    EXPECT_EQ(pool.ledger().stopped, 1U);
    // The reader's coroutine is destroyed, but where it runs: its own context lives.
    EXPECT_EQ(reader.worker_metrics()[0].inflight, 1U);
    test::poll(*here);
    EXPECT_EQ(reader.ledger().failed, 1U);
    test::expect_idle(reader);
}

TEST_F(StreamShutdown, OfWritersWhoKeepOneAnother) {
    // As in a pipeline that its last reader has left alone.
    for (const std::size_t workers : {1U, 2U}) {
        here.emplace();
        Pool pool = make(*here, workers, writes());
        Pool other = make(*here, workers, writes());
        {
            const Seat first = seat();
            const Seat second = seat();
            const Seat third = seat();
            submit(pool, third, first);
            submit(other, first, second);
            submit(pool, second, third);
            poll();
        }
        here.reset();
        EXPECT_EQ(pool.ledger().stopped, 2U);
        EXPECT_EQ(other.ledger().stopped, 1U);
        EXPECT_EQ(token.use_count(), 1);
    }
}

TEST_F(StreamShutdown, OfCallbacksThatKeepEachOthersStreams) {
    Pool pool = make(*here, 1, waits());
    {
        const Seat first = seat();
        const Seat second = seat();
        submit(pool, nullptr, first);
        submit(pool, nullptr, second);
        poll();
        for (const auto& [reads, keeps] : {std::pair{first, second}, std::pair{second, first}}) {
            EXPECT_EQ(reads->try_next(), 1);
            reads->next(
                [keep = keeps, last = must_not_be_called()](const std::exception_ptr&, std::optional<int>) { last(); });
        }
    }
    here.reset();
    EXPECT_EQ(pool.ledger().stopped, 2U);
}

/// After each step from that on in which a handler is lost: nobody looks for its stream, which has gone.
TEST(StreamShutdownInSteps, OfOneWhoseHandlerIsLost) {
    using Executor = dispatch::simulation::Executor;
    bool through = false;
    for (int steps = 0; !through; ++steps) {
        std::optional<dispatch::simulation::Context> context{std::in_place};
        std::optional<net::io_context> elsewhere{std::in_place};
        const auto token = std::make_shared<int>();
        using Steps = dispatch::Stream<int, Executor>;
        dispatch::WorkerPool<int, Steps, dispatch::LeastLoaded, Executor> pool{
            dispatch::spawn_workers<int, Steps, Executor>(context->get_executor(), 1,
                                                          [&, token](int n, Writer& out) -> Task {
                                                              const auto held = token;
                                                              co_await out.write(n);
                                                              co_await net::post(*elsewhere, net::use_awaitable);
                                                          })};
        pool.submit(std::nullopt, 1, [](const std::exception_ptr&, const Steps&) {});  // destroys it
        context->poll();
        EXPECT_EQ(pool.worker_metrics()[0].inflight, 1U);
        elsewhere.reset();
        for (int step = 0; step != steps && !through; ++step) {
            through = !context->run_one();
        }
        context.reset();
        EXPECT_EQ(token.use_count(), 1);
        test::expect_idle(pool);
    }
}

}  // namespace stream_shutdown_test
