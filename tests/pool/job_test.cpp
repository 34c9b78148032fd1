// SPDX-License-Identifier: Apache-2.0
//
// Responses of awkward types: what stands beside an error is made when it is needed.
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace job_test {

namespace net = dispatch::net;
using dispatch::errc;
using test::Outcome;

/// Its default constructor fails as often as it is told to.
template <typename Error>
class Awkward {
  public:
    static inline int failures = 0;
    static inline int made = 0;

    Awkward() {
        ++made;
        if (failures != 0) {
            --failures;
            throw Error{};
        }
    }
    explicit Awkward(int number) : value{number} {}

    int value = 0;
};

struct Refusal : std::runtime_error {
    Refusal() : std::runtime_error{"no empty ones"} {}
};

static_assert(!std::is_nothrow_default_constructible_v<Awkward<Refusal>>);

template <typename Response>
class AwkwardResponse : public test::PoolFixture<int, Response> {
  protected:
    AwkwardResponse() {
        Response::made = 0;
        Response::failures = 0;
        this->make_pool(1, [](int request) -> net::awaitable<Response> {
            if (request < 0) {
                throw std::domain_error{"negative"};
            }
            co_return Response{request};
        });
    }

    void submit(int request) {
        this->pool->submit(std::nullopt, request, [this](std::exception_ptr heard, Response response) {
            ++calls;
            error = std::move(heard);
            value = response.value;
        });
    }

    int calls = 0;
    std::exception_ptr error;
    int value = -1;
};

using OutOfMemory = AwkwardResponse<Awkward<std::bad_alloc>>;
using Refusing = AwkwardResponse<Awkward<Refusal>>;

TEST_F(Refusing, MayBeMadeByTheHandlerOnly) {
    submit(7);
    poll();
    EXPECT_EQ(value, 7);
    EXPECT_EQ(Awkward<Refusal>::made, 0) << "an empty one is for errors";
}

TEST_F(Refusing, StandsBesideAnError) {
    submit(-1);
    poll();
    EXPECT_EQ(calls, 1);
    EXPECT_TRUE(test::is_error<std::domain_error>(error, "negative"));
    pool->stop();
    submit(1);
    poll();
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(test::code_of(error), errc::stopped);
    EXPECT_EQ(value, 0);
}

TEST_F(OutOfMemory, TheErrorIsDeliveredWhenThereIsMemory) {
    Awkward<std::bad_alloc>::failures = 3;
    submit(-1);
    poll();
    EXPECT_EQ(calls, 1);
    EXPECT_TRUE(test::is_error<std::domain_error>(error, "negative"));
    EXPECT_EQ(Awkward<std::bad_alloc>::made, 4);
}

TEST_F(Refusing, WhatElseItThrowsLeavesRunAsWithCoSpawn) {
    const auto seen = std::make_shared<int>(0);
    Awkward<Refusal>::failures = 2;
    // Asio's own.
    net::co_spawn(
        *context,
        []() -> net::awaitable<Awkward<Refusal>> {
            throw std::domain_error{"negative"};
            co_return Awkward<Refusal>{1};
        },
        [seen](std::exception_ptr, Awkward<Refusal>) { ++*seen; });
    EXPECT_THROW(poll(), Refusal);
    EXPECT_EQ(seen.use_count(), 1);
    pool->submit(std::nullopt, -1, [seen](std::exception_ptr, Awkward<Refusal>) { ++*seen; });
    EXPECT_THROW(poll(), Refusal);
    EXPECT_EQ(seen.use_count(), 1) << "the handler is destroyed";
    EXPECT_EQ(*seen, 0);
    submit(3);
    poll();
    EXPECT_EQ(value, 3) << "nobody else is hit";
    EXPECT_EQ(pool->ledger().failed, 1U);
}

/// Such as Beast's message_generator.
class NotDefault {
  public:
    explicit NotDefault(int number) : number_{std::make_unique<int>(number)} {}
    int number() const { return *number_; }

  private:
    std::unique_ptr<int> number_;
};

TEST(OptionalResponse, CarriesWhatHasNoDefault) {
    net::io_context context;
    dispatch::WorkerPool<int, std::optional<NotDefault>> pool{dispatch::spawn_workers<int, std::optional<NotDefault>>(
        context.get_executor(), 1, [](int value) -> net::awaitable<NotDefault> { co_return NotDefault{value}; })};
    int heard = 0;
    const auto ask = [&]() -> net::awaitable<void> {
        const std::optional<NotDefault> response = co_await pool.submit(std::nullopt, 5);
        heard = response->number();
    };
    net::co_spawn(context, ask, net::detached);
    context.run();
    EXPECT_EQ(heard, 5);
}

}  // namespace job_test
