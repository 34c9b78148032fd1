// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/observer.hpp>
#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace per_worker_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using dispatch::per_worker;
using test::Outcome;

/// Knows how many of its kind there are, and cannot be copied.
class Connection {
  public:
    Connection(std::size_t number, int& live) : number_{number}, live_{&live, [](int* count) { --*count; }} { ++live; }

    std::size_t number() const noexcept { return number_; }

  private:
    std::size_t number_;
    std::unique_ptr<int, void (*)(int*)> live_;
};

using PerWorker = test::PoolFixture<int, std::size_t>;

/// The numbers that n jobs bring, from a pool of n idle workers, which take turns.
std::set<std::size_t> numbers(PerWorker::Pool& pool, net::io_context& context, std::size_t n) {
    std::vector<Outcome<std::size_t>> outcomes(n);
    for (Outcome<std::size_t>& outcome : outcomes) {
        pool.submit(std::nullopt, 0, outcome.handler());
    }
    test::poll(context);
    std::set<std::size_t> heard;
    for (const Outcome<std::size_t>& outcome : outcomes) {
        heard.insert(outcome.value().value_or(n));
    }
    return heard;
}

TEST_F(PerWorker, EachWorkerHasItsOwnMoveOnlyHandler) {
    int live = 0;
    make_pool(4, per_worker([&](std::size_t number) {
                  return
                      [own = Connection{number, live}](int, dispatch::JobContext& job) -> net::awaitable<std::size_t> {
                          EXPECT_EQ(job.worker_id(), own.number());
                          co_return own.number();
                      };
              }));
    EXPECT_EQ(live, 4);
    EXPECT_EQ(numbers(*pool, *context, 4), (std::set<std::size_t>{0, 1, 2, 3}));
    handles.clear();
    pool.reset();
    poll();
    EXPECT_EQ(live, 0) << "each handler goes with its worker";
}

TEST_F(PerWorker, AFactoryOfPlainFunctionsIsCalledInOrder) {
    std::vector<std::size_t> made;
    make_pool(3, per_worker([&](std::size_t number) {
                  made.push_back(number);
                  return [own = std::make_unique<std::size_t>(number)](int) { return *own; };
              }));
    EXPECT_EQ(made, (std::vector<std::size_t>{0, 1, 2}));
    EXPECT_EQ(numbers(*pool, *context, 3), (std::set<std::size_t>{0, 1, 2}));
}

TEST_F(PerWorker, TypesAreTakenFromTheHandlersSignature) {
    dispatch::WorkerPool<int, std::string> deduced{
        dispatch::spawn_workers(context->get_executor(), 1, per_worker([](std::size_t number) {
                                    return [own = std::make_unique<std::size_t>(number)](int value) {
                                        return std::to_string(*own) + ":" + std::to_string(value);
                                    };
                                }))};
    Outcome<std::string> outcome;
    deduced.submit(std::nullopt, 7, outcome.handler());
    poll();
    EXPECT_TRUE(outcome.returned("0:7"));
}

struct Count {
    void routed(const dispatch::RoutedEvent&) noexcept {}
    void started(const dispatch::StartedEvent&) noexcept { ++*events; }
    void finished(const dispatch::FinishedEvent&) noexcept { ++*events; }
    void dropped(const dispatch::DroppedEvent&) noexcept { ++*events; }
    int* events;
};

TEST_F(PerWorker, ObserversSeeTheHandlersOfAFactory) {
    int events = 0;
    const auto factory = [](std::size_t number) {
        return [own = std::make_unique<std::size_t>(number)](int) -> net::awaitable<std::size_t> { co_return *own; };
    };
    handles =
        dispatch::spawn_workers<int, std::size_t>(context->get_executor(), 2, per_worker(factory), {}, Count{&events});
    pool.emplace(handles);
    EXPECT_EQ(numbers(*pool, *context, 2), (std::set<std::size_t>{0, 1}));
    EXPECT_EQ(events, 4);
    const auto deduced = dispatch::spawn_workers(context->get_executor(), 1, per_worker(factory), {}, Count{&events});
    EXPECT_EQ(deduced.size(), 1U);
}

TEST_F(PerWorker, WhatTheFactoryThrowsLeavesNothingBehind) {
    int live = 0;
    EXPECT_THROW(make_pool(3, per_worker([&](std::size_t number) {
                               if (number == 2) {
                                   throw std::runtime_error{"no third connection"};
                               }
                               return [own = Connection{number, live}](int) { return own.number(); };
                           })),
                 std::runtime_error);
    poll();
    EXPECT_EQ(live, 0);
}

TEST_F(PerWorker, TheFactoryIsCalledForValidOptionsOnly) {
    const auto spawn = [&] {
        make_pool(1, per_worker([](std::size_t) {
                      ADD_FAILURE() << "connects in vain";
                      return [](int) { return std::size_t{0}; };
                  }),
                  {.max_concurrency = 0});
    };
    EXPECT_THROW(spawn(), std::invalid_argument);
}

/// Owns something of the execution context, and looks at itself when it is left.
class TimedHandler {
  public:
    explicit TimedHandler(net::io_context& context) : timer_{std::make_unique<net::steady_timer>(context, 1h)} {}

    net::awaitable<std::size_t> operator()(int) {
        struct Leave {
            TimedHandler& handler;
            ~Leave() { ++handler.left_; }
        };
        const Leave leave{*this};
        co_await timer_->async_wait(net::use_awaitable);
        co_return 0;
    }

  private:
    std::unique_ptr<net::steady_timer> timer_;
    int left_ = 0;
};

TEST_F(PerWorker, AHandlerThatOwnsATimerOfTheContextGoesWithThat) {
    // The address sanitizer sees it otherwise: the timer, and frames that still use their handler.
    make_pool(2, per_worker([this](std::size_t) { return TimedHandler{*context}; }));
    Outcome<std::size_t> outcome;
    pool->submit(std::nullopt, 1, outcome.handler());
    poll();
    context.reset();
    EXPECT_EQ(outcome.calls(), 0);
    pool.reset();
    handles.clear();
}

TEST_F(PerWorker, ACopiedHandlerThatSharesATimerGoesWithTheContext) {
    auto timer = std::make_shared<net::steady_timer>(*context, 1h);
    std::weak_ptr<net::steady_timer> watch = timer;
    make_pool(1, [timer = std::move(timer)](int) { return std::size_t{0}; });
    context.reset();
    EXPECT_TRUE(watch.expired());
}

}  // namespace per_worker_test
