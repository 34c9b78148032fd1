// SPDX-License-Identifier: Apache-2.0
//
// What a job costs with a pool: see counted_jobs.hpp. Compiled once for each kind of pool (DISPATCH_COST_KIND), so that
// the compiler inlines as it does for a program with one pool, and no kind changes another's figure. Cases of one kind
// differ in numbers alone.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "asio.hpp"
#include "closed_loop.hpp"
#include "counted_jobs.hpp"
#include "counting_clock.hpp"
#include "handlers.hpp"
#include "pooled.hpp"

namespace {

using namespace bench;

template <typename Executor, typename Handler>
int run_dispatch(std::size_t workers, std::int64_t clients, Handler handler) {
    net::thread_pool threads{1};
    Dispatch<Executor> contender{threads.get_executor(), workers, handler};
    return measure(contender, contender.operation(), clients);
}

template <typename Executor>
int run_sessions(std::int64_t sessions) {
    net::thread_pool threads{1};
    Dispatch<Executor> contender{threads.get_executor(), 4, Echo<>{}};
    // Each is made known once; those that are counted find it so.
    ClosedLoop{sessions, 64}.run(contender.executor(), contender.introduction());
    return measure(contender, contender.operation(static_cast<std::uint64_t>(sessions)), 64);
}

template <typename Executor>
int run_deadlines(std::int64_t clients) {
    net::thread_pool threads{1};
    Dispatch<Executor> contender{threads.get_executor(), 4, Echo<>{}};
    return measure(contender, contender.operation_with_deadline(), clients);
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

template <typename>
constexpr std::string_view kind = DISPATCH_COST_KIND;

/// A template, so that the other kinds are not compiled.
template <typename T = void>
int run([[maybe_unused]] std::string_view name) {
    if constexpr (kind<T> == "default") {
        const std::size_t workers = name == "workers_256" ? 256 : name == "workers_1024" ? 1024 : 4;
        const std::int64_t clients = name == "one_client" ? 1 : name == "clients_1024" ? 1024 : 64;
        return run_dispatch<AnyExecutor>(workers, clients, Echo<>{});
    } else if constexpr (kind<T> == "sessions") {
        return run_sessions<AnyExecutor>(name == "sessions_1k" ? 1'000 : name == "sessions_100k" ? 100'000 : 1'000'000);
    } else if constexpr (kind<T> == "deadline") {
        return run_deadlines<AnyExecutor>(name == "deadline_one_client" ? 1 : name == "deadline_1024" ? 1024 : 64);
    } else if constexpr (kind<T> == "function") {
        return run_dispatch<AnyExecutor>(4, 64, plain_function);
    } else if constexpr (kind<T> == "typed") {
        return run_dispatch<TypedExecutor>(4, 64, Echo<dispatch::WorkerExecutor<TypedExecutor>>{});
    } else if constexpr (kind<T> == "typed_function") {
        return run_dispatch<TypedExecutor>(4, 64, plain_function);
    } else if constexpr (kind<T> == "yield") {
        return run_dispatch<AnyExecutor>(4, 64, Yield<>{});
    } else if constexpr (kind<T> == "observed") {
        return run_observed<Count>();
    } else {
        static_assert(kind<T> == "moved", "DISPATCH_COST_KIND names no kind");
        return measure_new<Mover<std::uint64_t>>(64, jobs);
    }
}

}  // namespace

int main(int argc, char** argv) {
    return bench::run_case(argc, argv, [](std::string_view name) { return run(name); });
}
