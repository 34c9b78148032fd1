// SPDX-License-Identifier: Apache-2.0
//
// What nobody should pass, and somebody will: each has a defined result, and nothing is lost.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace bad_input_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using Clock = std::chrono::steady_clock;
using dispatch::errc;
using dispatch::JobContext;
using dispatch::PoolOptions;
using dispatch::SubmitOptions;
using dispatch::WorkerOptions;
using test::Outcome;
using Pool = dispatch::WorkerPool<int, int>;
using Handle = dispatch::WorkerHandle<int, int>;

constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();

net::awaitable<int> echo(int value) { co_return value; }

/// Calls function, which must throw std::invalid_argument with all of these words in its message.
template <typename Function>
void expect_invalid(Function&& function, std::initializer_list<const char*> words) {
    try {
        function();
        ADD_FAILURE() << "accepted; expected a complaint about " << *words.begin();
    } catch (const std::invalid_argument& error) {
        for (const char* const word : words) {
            EXPECT_NE(std::string_view{error.what()}.find(word), std::string_view::npos)
                << '"' << error.what() << "\" does not say " << word;
        }
    }
}

class BadInput : public test::PoolFixture<int, int> {
  protected:
    std::vector<Handle> spawn(std::size_t n, WorkerOptions options = {}) {
        return dispatch::spawn_workers<int, int>(context->get_executor(), n, echo, options);
    }

    /// Handles without a pool can still be made one of.
    void expect_usable(std::vector<Handle> workers) {
        const std::size_t n = workers.size();
        Pool fresh{std::move(workers)};
        EXPECT_EQ(fresh.size(), n);
        std::vector<Outcome<int>> outcomes(2 * n);
        for (Outcome<int>& outcome : outcomes) {
            fresh.submit(std::nullopt, 7, outcome.handler());
        }
        poll();
        for (const Outcome<int>& outcome : outcomes) {
            EXPECT_TRUE(outcome.returned(7));
        }
        test::expect_idle(fresh);
    }

    /// For a handler that ends its own pool.
    void expect_one_to_return() {
        Outcome<int> outcomes[4];
        for (Outcome<int>& outcome : outcomes) {
            pool->submit(std::nullopt, 1, outcome.handler());
        }
        context->run();
        int returned = 0;
        for (const Outcome<int>& outcome : outcomes) {
            EXPECT_EQ(outcome.calls(), 1);
            returned += outcome.returned(1) ? 1 : 0;
        }
        EXPECT_EQ(returned, 1) << "the handler that did it, and no other";
    }
};

// ---------------------------------------------------------------------------------------------------
// Workers.

TEST_F(BadInput, NoWorkers) {
    expect_invalid([&] { spawn(0); }, {"spawn_workers: n", "is 0"});
    EXPECT_FALSE(test::has_work(*context));
}

TEST_F(BadInput, TooManyWorkers) {
    expect_invalid([&] { spawn(huge); }, {"spawn_workers: n"});
    expect_invalid([&] { spawn((std::size_t{1} << 20) + 1); }, {"spawn_workers: n"});
}

TEST_F(BadInput, NoConcurrency) {
    expect_invalid([&] { spawn(1, {.max_concurrency = 0}); }, {"WorkerOptions::max_concurrency", "is 0"});
}

TEST_F(BadInput, TooMuchConcurrency) {
    expect_invalid([&] { spawn(1, {.max_concurrency = huge}); }, {"WorkerOptions::max_concurrency"});
    expect_invalid([&] { spawn(1, {.max_concurrency = (std::size_t{1} << 30) + 1}); },
                   {"WorkerOptions::max_concurrency"});
}

TEST_F(BadInput, NoQueue) {
    expect_invalid([&] { spawn(1, {.queue_capacity = 0}); }, {"WorkerOptions::queue_capacity", "is 0"});
}

TEST_F(BadInput, TooLongAQueue) {
    expect_invalid([&] { spawn(1, {.queue_capacity = huge}); }, {"WorkerOptions::queue_capacity"});
}

