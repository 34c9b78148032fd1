// SPDX-License-Identifier: Apache-2.0
//
// What is compared: a pool, and what one writes without it. Each has an executor for its clients and an
// operation: called with a request, it returns what a client awaits.
#ifndef DISPATCH_BENCHMARKS_CONTENDERS_HPP
#define DISPATCH_BENCHMARKS_CONTENDERS_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <dispatch/pool.hpp>

#include "asio.hpp"

namespace bench {

// Handlers: what they do before they return their request.

template <typename Executor = AnyExecutor>
struct Echo {
    net::awaitable<std::uint64_t, Executor> operator()(std::uint64_t request) const { co_return request; }
};

template <typename Executor = AnyExecutor>
struct Yield {
    net::awaitable<std::uint64_t, Executor> operator()(std::uint64_t request) const {
        const net::use_awaitable_t<Executor> use_awaitable;
        co_await net::post(co_await net::this_coro::executor, use_awaitable);
        co_return request;
    }
};

template <typename Executor = AnyExecutor>
struct Wait1ms {
    net::awaitable<std::uint64_t, Executor> operator()(std::uint64_t request) const {
        using Clock = std::chrono::steady_clock;
        const net::use_awaitable_t<Executor> use_awaitable;
        net::basic_waitable_timer<Clock, net::wait_traits<Clock>, Executor> timer{co_await net::this_coro::executor};
        timer.expires_after(std::chrono::milliseconds{1});
        co_await timer.async_wait(use_awaitable);
        co_return request;
    }
};

inline constexpr auto plain_function = [](std::uint64_t request) { return request; };

/// The name of a session: 16 bytes. Made where it is needed, as a server has it from what it just read: a
/// list of all names would add its own cache misses to what is measured.
class SessionName {
  public:
    SessionName() = default;
    explicit SessionName(std::uint64_t number) noexcept { std::memcpy(text_ + 8, &number, sizeof(number)); }

    std::string_view text() const noexcept { return {text_, sizeof(text_)}; }

  private:
    char text_[16] = {'s', 'e', 's', 's', 'i', 'o', 'n', '-'};
};

/// A WorkerPool, as its users have it.
template <typename Executor = AnyExecutor>
class Dispatch {
  public:
    using Pool = dispatch::WorkerPool<std::uint64_t, std::uint64_t, dispatch::LeastLoaded, Executor>;

    template <typename H>
    Dispatch(const Executor& executor, std::size_t workers, H handler)
        : pool_{dispatch::spawn_workers<std::uint64_t, std::uint64_t, Executor>(executor, workers, handler)} {}

    Executor executor() const { return pool_.get_executor(); }
    Pool& pool() noexcept { return pool_; }

    struct Operation {
        using Response = std::uint64_t;
        Pool* pool;
        auto operator()(std::uint64_t request) const { return pool->submit(std::nullopt, request); }
    };
    Operation operation() { return {&pool_}; }

    /// Spreads requests over so many sessions, in an order that looks random. Each client has a copy of
    /// its own, so that the name lives as long as the request.
    class SessionOperation {
      public:
        using Response = std::uint64_t;
        SessionOperation(Pool& pool, std::uint64_t sessions) noexcept : pool_{&pool}, sessions_{sessions} {}
        auto operator()(std::uint64_t request) const {
            name_ = SessionName{((request * 0x9e3779b97f4a7c15ULL) >> 20) % sessions_};
            return pool_->submit(name_.text(), request);
        }

      private:
        Pool* pool_;
        std::uint64_t sessions_;
        mutable SessionName name_;
    };
    SessionOperation operation(std::uint64_t sessions) { return {pool_, sessions}; }

    /// Requests from 1 to the number of sessions: each session's first.
    class Introduction {
      public:
        using Response = std::uint64_t;
        explicit Introduction(Pool& pool) noexcept : pool_{&pool} {}
        auto operator()(std::uint64_t request) const {
            name_ = SessionName{request - 1};
            return pool_->submit(name_.text(), request);
        }

      private:
        Pool* pool_;
        mutable SessionName name_;
    };
    Introduction introduction() { return Introduction{pool_}; }

