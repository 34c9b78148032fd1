// SPDX-License-Identifier: Apache-2.0
//
// What one writes without a pool, to compare it with. Asio alone, as what GCC inlines depends on all that a program
// has: baselines must not change with the library.
//
// Each has an executor for its clients and an operation: called with a request, it returns what a client awaits.
#ifndef DISPATCH_BENCHMARKS_BASELINES_HPP
#define DISPATCH_BENCHMARKS_BASELINES_HPP

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "asio.hpp"

namespace bench {

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

#endif  // DISPATCH_BENCHMARKS_BASELINES_HPP
