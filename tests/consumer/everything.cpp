// SPDX-License-Identifier: Apache-2.0
//
// All public headers, and what most programs use of them, in one translation unit: for compilers, libraries
// and options that no other test has.
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <dispatch/affinity.hpp>
#include <dispatch/error.hpp>
#include <dispatch/job.hpp>
#include <dispatch/json.hpp>
#include <dispatch/metrics.hpp>
#include <dispatch/observer.hpp>
#include <dispatch/options.hpp>
#include <dispatch/per_worker.hpp>
#include <dispatch/pool.hpp>
#include <dispatch/prometheus.hpp>
#include <dispatch/selection.hpp>
#include <dispatch/semaphore.hpp>
#include <dispatch/session_ref.hpp>
#include <dispatch/simulation.hpp>
#include <dispatch/stream.hpp>
#include <dispatch/time_source.hpp>
#include <dispatch/version.hpp>
#include <dispatch/worker.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#else
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#endif

namespace {

namespace net = dispatch::net;
using namespace std::chrono_literals;

int failures = 0;

void expect(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "not so: %s\n", what);
        ++failures;
    }
}

template <typename Function>
std::error_code error_of(Function function) {
    try {
        function();
    } catch (const std::system_error& error) {
        return error.code();
    }
    return {};
}

/// A policy of one's own: always the last worker.
struct Last {
    template <dispatch::LoadView V>
    dispatch::Choice pick(const V& view, dispatch::Purpose /*purpose*/) noexcept {
        return {view.size() - 1, view.load(view.size() - 1)};
    }
};
static_assert(dispatch::SelectionPolicy<Last>);

net::awaitable<std::string> greet(std::string name, dispatch::JobContext& job) {
    if (name.empty()) {
        throw std::invalid_argument{"nobody to greet"};
    }
    std::string greeting = "Hello, " + name + " of " + std::string{job.session()};
    co_return greeting;
}

/// Coroutines, sessions, a deadline, an exception, drain.
net::awaitable<void> use_coroutines(dispatch::WorkerPool<std::string, std::string>& pool) {
    const std::string answer = co_await pool.submit("sky", "Ada");
    expect(answer == "Hello, Ada of sky", "the handler's answer comes back");
    const dispatch::SubmitOptions options{.session = "sea", .deadline = std::chrono::steady_clock::now() + 1h};
    const std::string other = co_await pool.submit(options, "Brian", net::use_awaitable);
    expect(other == "Hello, Brian of sea", "so it does with options");
    bool thrown = false;
    try {
        std::string nobody;
        co_await pool.try_submit(std::nullopt, std::move(nobody));
    } catch (const std::invalid_argument&) {
        thrown = true;
    }
    expect(thrown, "the handler's exception comes back");
    const dispatch::Ledger ledger = co_await pool.drain();
    expect(ledger.submitted == 3 && ledger.completed == 2 && ledger.failed == 1, "the ledger adds up");
}

void test_coroutines() {
    net::io_context context;
    auto workers = dispatch::spawn_workers<std::string, std::string>(context.get_executor(), 3, greet);
    dispatch::WorkerPool<std::string, std::string> pool{std::move(workers)};
    net::co_spawn(context, use_coroutines(pool), [](const std::exception_ptr& error) { expect(!error, "no error"); });
    context.run();
}

/// Plain handlers, move-only requests and responses, typed executors, futures.
void test_plain_handlers() {
    using Number = std::unique_ptr<int>;
    using Executor = net::thread_pool::executor_type;
    net::thread_pool threads{2};
    auto workers = dispatch::spawn_workers<Number, Number, Executor>(
        threads.get_executor(), 2, [](Number number) { return std::make_unique<int>(*number + 1); },
        {.max_concurrency = 2, .queue_capacity = 4});
    const auto last = workers.back();
    dispatch::WorkerPool<Number, Number, Last, Executor> pool{std::move(workers), {.affinity_ttl = 0s}};
    expect(*pool.submit(std::nullopt, std::make_unique<int>(41), net::use_future).get() == 42, "a future's answer");
    expect(last.id() == 1 && last.capacity() == 4 && pool.worker_metrics().size() == 2, "handles and metrics");
    pool.stop();
    auto refused = pool.submit(std::nullopt, std::make_unique<int>(0), net::use_future);
    expect(error_of([&] { refused.get(); }) == dispatch::errc::stopped, "a stopped pool says so");
}

/// Responses of type void, callbacks, cancellation, deadlines that are past; the other policies.
template <typename Policy>
void test_policy() {
    net::io_context context;
    int handled = 0;
    auto workers = dispatch::spawn_workers(context.get_executor(), 2, [&handled](int) { ++handled; });
    dispatch::WorkerPool<int, void, Policy> pool{
        std::move(workers),
        {.affinity_expiry = dispatch::AffinityExpiry::sliding, .overflow = dispatch::Overflow::reject}};
    std::error_code cancelled;
    std::error_code late;
    const auto code_of = [](const std::exception_ptr& error) {
        return error_of([&] { error ? std::rethrow_exception(error) : void(); });
    };
    net::cancellation_signal signal;
    pool.submit("me", 1,
                net::bind_cancellation_slot(signal.slot(), net::bind_executor(context, [&](std::exception_ptr error) {
                                                cancelled = code_of(error);
                                            })));
    signal.emit(net::cancellation_type::total);
    pool.submit({.deadline = std::chrono::steady_clock::now() - 1s}, 2,
                [&](std::exception_ptr error) { late = code_of(error); });
    bool answered = false;
    pool.submit("me", 3, [&](std::exception_ptr error) { answered = !error; });
    context.run();
    expect(cancelled == std::error_code{net::error::make_error_code(net::error::operation_aborted)}, "cancelled");
    expect(late == dispatch::errc::deadline_exceeded, "late");
    expect(answered && handled == 1, "the one that is left is handled");
}