TEST_F(BadInput, TheLargestLimitsWork) {
    constexpr std::size_t most = std::size_t{1} << 30;
    expect_usable(spawn(1, {.max_concurrency = most, .queue_capacity = most}));
    expect_usable(spawn(1, {.max_concurrency = 1, .queue_capacity = 1}));
}

TEST_F(BadInput, AHandlerThatCannotBeCopied) {
    struct Reluctant {
        int* copies_left;
        Reluctant(int& left) : copies_left{&left} {}
        Reluctant(const Reluctant& other) : copies_left{other.copies_left} {
            if ((*copies_left)-- == 0) {
                throw std::runtime_error{"no more copies"};
            }
        }
        net::awaitable<int> operator()(int value) const { return echo(value); }
    };
    for (int copies = 0; copies != 5; ++copies) {
        int left = copies;
        const Reluctant handler{left};
        EXPECT_THROW((dispatch::spawn_workers<int, int>(context->get_executor(), 4, handler)), std::runtime_error);
    }
    poll();
    EXPECT_FALSE(test::has_work(*context)) << "the workers that had been made are still there";
}

// ---------------------------------------------------------------------------------------------------
// The pool's making.

TEST_F(BadInput, AnEmptyWorkerList) {
    expect_invalid([] { Pool nobody{{}}; }, {"workers", "empty"});
}

TEST_F(BadInput, ANegativeTtl) {
    const std::vector<Handle> workers = spawn(2);
    expect_invalid([&] { Pool bad(workers, {.affinity_ttl = -1ns}); }, {"PoolOptions::affinity_ttl", "negative"});
    expect_invalid([&] { Pool bad(workers, {.affinity_ttl = std::chrono::nanoseconds::min()}); },
                   {"PoolOptions::affinity_ttl"});
    expect_usable(workers);
}

TEST_F(BadInput, NoSessions) {
    const std::vector<Handle> workers = spawn(2);
    expect_invalid([&] { Pool bad(workers, {.max_sessions = 0}); }, {"PoolOptions::max_sessions", "is 0"});
    expect_invalid([&] { Pool bad(workers, {.max_sessions = huge}); }, {"PoolOptions::max_sessions"});
    expect_usable(workers);
}

TEST_F(BadInput, EnumeratorsThatDoNotExist) {
    const std::vector<Handle> workers = spawn(2);
    expect_invalid([&] { Pool bad(workers, {.affinity_expiry = static_cast<dispatch::AffinityExpiry>(77)}); },
                   {"PoolOptions::affinity_expiry", "77"});
    expect_invalid([&] { Pool bad(workers, {.overflow = static_cast<dispatch::Overflow>(77)}); },
                   {"PoolOptions::overflow", "77"});
    expect_usable(workers);
}

TEST_F(BadInput, BadOptionsAreFoundBeforeBadWorkers) {
    expect_invalid([] { Pool bad({}, {.affinity_ttl = -1s}); }, {"PoolOptions::affinity_ttl"});
}

TEST_F(BadInput, AWorkerThatComesTwice) {
    const std::vector<Handle> workers = spawn(3);
    expect_invalid([&] { Pool bad({workers[0], workers[1], workers[0], workers[2]}); }, {"workers[2]", "id 0", "pool"});
    expect_usable(workers);
}

TEST_F(BadInput, AWorkerWhoseHandleWasMovedFrom) {
    std::vector<Handle> workers = spawn(3);
    const Handle taken = std::move(workers[1]);
    expect_invalid([&] { Pool bad{workers}; }, {"workers[1]", "moved from"});
    expect_usable({workers[0], taken, workers[2]});
}

TEST_F(BadInput, WorkersOfTwoContexts) {
    net::io_context other;
    std::vector<Handle> workers = spawn(2);
    const std::vector<Handle> others = dispatch::spawn_workers<int, int>(other.get_executor(), 1, echo);
    expect_invalid([&] { Pool mixed({workers[0], workers[1], others[0]}); }, {"workers[2]", "id 0", "context"});
    expect_usable(workers);
    // A strand is no other context.
    const std::vector<Handle> strand = dispatch::spawn_workers<int, int>(net::make_strand(*context), 1, echo);
    const std::vector<Handle> more = spawn(1);
    expect_usable({more[0], strand[0]});
}

