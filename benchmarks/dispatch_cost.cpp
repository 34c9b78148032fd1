// SPDX-License-Identifier: Apache-2.0
//
// The cost of a job in instructions and in heap allocations, which are the same on every run. Compiled
// once for each case (DISPATCH_COST_CASE), so that the compiler inlines as it does for a program with one
// pool, and no case changes another's figure. Run by callgrind with --instr-atstart=no the instructions of
// exactly 40,000 jobs are collected, after as many for a warm-up. One thread, so that nothing depends on
// luck.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#endif

#include "closed_loop.hpp"
#include "contenders.hpp"

namespace bench {

/// A program takes some fifty times as long under callgrind; its clock goes slower by as much, or workers would let
/// others have their thread after a few jobs, as after so many long ones.
struct CountingClock : std::chrono::steady_clock {
    static time_point now() noexcept { return time_point{steady_clock::now().time_since_epoch() / 64}; }
};

struct CountingTime {
    using Clock = CountingClock;
    template <typename Executor>
    using TimerOn =
        net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, Executor>;
};

}  // namespace bench

template <>
struct dispatch::TimeSource<dispatch::net::any_io_executor> : bench::CountingTime {
    using Timer = TimerOn<dispatch::net::any_io_executor>;
};
template <>
struct dispatch::TimeSource<dispatch::net::thread_pool::executor_type> : bench::CountingTime {
    using Timer = TimerOn<dispatch::net::thread_pool::executor_type>;
};

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

// Every way to the heap that the libraries below use: operator new comes down to malloc, and Asio calls
// aligned_alloc. (Replacing these is what the C library provides for; the originals have other names.)
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return __libc_malloc(size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return __libc_memalign(alignment, size);
}
}

namespace {

using namespace bench;

constexpr std::int64_t jobs = 40'000;

/// Heap allocations of a run of so many jobs.
template <typename Contender, typename Operation>
std::uint64_t allocations_of(Contender& contender, const Operation& operation, std::int64_t count,
                             std::int64_t clients) {
    const std::uint64_t before = allocations;
    ClosedLoop{count, clients}.run(contender.executor(), operation);
    return allocations - before;
}

/// Runs the clients for a while, and then with the counters on.
template <typename Contender, typename Operation>
int measure(Contender& contender, const Operation& operation, std::int64_t clients) {
    ClosedLoop{jobs, clients}.run(contender.executor(), operation);
    CALLGRIND_START_INSTRUMENTATION;
    const std::uint64_t with_start = allocations_of(contender, operation, jobs, clients);
    CALLGRIND_STOP_INSTRUMENTATION;
    // Without what it takes to start the clients.
    const std::uint64_t start = allocations_of(contender, operation, clients, clients);
    const auto made = with_start > start ? static_cast<double>(with_start - start) : 0.0;
    std::printf("%.3f allocations per job\n", made / static_cast<double>(jobs));
    return 0;
}

template <typename Executor, typename Handler>
int run_dispatch(std::size_t workers, std::int64_t clients, std::int64_t sessions, Handler handler) {
    net::thread_pool threads{1};
    Dispatch<Executor> contender{threads.get_executor(), workers, handler};
    if (sessions == 0) {
        return measure(contender, contender.operation(), clients);
    }
    // Each is made known once; those that are counted find it so.
    ClosedLoop{sessions, 64}.run(contender.executor(), contender.introduction());
    return measure(contender, contender.operation(static_cast<std::uint64_t>(sessions)), clients);
}

/// An observer that counts.
struct Count {
    void routed(const dispatch::RoutedEvent&) noexcept { ++*events; }
    void started(const dispatch::StartedEvent&) noexcept { ++*events; }
    void finished(const dispatch::FinishedEvent&) noexcept { ++*events; }
    void dropped(const dispatch::DroppedEvent&) noexcept { ++*events; }
    std::uint64_t* events;
};

/// A pool that is observed. A template, like the other contenders: a class would be compiled into every case.
template <typename Observer>
class Observee {
  public:
    using Policy = dispatch::Observed<Observer>;
    using Pool = dispatch::WorkerPool<std::uint64_t, std::uint64_t, Policy>;

    Observee(const AnyExecutor& executor, Observer observer)
        : pool_{dispatch::spawn_workers<std::uint64_t, std::uint64_t>(executor, 4, Echo<>{}, {}, observer),
                {},
                Policy{observer}} {}

    AnyExecutor executor() const { return pool_.get_executor(); }

    struct Operation {
        using Response = std::uint64_t;
        Pool* pool;
        auto operator()(std::uint64_t request) const { return pool->submit(std::nullopt, request); }
    };
    Operation operation() { return {&pool_}; }