/// Counts what it sees.
struct Count {
    void routed(const dispatch::RoutedEvent&) noexcept { ++*events; }
    void started(const dispatch::StartedEvent&) noexcept { ++*events; }
    void finished(const dispatch::FinishedEvent&) noexcept { ++*events; }
    void dropped(const dispatch::DroppedEvent&) noexcept { ++*events; }
    int* events;
};

/// Observers, and a pool's figures for others.
void test_observer() {
    net::io_context context;
    int events = 0;
    const Count count{&events};
    auto twice = [](int x) -> net::awaitable<int> { co_return 2 * x; };
    dispatch::WorkerPool<int, int, dispatch::Observed<Count>> pool{
        dispatch::spawn_workers<int, int>(context.get_executor(), 1, twice, {}, count), {}, dispatch::Observed{count}};
    pool.submit("me", 1, [](std::exception_ptr, int) {});
    context.run();
    expect(events == 3, "a job is routed, started and finished");
    const std::string text = dispatch::prometheus_text(pool.worker_metrics(), pool.ledger());
    expect(text.find("dispatch_jobs_submitted_total 1\n") != std::string::npos, "Prometheus's text");
}

/// Handlers that cannot be copied, one for each worker; a session that is kept until the operation starts.
void test_per_worker() {
    net::io_context context;
    auto workers =
        dispatch::spawn_workers(context.get_executor(), 2, dispatch::per_worker([](std::size_t number) {
                                    return [own = std::make_unique<std::size_t>(number)](
                                               int, dispatch::JobContext& job) -> net::awaitable<std::string> {
                                        std::string answer = std::to_string(*own);
                                        answer += job.session();
                                        co_return answer;
                                    };
                                }));
    dispatch::WorkerPool<int, std::string> pool{std::move(workers)};
    std::string answer;
    const auto ask = [&]() -> net::awaitable<void> {
        std::string name = "-kept";
        auto operation = pool.submit(name + " until it starts", 1, net::use_awaitable);
        answer = co_await std::move(operation);
    };
    net::co_spawn(context, ask, net::detached);
    context.run();
    expect(answer == "0-kept until it starts" || answer == "1-kept until it starts", "each worker's own handler");
    const std::string name = "named";
    const dispatch::SessionRef session = name;
    expect(session && *session == "named", "a session's name");
}

net::awaitable<void> use_semaphore(dispatch::Semaphore& semaphore) {
    const dispatch::Permit permit = co_await semaphore.async_acquire();
    expect(semaphore.available() == 0 && !semaphore.try_acquire(), "the only permit is taken");
}

net::awaitable<void> count_to(int last, dispatch::Writer<int>& out) {
    for (int number = 1; number <= last; ++number) {
        co_await out.write(number);
    }
}

net::awaitable<void> read_stream(dispatch::WorkerPool<int, dispatch::Stream<int>>& pool, int& sum) {
    dispatch::Stream<int> numbers = co_await pool.submit("ada", 100);
    while (const std::optional<int> number = co_await numbers.next()) {
        sum += *number;
    }
}

void test_streams() {
    net::io_context context;
    dispatch::WorkerPool<int, dispatch::Stream<int>> pool{dispatch::spawn_workers(context.get_executor(), 2, count_to)};
    int sum = 0;
    net::co_spawn(context, read_stream(pool, sum), net::detached);
    context.run();
    expect(sum == 5050, "each part comes once");
}

void test_semaphore() {
    net::io_context context;
    dispatch::Semaphore semaphore{context.get_executor(), 1};
    net::co_spawn(context, use_semaphore(semaphore), net::detached);
    net::co_spawn(context, use_semaphore(semaphore), net::detached);
    context.run();
    expect(semaphore.available() == 1, "and given back");
}

net::awaitable<int> sleep_for_an_hour(int x) {
    dispatch::simulation::Timer timer{co_await net::this_coro::executor, std::chrono::hours{1}};
    co_await timer.async_wait(net::use_awaitable);
    co_return x;
}

void test_simulation() {
    using dispatch::simulation::Executor;
    dispatch::simulation::explore(3, [](dispatch::simulation::Context& context) {
        dispatch::WorkerPool<int, int, dispatch::LeastLoaded, Executor> pool{
            dispatch::spawn_workers<int, int, Executor>(context.get_executor(), 2, sleep_for_an_hour)};
        auto response = pool.submit(std::nullopt, 7, net::use_future);
        context.run();
        expect(response.get() == 7 && context.elapsed() == std::chrono::hours{1}, "an hour of virtual time");
    });
}

}  // namespace

int main() {
    test_coroutines();
    test_plain_handlers();
    test_policy<dispatch::LeastLoaded>();
    test_policy<dispatch::RoundRobin>();
    test_policy<dispatch::PowerOfTwoChoices>();
    test_observer();
    test_per_worker();
    test_semaphore();
    test_streams();
    test_simulation();
    return failures == 0 ? 0 : 1;
}