TEST_F(BadInput, WorkersWhoseContextIsGone) {
    std::optional<net::io_context> other{std::in_place};
    const std::vector<Handle> workers = dispatch::spawn_workers<int, int>(other->get_executor(), 2, echo);
    other.reset();
    expect_invalid([&] { Pool late{workers}; }, {"workers[0]", "id 0", "context"});
}

TEST_F(BadInput, WorkersInTwoPools) {
    const std::vector<Handle> workers = spawn(2);
    const std::vector<Handle> others = spawn(2);
    std::optional<Pool> first{workers};
    expect_invalid([&] { Pool second{workers}; }, {"workers[0]", "pool"});
    // Those that came before the bad one are free again.
    expect_invalid([&] { Pool second({others[0], others[1], workers[1]}); }, {"workers[2]", "id 1", "pool"});
    expect_usable(others);

    Outcome<int> outcome;
    first->submit(std::nullopt, 1, outcome.handler());
    poll();
    EXPECT_TRUE(outcome.returned(1)) << "the first pool does not notice";
    first.reset();
    expect_invalid([&] { Pool second{workers}; }, {"workers[0]"});
}

TEST_F(BadInput, APoolThatCouldNotBeMadeIsNoPool) {
    // The handles that only the constructor had are gone, and their workers with them.
    const auto witness = std::make_shared<int>(0);
    expect_invalid(
        [&] {
            Pool bad(
                dispatch::spawn_workers<int, int>(context->get_executor(), 2, [witness](int value) { return value; }),
                {.max_sessions = 0});
        },
        {"PoolOptions::max_sessions"});
    poll();
    EXPECT_EQ(witness.use_count(), 1);
}

// ---------------------------------------------------------------------------------------------------
// Sessions.

TEST_F(BadInput, ASessionOfTenMegabytes) {
    const std::string session(10'000'000, 's');
    std::size_t intact = 0;
    std::vector<std::size_t> workers;
    dispatch::WorkerPool<int, int> pinning{dispatch::spawn_workers<int, int>(
        context->get_executor(), 4, [&](int value, JobContext& job) -> net::awaitable<int> {
            intact += job.session() == session ? 1 : 0;
            workers.push_back(job.worker_id());
            co_return value;
        })};
    Outcome<int> outcomes[3];
    for (int i = 0; i != 3; ++i) {
        pinning.submit(session, i, outcomes[i].handler());
    }
    Outcome<int> past;
    SubmitOptions options;
    options.session = session;
    options.deadline = Clock::now() - 1s;
    pinning.submit(options, 3, past.handler());
    context->run();
    for (int i = 0; i != 3; ++i) {
        EXPECT_TRUE(outcomes[i].returned(i));
    }
    EXPECT_TRUE(past.heard(errc::deadline_exceeded));
    EXPECT_EQ(intact, 3U);
    EXPECT_EQ(workers, std::vector<std::size_t>(3, workers.front())) << "all of it is the session's name";
    test::expect_idle(pinning);
}

TEST_F(BadInput, SessionsThatDifferInTheirLastByteAlone) {
    std::map<char, std::size_t> worker_of;
    dispatch::WorkerPool<int, int> pinning{dispatch::spawn_workers<int, int>(
        context->get_executor(), 4, [&](int value, JobContext& job) -> net::awaitable<int> {
            const char last = job.session().back();
            const auto [known, fresh] = worker_of.emplace(last, job.worker_id());
            EXPECT_TRUE(fresh || known->second == job.worker_id());
            co_return value;
        })};
    for (int round = 0; round != 3; ++round) {
        for (const char last : {'a', 'b', 'c', 'd'}) {
            Outcome<int> outcome;
            pinning.submit(std::string(1'000'000, 'x') + last, 1, outcome.handler());
            poll();
            EXPECT_TRUE(outcome.returned(1));
        }
    }
    std::size_t sessions = 0;
    for (const dispatch::WorkerMetrics& row : pinning.worker_metrics()) {
        EXPECT_EQ(row.sessions, 1U) << "new sessions go where the fewest are";
        sessions += row.sessions;
    }
    EXPECT_EQ(sessions, 4U);
    EXPECT_EQ(worker_of.size(), 4U);
}

