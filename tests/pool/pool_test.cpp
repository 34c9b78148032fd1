// SPDX-License-Identifier: Apache-2.0
//
// What a pool promises with its jobs left in peace. Tokens, cancellation, deadlines and lifetimes have
// files of their own.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>
#include <dispatch/simulation.hpp>

#include "../support/asio.hpp"

namespace {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using dispatch::errc;
using dispatch::Ledger;
using dispatch::Overflow;
using Pool = dispatch::WorkerPool<int, int>;

/// The code of a std::system_error; empty for success, ECHILD (which nobody uses) for anything else.
std::error_code code_of(const std::exception_ptr& error) {
    try {
        if (error) {
            std::rethrow_exception(error);
        }
        return {};
    } catch (const std::system_error& e) {
        return e.code();
    } catch (...) {
        return std::make_error_code(std::errc::no_child_process);
    }
}

std::uint64_t ended(const Ledger& ledger) {
    return ledger.completed + ledger.failed + ledger.rejected + ledger.expired + ledger.cancelled + ledger.stopped;
}

void expect_idle(const Pool& pool) {
    for (const dispatch::WorkerMetrics& row : pool.worker_metrics()) {
        EXPECT_EQ(row.inflight, 0U);
        EXPECT_EQ(row.queue_len, 0U);
        EXPECT_EQ(row.waiting, 0U);
    }
    EXPECT_EQ(pool.ledger().submitted, ended(pool.ledger()));
}

/// Handlers stop here until the test lets them go on; with a hand-driven context only.
class Gate {
  public:
    explicit Gate(net::io_context& context) : timer_{context, std::chrono::steady_clock::time_point::max()} {}

    net::awaitable<void> pass() {
        while (!open_) {
            detail_error error;
            co_await timer_.async_wait(net::redirect_error(net::use_awaitable, error));
        }
    }
    void open() {
        open_ = true;
        timer_.cancel();
    }