  private:
    Pool pool_;
};

/// No dispatcher at all: a coroutine is spawned for each request, and awaited.
template <typename Handler>
class CoSpawn {
  public:
    CoSpawn(const TypedExecutor& executor, Handler handler) : executor_{executor}, handler_{handler} {}

    AnyExecutor executor() const { return executor_; }

    struct Operation {
        using Response = std::uint64_t;
        TypedExecutor executor;
        Handler handler;
        auto operator()(std::uint64_t request) const {
            return net::co_spawn(executor, handler(request), net::use_awaitable);
        }
    };
    Operation operation() const { return {executor_, handler_}; }

  private:
    TypedExecutor executor_;
    Handler handler_;
};

/// One awaited post, and nothing done: what a hop to the executor costs.
class Post {
  public:
    explicit Post(const TypedExecutor& executor) : executor_{executor} {}

    AnyExecutor executor() const { return executor_; }

    struct Operation {
        using Response = void;
        TypedExecutor executor;
        auto operator()(std::uint64_t /*request*/) const { return net::post(executor, net::use_awaitable); }
    };
    Operation operation() const { return {executor_}; }

  private:
    TypedExecutor executor_;
};

/// The design of the Rust original, word for word in Asio: a channel for each worker, a coroutine spawned
/// for each job, and a channel for its reply. No permits, no affinity.
template <typename Handler>
class DirectPort {
  public:
    DirectPort(const AnyExecutor& executor, std::size_t workers, Handler handler) : executor_{executor} {
        for (std::size_t i = 0; i != workers; ++i) {
            workers_.push_back(std::make_shared<Worker>(executor));
            net::co_spawn(executor, loop(workers_.back(), handler), net::detached);
        }
    }
    DirectPort(const DirectPort&) = delete;
    DirectPort& operator=(const DirectPort&) = delete;
    ~DirectPort() {
        for (const auto& worker : workers_) {
            worker->queue.close();
        }
    }

    AnyExecutor executor() const { return executor_; }

    struct Operation {
        using Response = std::uint64_t;
        DirectPort* self;
        auto operator()(std::uint64_t request) const { return self->submit(request); }
    };
    Operation operation() { return {this}; }

  private:
    using Error = dispatch::detail::net_error;
    using Reply = net::experimental::concurrent_channel<void(Error, std::uint64_t)>;
    struct Job {
        std::uint64_t request = 0;
        std::shared_ptr<Reply> reply;
    };
    struct Worker {
        explicit Worker(const AnyExecutor& executor) : queue{executor, 1024} {}
        net::experimental::concurrent_channel<void(Error, Job)> queue;
        std::atomic<std::size_t> load{0};
    };

    static net::awaitable<void> loop(std::shared_ptr<Worker> worker, Handler handler) {
        const auto executor = co_await net::this_coro::executor;
        try {
            for (;;) {
                Job job = co_await worker->queue.async_receive(net::use_awaitable);
                net::co_spawn(executor, serve(worker, handler, std::move(job)), net::detached);
            }
        } catch (const std::exception&) {
            // closed
        }
    }

    static net::awaitable<void> serve(std::shared_ptr<Worker> worker, Handler handler, Job job) {
        const std::uint64_t response = co_await handler(job.request);
        --worker->load;
        co_await job.reply->async_send(Error{}, response, net::use_awaitable);
    }

    net::awaitable<std::uint64_t> submit(std::uint64_t request) {
        const auto least = std::min_element(workers_.begin(), workers_.end(), [](const auto& a, const auto& b) {
            return a->load.load(std::memory_order_relaxed) < b->load.load(std::memory_order_relaxed);
        });
        const std::shared_ptr<Worker> worker = *least;
        ++worker->load;
        const auto reply = std::make_shared<Reply>(executor_, 1);
        Job job{request, reply};
        co_await worker->queue.async_send(Error{}, std::move(job), net::use_awaitable);
        co_return co_await reply->async_receive(net::use_awaitable);
    }

    AnyExecutor executor_;
    std::vector<std::shared_ptr<Worker>> workers_;
};

}  // namespace bench

#endif  // DISPATCH_BENCHMARKS_CONTENDERS_HPP