TEST_F(BadInput, OddSessionNames) {
    using Text = dispatch::WorkerPool<int, std::string>;
    Text pinning{dispatch::spawn_workers<int, std::string>(
        context->get_executor(), 2, [](int, JobContext& job) { return std::string{job.session()}; })};
    const std::string with_zeros("a\0b\0", 4);
    const std::string bytes("\xff\xfe\x80\n\r\"", 6);
    const std::string names[] = {"", with_zeros, std::string("a\0c\0", 4), bytes, std::string(1, '\0')};
    for (const std::string& name : names) {
        Outcome<std::string> outcome;
        pinning.submit(name, 0, outcome.handler());
        poll();
        EXPECT_TRUE(outcome.returned(name));
    }
    const std::vector<dispatch::WorkerMetrics> rows = pinning.worker_metrics();
    EXPECT_EQ(rows[0].sessions + rows[1].sessions, std::size(names)) << "five names, five sessions";
}

TEST_F(BadInput, AMillionDistinctSessions) {
    constexpr int sessions = 1'000'000;
    constexpr std::size_t remembered = 100;
    make_pool(8, [](int value) { return value; }, {},
              {.affinity_ttl = 24h, .max_sessions = remembered, .overflow = dispatch::Overflow::reject});
    std::uint64_t answered = 0;
    std::uint64_t wrong = 0;
    std::string session = "session ";
    const std::size_t prefix = session.size();
    for (int i = 0; i != sessions; ++i) {
        session.resize(prefix);
        session += std::to_string(i);
        pool->submit(session, i, [&answered, &wrong, i](std::exception_ptr error, int value) {
            ++answered;
            wrong += error || value != i ? 1 : 0;
        });
        if (i % 1'000 == 999) {
            poll();
            std::size_t pinned = 0;
            for (const dispatch::WorkerMetrics& row : pool->worker_metrics()) {
                pinned += row.sessions;
            }
            ASSERT_LE(pinned, remembered);
        }
    }
    poll();
    EXPECT_EQ(answered, static_cast<std::uint64_t>(sessions));
    EXPECT_EQ(wrong, 0U) << "no request is refused for want of room in the session map";
    std::size_t pinned = 0;
    for (const dispatch::WorkerMetrics& row : pool->worker_metrics()) {
        pinned += row.sessions;
    }
    EXPECT_EQ(pinned, remembered);
}

TEST_F(BadInput, AMapForOneSession) {
    make_pool(2, [](int value) { return value; }, {}, {.max_sessions = 1});
    for (int i = 0; i != 100; ++i) {
        Outcome<int> outcome;
        pool->submit(i % 2 == 0 ? "one" : "other", i, outcome.handler());
        poll();
        EXPECT_TRUE(outcome.returned(i));
        EXPECT_EQ(pool->worker_metrics()[0].sessions + pool->worker_metrics()[1].sessions, 1U);
    }
}

TEST_F(BadInput, ATtlBeyondTheEndOfTime) {
    make_pool(2, echo, {}, {.affinity_ttl = std::chrono::nanoseconds::max()});
    for (const char* const session : {"a", "b", "a"}) {
        Outcome<int> outcome;
        pool->submit(session, 1, outcome.handler());
        poll();
        EXPECT_TRUE(outcome.returned(1));
    }
    EXPECT_EQ(pool->worker_metrics()[0].sessions, 1U);
    EXPECT_EQ(pool->worker_metrics()[1].sessions, 1U);
}