  private:
    using detail_error = dispatch::detail::net_error;
    net::steady_timer timer_;
    bool open_ = false;
};

struct Outcome {
    int calls = 0;
    std::exception_ptr error;
    int value = 0;
    auto handler() {
        return [this](std::exception_ptr e, int v) {
            ++calls;
            error = e;
            value = v;
        };
    }
};

std::vector<dispatch::WorkerHandle<int, int>> spawn_adders(const net::any_io_executor& executor, std::size_t n,
                                                           dispatch::WorkerOptions options = {}) {
    return dispatch::spawn_workers<int, int>(
        executor, n, [](int value) -> net::awaitable<int> { co_return value + 1; }, options);
}

TEST(Pool, GivesEachCallerItsResponse) {
    net::io_context context;
    Pool pool{spawn_adders(context.get_executor(), 3)};
    std::vector<Outcome> outcomes(100);
    for (int i = 0; i != 100; ++i) {
        pool.submit(std::nullopt, i, outcomes[static_cast<std::size_t>(i)].handler());
    }
    for (const Outcome& outcome : outcomes) {
        EXPECT_EQ(outcome.calls, 0) << "completed within the initiating function";
    }
    context.run();
    for (int i = 0; i != 100; ++i) {
        EXPECT_EQ(outcomes[static_cast<std::size_t>(i)].calls, 1);
        EXPECT_FALSE(outcomes[static_cast<std::size_t>(i)].error);
        EXPECT_EQ(outcomes[static_cast<std::size_t>(i)].value, i + 1);
    }
    EXPECT_EQ(pool.ledger().completed, 100U);
    expect_idle(pool);
}

TEST(Pool, PassesTheHandlersOwnExceptionOn) {
    struct Odd : std::runtime_error {
        using std::runtime_error::runtime_error;
    };
    net::io_context context;
    Pool pool{dispatch::spawn_workers<int, int>(context.get_executor(), 1, [](int value) -> net::awaitable<int> {
        if (value % 2 != 0) {
            throw Odd{"odd: " + std::to_string(value)};
        }
        co_return value;
    })};
    std::vector<Outcome> outcomes(10);
    for (int i = 0; i != 10; ++i) {
        pool.submit(std::nullopt, i, outcomes[static_cast<std::size_t>(i)].handler());
    }
    context.run();
    for (int i = 0; i != 10; ++i) {
        const Outcome& outcome = outcomes[static_cast<std::size_t>(i)];
        ASSERT_EQ(outcome.calls, 1);
        if (i % 2 == 0) {
            EXPECT_FALSE(outcome.error);
            EXPECT_EQ(outcome.value, i);
        } else {
            try {
                std::rethrow_exception(outcome.error);
            } catch (const Odd& odd) {
                EXPECT_EQ(odd.what(), "odd: " + std::to_string(i));
            }
        }
    }
    EXPECT_EQ(pool.worker_metrics()[0].errors, 5U);
    EXPECT_EQ(pool.ledger().failed, 5U);
    EXPECT_EQ(pool.ledger().completed, 5U);
    expect_idle(pool);
}

TEST(Pool, PlainFunctionsAreHandlersToo) {
    net::io_context context;
    Pool pool{dispatch::spawn_workers(context.get_executor(), 2, [](int value) {
        return value == 7 ? throw std::runtime_error{"seven"} : 2 * value;
    })};
    Outcome good;
    Outcome bad;
    pool.submit(std::nullopt, 21, good.handler());
    pool.submit(std::nullopt, 7, bad.handler());
    context.run();
    EXPECT_EQ(good.value, 42);
    EXPECT_TRUE(bad.error);
    expect_idle(pool);
}

TEST(Pool, LoadIsBackBeforeTheCallerGoesOn) {
    net::io_context context;
    auto workers = spawn_adders(context.get_executor(), 1);
    const auto worker = workers.front();
    Pool pool{std::move(workers)};
    std::size_t load_seen = 99;
    pool.submit(std::nullopt, 1, [&](std::exception_ptr, int) { load_seen = worker.load(); });
    EXPECT_EQ(worker.load(), 1U);
    context.run();
    EXPECT_EQ(load_seen, 0U);
}

TEST(Pool, CountsInFlightQueuedAndWaiting) {
    net::io_context context;
    Gate gate{context};
    auto workers = dispatch::spawn_workers<int, int>(context.get_executor(), 1,
                                                     [&](int value) -> net::awaitable<int> {
                                                         co_await gate.pass();
                                                         co_return value;
                                                     },
                                                     {.max_concurrency = 2, .queue_capacity = 3});
    const auto worker = workers.front();
    Pool pool{std::move(workers)};
    std::vector<Outcome> outcomes(9);
    for (Outcome& outcome : outcomes) {
        pool.submit(std::nullopt, 1, outcome.handler());
    }
    context.poll();
    EXPECT_EQ(worker.inflight(), 2U);
    EXPECT_EQ(worker.queue_len(), 3U);
    EXPECT_EQ(worker.metrics().waiting, 4U);
    EXPECT_EQ(worker.load(), 9U);
    EXPECT_EQ(worker.capacity(), 3U);
    gate.open();
    context.restart();
    context.run();
    for (const Outcome& outcome : outcomes) {
        EXPECT_EQ(outcome.calls, 1);
    }
    expect_idle(pool);
}

TEST(Pool, RunsNoMoreThanMaxConcurrencyAtATime) {
    net::thread_pool threads{2};
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    Pool pool{dispatch::spawn_workers<int, int>(threads.get_executor(), 1,
                                                [&](int value) -> net::awaitable<int> {
                                                    const int now = ++running;
                                                    int seen = most.load();
                                                    while (seen < now && !most.compare_exchange_weak(seen, now)) {
                                                    }
                                                    for (int i = 0; i != 3; ++i) {
                                                        co_await net::post(net::use_awaitable);
                                                    }
                                                    --running;
                                                    co_return value;
                                                },
                                                {.max_concurrency = 5})};
    std::vector<std::future<int>> results;
    for (int i = 0; i != 500; ++i) {
        results.push_back(pool.submit(std::nullopt, i, net::use_future));
    }
    for (int i = 0; i != 500; ++i) {
        EXPECT_EQ(results[static_cast<std::size_t>(i)].get(), i);
    }
    EXPECT_EQ(most.load(), 5);
}

TEST(Pool, StartsQueuedAndWaitingJobsInOrder) {
    net::io_context context;
    std::vector<int> started;
    Pool pool{dispatch::spawn_workers<int, int>(context.get_executor(), 1,
                                                [&](int value) -> net::awaitable<int> {
                                                    started.push_back(value);
                                                    co_await net::post(net::use_awaitable);
                                                    co_return value;
                                                },
                                                {.max_concurrency = 1, .queue_capacity = 4})};
    std::vector<int> finished;
    for (int i = 0; i != 50; ++i) {
        pool.submit(std::nullopt, i, [&](std::exception_ptr, int value) { finished.push_back(value); });
    }
    context.run();
    std::vector<int> in_order(50);
    for (int i = 0; i != 50; ++i) {
        in_order[static_cast<std::size_t>(i)] = i;
    }
    EXPECT_EQ(started, in_order);
    EXPECT_EQ(finished, in_order);
}

TEST(Pool, RejectsWhatTheQueueCannotHold) {
    net::io_context context;
    Gate gate{context};
    const auto handler = [&](int value) -> net::awaitable<int> {
        co_await gate.pass();
        co_return value;
    };
    Pool pool{dispatch::spawn_workers<int, int>(context.get_executor(), 2, handler,
                                                {.max_concurrency = 1, .queue_capacity = 2}),
              {.overflow = Overflow::reject}};
    std::vector<Outcome> outcomes(8);
    for (Outcome& outcome : outcomes) {
        pool.submit(std::nullopt, 5, outcome.handler());
        context.poll();
        context.restart();
    }
    for (int i = 0; i != 8; ++i) {
        EXPECT_EQ(outcomes[static_cast<std::size_t>(i)].calls, i < 6 ? 0 : 1) << i;
    }
    EXPECT_EQ(code_of(outcomes[6].error), errc::queue_full);
    EXPECT_EQ(code_of(outcomes[7].error), errc::queue_full);
    gate.open();
    context.run();
    EXPECT_EQ(pool.ledger(), (Ledger{.submitted = 8, .completed = 6, .rejected = 2, .moved = pool.ledger().moved}));
    expect_idle(pool);
}

TEST(Pool, APlainFunctionRunsAloneSoTheRestIsQueued) {
    // However many permits there are: it holds its thread, and the worker's strand.
    net::thread_pool threads{1};
    std::promise<void> started;
    std::promise<void> go_on;
    const auto handler = [&, first = true](int value) mutable {
        if (std::exchange(first, false)) {
            started.set_value();
            go_on.get_future().wait();
        }
        return value;
    };
    Pool pool{dispatch::spawn_workers<int, int>(threads.get_executor(), 1, handler, {.queue_capacity = 4})};
    std::vector<Outcome> outcomes(6);
    pool.try_submit(std::nullopt, 1, outcomes[0].handler());
    started.get_future().wait();
    for (std::size_t i = 1; i != 6; ++i) {
        pool.try_submit(std::nullopt, 1, outcomes[i].handler());
    }
    EXPECT_EQ(pool.worker_metrics().front().inflight, 1U);
    EXPECT_EQ(pool.worker_metrics().front().queue_len, 4U);
    EXPECT_EQ(pool.ledger().rejected, 1U);
    go_on.set_value();
    threads.join();
    EXPECT_EQ(pool.ledger(), (Ledger{.submitted = 6, .completed = 5, .rejected = 1, .moved = pool.ledger().moved}));
    EXPECT_EQ(code_of(outcomes[5].error), errc::queue_full);
}

TEST(Pool, TrySubmitRejectsWhereSubmitWaits) {
    net::io_context context;
    Gate gate{context};
    Pool pool{dispatch::spawn_workers<int, int>(context.get_executor(), 1,
                                                [&](int value) -> net::awaitable<int> {
                                                    co_await gate.pass();
                                                    co_return value;
                                                },
                                                {.max_concurrency = 1, .queue_capacity = 1})};
    Outcome running;
    Outcome queued;
    Outcome refused;
    Outcome refused_too;
    Outcome waiting;
    pool.submit("s", 1, running.handler());
    pool.try_submit("s", 2, queued.handler());
    pool.try_submit("s", 3, refused.handler());
    pool.try_submit(dispatch::SubmitOptions{}, 4, refused_too.handler());
    pool.submit("s", 5, waiting.handler());
    context.poll();
    EXPECT_EQ(code_of(refused.error), errc::queue_full);
    EXPECT_EQ(code_of(refused_too.error), errc::queue_full);
    EXPECT_EQ(waiting.calls, 0);
    gate.open();
    context.restart();
    context.run();
    EXPECT_EQ(running.value, 1);
    EXPECT_EQ(queued.value, 2);
    EXPECT_EQ(waiting.value, 5);
    expect_idle(pool);
}

TEST(Pool, SessionsThatComeOneAtATimeSpreadEvenly) {
    net::io_context context;
    Pool pool{spawn_adders(context.get_executor(), 8)};
    for (int i = 0; i != 1000; ++i) {
        Outcome outcome;
        pool.submit(std::string{"session-"}.append(std::to_string(i)), i, outcome.handler());
        context.run();
        context.restart();
        ASSERT_EQ(outcome.value, i + 1);
    }
    for (const dispatch::WorkerMetrics& row : pool.worker_metrics()) {
        EXPECT_LE(row.sessions, 150U);
        EXPECT_GE(row.sessions, 100U);
    }
}

TEST(Pool, OneNumberNamesAWorkerEverywhere) {
    net::io_context io;
    const auto handler = [](int, dispatch::JobContext& job) { return job.worker_id(); };
    auto workers = dispatch::spawn_workers<int, std::size_t>(io.get_executor(), 2, handler);
    const auto others = dispatch::spawn_workers<int, std::size_t>(io.get_executor(), 2, handler);
    EXPECT_EQ(others[1].id(), 1U) << "its place among those that were spawned with it";
    auto twice = others;
    twice.push_back(others[0]);
    twice.insert(twice.begin(), workers[0]);
    EXPECT_THROW((dispatch::WorkerPool<int, std::size_t>{twice}), std::invalid_argument);
    EXPECT_EQ(others[1].id(), 1U) << "it is in no pool";
    workers.insert(workers.end(), others.begin(), others.end());
    dispatch::WorkerPool<int, std::size_t, dispatch::RoundRobin> pool{workers};
    std::vector<std::size_t> ran_on;
    for (int job = 0; job != 4; ++job) {
        pool.submit(std::nullopt, job, [&](std::exception_ptr, std::size_t worker) { ran_on.push_back(worker); });
    }
    io.run();
    std::sort(ran_on.begin(), ran_on.end());
    EXPECT_EQ(ran_on, (std::vector<std::size_t>{0, 1, 2, 3}));
    const auto rows = pool.worker_metrics();
    for (std::size_t worker = 0; worker != 4; ++worker) {
        EXPECT_EQ(workers[worker].id(), worker);
        EXPECT_EQ(workers[worker].metrics().worker_id, worker);
        EXPECT_EQ(rows[worker].worker_id, worker);
    }
    EXPECT_EQ(others[1].id(), 3U);
}

TEST(Pool, AmongIdleWorkersThePickRotates) {
    net::io_context context;
    std::map<std::size_t, int> jobs;
    Pool pool{dispatch::spawn_workers<int, int>(context.get_executor(), 4,
                                                [&](int value, dispatch::JobContext& job) -> net::awaitable<int> {
                                                    ++jobs[job.worker_id()];
                                                    co_return value;
                                                })};
    for (int i = 0; i != 400; ++i) {
        Outcome outcome;
        pool.submit(std::nullopt, i, outcome.handler());
        context.run();
        context.restart();
    }
    ASSERT_EQ(jobs.size(), 4U);
    for (const auto& [worker, count] : jobs) {
        EXPECT_EQ(count, 100) << worker;
    }
}

TEST(Pool, ASessionStaysForItsTimeAndNoLonger) {
    using dispatch::simulation::Executor;
    for (const auto expiry : {dispatch::AffinityExpiry::fixed, dispatch::AffinityExpiry::sliding}) {
        dispatch::simulation::Context context;
        dispatch::WorkerPool<int, std::size_t, dispatch::LeastLoaded, Executor> pool{
            dispatch::spawn_workers<int, std::size_t, Executor>(
                context.get_executor(), 4, [](int, dispatch::JobContext& job) { return job.worker_id(); }),
            {.affinity_ttl = 10s, .affinity_expiry = expiry}};
        const auto worker_of = [&](std::optional<std::string_view> session) {
            std::size_t worker = 99;
            pool.submit(session, 0, [&](std::exception_ptr, std::size_t id) { worker = id; });
            context.run();
            return worker;
        };
        const std::size_t first = worker_of("alice");
        context.advance(9s);
        worker_of(std::nullopt);  // moves the rotation on
        EXPECT_EQ(worker_of("alice"), first);
        context.advance(2s);
        // 11 s after the pin was made, 2 s after it was last used.
        const std::size_t later = worker_of("alice");
        EXPECT_EQ(later == first, expiry == dispatch::AffinityExpiry::sliding);
    }
}

TEST(Pool, RacingFirstSubmitsOfASessionGoToOneWorker) {
    constexpr int racers = 4;
    net::thread_pool threads{2};
    dispatch::WorkerPool<int, std::size_t> pool{dispatch::spawn_workers<int, std::size_t>(
        threads.get_executor(), 8, [](int, dispatch::JobContext& job) { return job.worker_id(); })};
    std::barrier start{racers};
    std::vector<std::set<std::size_t>> workers(500);
    std::mutex mutex;
    std::vector<std::thread> submitters;
    for (int racer = 0; racer != racers; ++racer) {
        submitters.emplace_back([&] {
            for (std::size_t round = 0; round != workers.size(); ++round) {
                start.arrive_and_wait();
                const std::size_t worker = pool.submit(std::to_string(round), 0, net::use_future).get();
                const std::lock_guard lock{mutex};
                workers[round].insert(worker);
            }
        });
    }
    for (std::thread& submitter : submitters) {
        submitter.join();
    }
    std::set<std::size_t> all;
    for (const auto& seen : workers) {
        EXPECT_EQ(seen.size(), 1U);
        all.insert(seen.begin(), seen.end());
    }
    EXPECT_EQ(all.size(), 8U);
}

TEST(Pool, ALeastLoadedWorkerIsNeverPassedOver) {
    net::io_context context;
    Gate gate{context};
    Pool pool{dispatch::spawn_workers<int, int>(context.get_executor(), 5, [&](int value) -> net::awaitable<int> {
        co_await gate.pass();
        co_return value;
    })};
    std::vector<Outcome> outcomes(103);
    for (Outcome& outcome : outcomes) {
        pool.submit(std::nullopt, 1, outcome.handler());
    }
    std::vector<std::size_t> loads;
    for (const auto& row : pool.worker_metrics()) {
        loads.push_back(row.inflight + row.queue_len);
    }
    std::sort(loads.begin(), loads.end());
    EXPECT_EQ(loads, (std::vector<std::size_t>{20, 20, 21, 21, 21}));
    gate.open();
    context.run();
    expect_idle(pool);
}

TEST(Pool, OtherPoliciesCanBePluggedIn) {
    net::io_context context;
    dispatch::WorkerPool<int, std::size_t, dispatch::RoundRobin> round_robin{dispatch::spawn_workers<int, std::size_t>(
        context.get_executor(), 3, [](int, dispatch::JobContext& job) { return job.worker_id(); })};
    std::vector<std::size_t> order;
    for (int i = 0; i != 6; ++i) {
        round_robin.submit(std::nullopt, i, [&](std::exception_ptr, std::size_t id) { order.push_back(id); });
        context.run();
        context.restart();
    }
    EXPECT_EQ(order[0], order[3]);
    EXPECT_EQ(order[1], order[4]);
    EXPECT_EQ((std::set<std::size_t>{order[0], order[1], order[2]}.size()), 3U);

    dispatch::WorkerPool<int, int, dispatch::PowerOfTwoChoices> two{
        spawn_adders(context.get_executor(), 3), {}, dispatch::PowerOfTwoChoices{7}};
    Outcome outcome;
    two.submit("x", 1, outcome.handler());
    context.run();
    EXPECT_EQ(outcome.value, 2);
}

TEST(Pool, ExecutorsMayBeTyped) {
    using Threads = net::thread_pool::executor_type;
    using Worker = dispatch::WorkerExecutor<Threads>;
    net::thread_pool threads{2};
    dispatch::WorkerPool pool{dispatch::spawn_workers<int, int, Threads>(
        threads.get_executor(), 2, [](int value) -> net::awaitable<int, Worker> {
            co_await net::post(net::use_awaitable_t<Worker>{});
            co_return value + 1;
        })};
    static_assert(std::is_same_v<decltype(pool)::executor_type, Threads>);
    std::vector<std::future<int>> results;
    for (int i = 0; i != 100; ++i) {
        results.push_back(pool.submit(std::nullopt, i, net::use_future));
    }
    for (int i = 0; i != 100; ++i) {
        EXPECT_EQ(results[static_cast<std::size_t>(i)].get(), i + 1);
    }
}

TEST(Pool, AHandlerMaySubmitToItsOwnPool) {
    net::io_context context;
    std::optional<Pool> pool;
    pool.emplace(dispatch::spawn_workers<int, int>(context.get_executor(), 2,
                                                   [&](int depth) -> net::awaitable<int> {
                                                       if (depth == 0) {
                                                           co_return 0;
                                                       }
                                                       co_return 1 + co_await pool->submit(std::nullopt, depth - 1);
                                                   },
                                                   {.max_concurrency = 64}));
    Outcome outcome;
    pool->submit(std::nullopt, 40, outcome.handler());
    context.run();
    EXPECT_EQ(outcome.value, 40);
    expect_idle(*pool);
}

TEST(Pool, ABlockedCallerBlocksNobodyElse) {
    // Two threads: one caller sits on its thread after its response until the others have had theirs.
    net::thread_pool threads{2};
    Pool pool{spawn_adders(threads.get_executor(), 1)};
    std::latch others{20};
    std::promise<void> blocked_done;
    std::promise<void> all_submitted;
    auto submitted = all_submitted.get_future().share();
    // All are answered in one batch, the blocker first: both threads start from within one job's reply.
    net::post(threads, [&] {
        pool.submit(std::nullopt, 0, [&](std::exception_ptr, int) {
            submitted.wait();
            others.wait();
            blocked_done.set_value();
        });
        for (int i = 0; i != 20; ++i) {
            pool.submit(std::nullopt, i, [&](std::exception_ptr, int) { others.count_down(); });
        }
        all_submitted.set_value();
    });
    blocked_done.get_future().wait();
    threads.join();
    expect_idle(pool);
}

TEST(Pool, ABusyWorkerYieldsItsThread) {
    // A worker whose handler always submits the next job would never let a single thread go.
    net::io_context context;
    std::optional<Pool> pool;
    bool stop = false;
    int jobs = 0;
    std::function<void()> submit_next = [&] { pool->submit(std::nullopt, 1, [&](std::exception_ptr, int) {}); };
    pool.emplace(dispatch::spawn_workers<int, int>(context.get_executor(), 1, [&](int value) {
        ++jobs;
        if (!stop && jobs < 1'000'000) {
            submit_next();
        }
        return value;
    }));
    submit_next();
    net::post(context, [&] { net::post(context, [&] { stop = true; }); });
    context.run();
    EXPECT_LT(jobs, 1000) << "the posted function had to wait for the worker";
}

TEST(Pool, DrainFinishesWhatWasAcceptedAndReturnsTheLedger) {
    net::io_context context;
    Gate gate{context};
    Pool pool{dispatch::spawn_workers<int, int>(context.get_executor(), 2,
                                                [&](int value) -> net::awaitable<int> {
                                                    co_await gate.pass();
                                                    co_return value < 0 ? throw std::runtime_error{"negative"} : value;
                                                },
                                                {.max_concurrency = 1, .queue_capacity = 1})};
    std::vector<Outcome> outcomes(10);
    for (int i = 0; i != 10; ++i) {
        pool.submit(std::nullopt, i == 3 ? -1 : i, outcomes[static_cast<std::size_t>(i)].handler());
    }
    std::optional<Ledger> ledger;
    pool.drain([&](std::exception_ptr error, Ledger result) {
        EXPECT_FALSE(error);
        ledger = result;
    });
    Outcome late;
    pool.submit(std::nullopt, 1, late.handler());
    context.poll();
    EXPECT_EQ(code_of(late.error), errc::stopped);
    EXPECT_FALSE(ledger.has_value());
    gate.open();
    context.restart();
    context.run();
    ASSERT_TRUE(ledger.has_value());
    EXPECT_EQ(*ledger, (Ledger{.submitted = 11, .completed = 9, .failed = 1, .stopped = 1, .moved = ledger->moved}));
    for (const Outcome& outcome : outcomes) {
        EXPECT_EQ(outcome.calls, 1);
    }
}

TEST(Pool, SubmitsFromForeignThreads) {
    net::thread_pool threads{2};
    Pool pool{spawn_adders(threads.get_executor(), 3, {.max_concurrency = 4, .queue_capacity = 8})};
    constexpr int per_thread = 3000;
    std::atomic<int> wrong{0};
    std::vector<std::thread> submitters;
    for (int t = 0; t != 4; ++t) {
        submitters.emplace_back([&, t] {
            std::vector<std::future<int>> results;
            for (int i = 0; i != per_thread; ++i) {
                results.push_back(i % 3 == 0
                                      ? pool.submit(std::string{"s"}.append(std::to_string(t)), i, net::use_future)
                                      : pool.submit(std::nullopt, i, net::use_future));
            }
            for (int i = 0; i != per_thread; ++i) {
                wrong += results[static_cast<std::size_t>(i)].get() == i + 1 ? 0 : 1;
            }
        });
    }
    for (std::thread& submitter : submitters) {
        submitter.join();
    }
    EXPECT_EQ(wrong, 0);
    const Ledger ledger = pool.drain(net::use_future).get();
    EXPECT_EQ(ledger, (Ledger{.submitted = 4 * per_thread, .completed = 4 * per_thread, .moved = ledger.moved}));
    expect_idle(pool);
}

/// Throws when it is moved for the n-th time.
struct Explosive {
    static inline int fuse = -1;
    int value = 0;
    explicit Explosive(int v = 0) : value{v} {}
    Explosive(const Explosive&) = delete;
    Explosive& operator=(const Explosive&) = delete;
    Explosive(Explosive&& other) : value{other.value} {
        if (fuse >= 0 && fuse-- == 0) {
            throw std::runtime_error{"moved once too often"};
        }
    }
    Explosive& operator=(Explosive&&) = delete;
};

TEST(Pool, ARequestThatThrowsWhenMovedLeavesNoTrace) {
    bool reached_the_end = false;
    int failures = 0;
    for (int fuse = 0; !reached_the_end; ++fuse) {
        net::io_context context;
        dispatch::WorkerPool<Explosive, int> pool{dispatch::spawn_workers<Explosive, int>(
            context.get_executor(), 1, [](const Explosive& request) { return request.value; })};
        int calls = 0;
        std::exception_ptr error;
        bool threw = false;
        Explosive::fuse = fuse;
        try {
            pool.submit("s", Explosive{5}, [&](std::exception_ptr e, int) {
                ++calls;
                error = e;
            });
        } catch (const std::runtime_error&) {
            threw = true;  // on the way into submit: its parameter could not be made
        }
        reached_the_end = Explosive::fuse >= 0;
        Explosive::fuse = -1;
        const bool failed_within = !reached_the_end && !threw;
        if (!reached_the_end) {
            ++failures;
            EXPECT_EQ(pool.worker_metrics()[0].inflight, 0U);
            EXPECT_EQ(pool.ledger(), Ledger{});
        }
        context.run();
        EXPECT_EQ(calls, threw ? 0 : 1);
        EXPECT_EQ(static_cast<bool>(error), failed_within);
        // The pool goes on.
        context.restart();
        int value = 0;
        pool.submit("s", Explosive{6}, [&](std::exception_ptr, int v) { value = v; });
        context.run();
        EXPECT_EQ(value, 6);
    }
    EXPECT_GT(failures, 0);
}

}  // namespace
