// SPDX-License-Identifier: Apache-2.0
//
// What a pool holds of the heap: bytes for each session, worker and job. The same on every run, but for a
// few bytes in a million that depend on how the sessions' hashes fall. One thread, so that nothing depends
// on luck. Prints a name and a number a line.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <string_view>
#include <thread>

#include <dispatch/pool.hpp>

#include "asio.hpp"
#include "handlers.hpp"
#include "heap_in_use.hpp"
#include "pooled.hpp"

namespace {

using namespace bench;
using Number = std::uint64_t;
using Pool = dispatch::WorkerPool<Number, Number>;

net::awaitable<Number> wait_for_ever(Number request) {
    net::steady_timer timer{co_await net::this_coro::executor, net::steady_timer::time_point::max()};
    co_await timer.async_wait(net::use_awaitable);
    co_return request;
}

constexpr auto expect_success = [](const std::exception_ptr& error, Number /*response*/) {
    if (error) {
        std::terminate();
    }
};
constexpr auto ignore = [](const std::exception_ptr& /*error*/, Number /*response*/) {};

/// Lets context do all that it can do now.
void settle(net::io_context& context) {
    context.restart();
    context.poll();
}

/// Submits one job, and lets it come to its end.
void run_job(net::io_context& context, Pool& pool, std::optional<std::string_view> session) {
    pool.submit(session, Number{1}, expect_success);
    settle(context);
}

/// A thread keeps memory for its next jobs; a new one has none to start with.
template <typename Function>
void on_new_thread(Function function) {
    std::thread{function}.join();
}

void print(const char* name, std::int64_t bytes, std::size_t count) {
    std::printf("%s %.0f\n", name, static_cast<double>(bytes) / static_cast<double>(count));
}

/// A session that is remembered, apart from its first job.
void measure_sessions(const char* name, std::size_t count) {
    net::io_context context;
    Pool pool{dispatch::spawn_workers<Number, Number>(context.get_executor(), 4, Echo<>{}),
              {.affinity_ttl = std::chrono::hours{1}}};
    // The first jobs make what the workers keep. Their session is not of those that are counted.
    for (int job = 0; job != 16; ++job) {
        run_job(context, pool, std::nullopt);
        run_job(context, pool, SessionName{count}.text());
    }
    const std::int64_t before = heap_in_use;
    for (std::size_t i = 0; i != count; ++i) {
        run_job(context, pool, SessionName{i}.text());
    }
    print(name, heap_in_use - before, count);
}

/// Bytes of a pool of so many workers, each of which has run so many jobs, one after the other.
std::int64_t bytes_of_workers(std::size_t count, std::size_t jobs) {
    net::io_context context;
    const std::int64_t before = heap_in_use;
    Pool pool{dispatch::spawn_workers<Number, Number>(context.get_executor(), count, Echo<>{})};
    settle(context);
    // Among idle workers the choice rotates.
    for (std::size_t job = 0; job != jobs * count; ++job) {
        run_job(context, pool, std::nullopt);
    }
    return heap_in_use - before;
}

void measure_workers(const char* name, std::size_t jobs) {
    constexpr std::size_t more = 1024;
    std::int64_t one = 0;
    std::int64_t all = 0;
    on_new_thread([&] { one = bytes_of_workers(1, jobs); });
    on_new_thread([&] { all = bytes_of_workers(1 + more, jobs); });
    print(name, all - one, more);
}

/// A job that waits for its turn, without and with the coroutine that awaits its response.
void measure_queue() {
    constexpr std::size_t count = 1024;
    net::io_context context;
    Pool pool{dispatch::spawn_workers<Number, Number>(context.get_executor(), 1, wait_for_ever,
                                                      {.max_concurrency = 1, .queue_capacity = 4 * count})};
    const auto submit = [&](std::size_t jobs) {
        for (std::size_t job = 0; job != jobs; ++job) {
            pool.submit(std::nullopt, Number{1}, ignore);
        }
        settle(context);
    };
    const auto spawn = [&](std::size_t clients) {
        const auto client = [&]() -> net::awaitable<void> {
            try {
                co_await pool.submit(std::nullopt, Number{1});
            } catch (const std::exception&) {
                // the pool's end
            }
        };
        for (std::size_t i = 0; i != clients; ++i) {
            net::co_spawn(context, client(), net::detached);
        }
        settle(context);
    };
    submit(2);  // one that runs, and one that waits
    std::int64_t before = heap_in_use;
    submit(count);
    print("queued_job", heap_in_use - before, count);
    spawn(1);
    before = heap_in_use;
    spawn(count);
    print("queued_client", heap_in_use - before, count);
    pool.stop();
    settle(context);
}

}  // namespace

int main() {
    on_new_thread([] { measure_sessions("session_1k", 1'000); });
    on_new_thread([] { measure_sessions("session_100k", 100'000); });
    on_new_thread([] { measure_sessions("session_1m", 1'000'000); });
    measure_workers("worker_new", 0);
    measure_workers("worker_used", 1);
    on_new_thread(measure_queue);
}