TEST_F(BadInput, ATtlOfZeroTurnsAffinityOff) {
    make_pool(2, echo, {}, {.affinity_ttl = 0ns});
    Outcome<int> outcomes[2];
    for (Outcome<int>& outcome : outcomes) {
        pool->submit("session", 1, outcome.handler());
    }
    EXPECT_EQ(handles[0].load(), 1U);
    EXPECT_EQ(handles[1].load(), 1U);
    poll();
    EXPECT_EQ(pool->worker_metrics()[0].sessions + pool->worker_metrics()[1].sessions, 0U);
}

// ---------------------------------------------------------------------------------------------------
// Deadlines.

TEST_F(BadInput, DeadlinesFromTheEndsOfTime) {
    make_pool(1, echo);
    Outcome<int> first;
    Outcome<int> last;
    SubmitOptions options;
    options.deadline = Clock::time_point::min();
    pool->submit(options, 1, first.handler());
    options.deadline = Clock::time_point::max();
    pool->submit(options, 2, last.handler());
    EXPECT_TRUE(test::run_until(*context, [&] { return first.calls() != 0 && last.calls() != 0; }));
    EXPECT_TRUE(first.heard(errc::deadline_exceeded));
    EXPECT_TRUE(last.returned(2));
    poll();
    EXPECT_FALSE(test::has_work(*context));
}

// ---------------------------------------------------------------------------------------------------
// Calls at the wrong time.

TEST_F(BadInput, SubmitAfterStop) {
    make_pool(1, echo);
    pool->stop();
    Outcome<int> outcomes[3];
    SubmitOptions options;
    options.session = "session";
    options.deadline = Clock::now() + 1h;
    pool->submit("session", 1, outcomes[0].handler());
    pool->try_submit(std::nullopt, 1, outcomes[1].handler());
    pool->submit(options, 1, outcomes[2].handler());
    for (const Outcome<int>& outcome : outcomes) {
        EXPECT_EQ(outcome.calls(), 0) << "completed within the initiating function";
    }
    context->run();
    for (const Outcome<int>& outcome : outcomes) {
        EXPECT_TRUE(outcome.heard(errc::stopped));
    }
    EXPECT_EQ(handles[0].load(), 0U);
}

TEST_F(BadInput, SubmitAfterDrainAndDrainTwice) {
    make_pool(1, echo);
    int drained = 0;
    const auto count = [&](std::exception_ptr error, dispatch::Ledger) { drained += error ? 100 : 1; };
    pool->drain(count);
    pool->drain(count);
    Outcome<int> outcome;
    pool->submit("session", 1, outcome.handler());
    context->run();
    EXPECT_EQ(drained, 2);
    EXPECT_TRUE(outcome.heard(errc::stopped));
}

TEST_F(BadInput, StopFromWithinAHandlerAgainAndAgain) {
    make_pool(2, [this](int value) -> net::awaitable<int> {
        pool->stop();
        pool->drain([](std::exception_ptr, dispatch::Ledger) {});
        pool->stop();
        co_return value;
    });
    expect_one_to_return();
}

TEST_F(BadInput, DestroyThePoolFromWithinAHandler) {
    make_pool(2, [this](int value) -> net::awaitable<int> {
        pool.reset();
        co_return value;
    });
    expect_one_to_return();
}

// ---------------------------------------------------------------------------------------------------
// Requests, responses and handlers that throw.

TEST_F(BadInput, AHandlerThatThrowsWhatIsNoException) {
    make_pool(1, [](int value) -> net::awaitable<int> {
        if (value == 0) {
            throw 42;
        }
        co_return value;
    });
    Outcome<int> bad;
    Outcome<int> good;
    pool->submit(std::nullopt, 0, bad.handler());
    pool->submit(std::nullopt, 1, good.handler());
    poll();
    ASSERT_EQ(bad.calls(), 1);
    try {
        std::rethrow_exception(bad.error());
    } catch (const int thrown) {
        EXPECT_EQ(thrown, 42);
    }
    EXPECT_TRUE(good.returned(1));
    EXPECT_EQ(handles[0].errors(), 1U);
}

}  // namespace bad_input_test