  private:
    Pool pool_;
};

template <typename Observer>
int run_observed() {
    std::uint64_t events = 0;
    net::thread_pool threads{1};
    Observee<Observer> observee{threads.get_executor(), Observer{&events}};
    return measure(observee, observee.operation(), 64);
}

/// A pool in which every job moves: all are routed to a worker whose only permit is in use, and another one runs them.
template <typename Request>
class Mover {
  public:
    struct FirstWorker {
        template <dispatch::LoadView V>
        dispatch::Choice pick(const V& view, dispatch::Purpose /*purpose*/) noexcept {
            return {0, view.load(0)};
        }
    };
    using Pool = dispatch::WorkerPool<Request, Request, FirstWorker>;

    explicit Mover(const AnyExecutor& executor)
        : pool_{dispatch::spawn_workers<Request, Request>(executor, 2, handle, {.max_concurrency = 1})} {
        pool_.submit(std::nullopt, for_ever, [](const std::exception_ptr& /*error*/, Request /*response*/) {});
    }

    AnyExecutor executor() const { return pool_.get_executor(); }

    struct Operation {
        using Response = Request;
        Pool* pool;
        auto operator()(Request request) const { return pool->submit(std::nullopt, request); }
    };
    Operation operation() { return {&pool_}; }

  private:
    static constexpr Request for_ever = ~Request{0};

    static net::awaitable<Request> handle(Request request) {
        if (request == for_ever) {
            net::steady_timer timer{co_await net::this_coro::executor, std::chrono::steady_clock::time_point::max()};
            co_await timer.async_wait(net::use_awaitable);
        }
        co_return request;
    }

    Pool pool_;
};

template <typename Contender, typename... Args>
int run_baseline(Args... args) {
    net::thread_pool threads{1};
    Contender contender{threads.get_executor(), args...};
    return measure(contender, contender.operation(), 64);
}

template <typename>
constexpr std::string_view name = DISPATCH_COST_CASE;

/// A template, so that the other cases are not compiled.
template <typename T = void>
int run() {
    if constexpr (name<T> == "default") {
        return run_dispatch<AnyExecutor>(4, 64, 0, Echo<>{});
    } else if constexpr (name<T> == "one_client") {
        return run_dispatch<AnyExecutor>(4, 1, 0, Echo<>{});
    } else if constexpr (name<T> == "clients_1024") {
        return run_dispatch<AnyExecutor>(4, 1024, 0, Echo<>{});
    } else if constexpr (name<T> == "function") {
        return run_dispatch<AnyExecutor>(4, 64, 0, plain_function);
    } else if constexpr (name<T> == "typed") {
        return run_dispatch<TypedExecutor>(4, 64, 0, Echo<dispatch::WorkerExecutor<TypedExecutor>>{});
    } else if constexpr (name<T> == "typed_function") {
        return run_dispatch<TypedExecutor>(4, 64, 0, plain_function);
    } else if constexpr (name<T> == "yield") {
        return run_dispatch<AnyExecutor>(4, 64, 0, Yield<>{});
    } else if constexpr (name<T> == "sessions_1k") {
        return run_dispatch<AnyExecutor>(4, 64, 1'000, Echo<>{});
    } else if constexpr (name<T> == "sessions_100k") {
        return run_dispatch<AnyExecutor>(4, 64, 100'000, Echo<>{});
    } else if constexpr (name<T> == "sessions_1m") {
        return run_dispatch<AnyExecutor>(4, 64, 1'000'000, Echo<>{});
    } else if constexpr (name<T> == "workers_256") {
        return run_dispatch<AnyExecutor>(256, 64, 0, Echo<>{});
    } else if constexpr (name<T> == "workers_1024") {
        return run_dispatch<AnyExecutor>(1024, 64, 0, Echo<>{});
    } else if constexpr (name<T> == "observed") {
        return run_observed<Count>();
    } else if constexpr (name<T> == "moved") {
        return run_baseline<Mover<std::uint64_t>>();
    } else if constexpr (name<T> == "baseline_post") {
        return run_baseline<Post>();
    } else if constexpr (name<T> == "baseline_co_spawn") {
        return run_baseline<CoSpawn<Echo<>>>(Echo<>{});
    } else {
        static_assert(name<T> == "baseline_direct_port", "DISPATCH_COST_CASE names no case");
        return run_baseline<DirectPort<Echo<>>>(std::size_t{4}, Echo<>{});
    }
}

}  // namespace

int main() {
    try {
        return run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "dispatch_cost_" DISPATCH_COST_CASE ": %s\n", error.what());
        return 1;
    }
}
