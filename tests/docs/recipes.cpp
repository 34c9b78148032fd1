// SPDX-License-Identifier: Apache-2.0
//
// What the code in docs/recipes.md does that the page has no room to show. The page's own programs come along.
#include <chrono>
#include <cstddef>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "recipes.md.cpp"

namespace recipes {

namespace net = dispatch::net;
using namespace std::chrono_literals;

TEST(Recipes, StateBySession) {
    net::io_context context;
    Pool pool{
        dispatch::spawn_workers(context.get_executor(), 3, recipes_md::state_by_session_without_locks::Translator{})};
    auto first = pool.submit("ada", "one", net::use_future);
    auto second = pool.submit("ada", "two", net::use_future);
    context.run();
    EXPECT_EQ(first.get(), " one");
    EXPECT_EQ(second.get(), "one two");
}

TEST(Recipes, EachRetryGetsThereInTheEnd) {
    net::io_context context;
    Pool pool{dispatch::spawn_workers<Request, Response>(context.get_executor(), 1,
                                                         [](Request request) -> net::awaitable<Response> {
                                                             net::steady_timer timer{co_await net::this_coro::executor,
                                                                                     1ms};
                                                             co_await timer.async_wait(net::use_awaitable);
                                                             co_return request;
                                                         },
                                                         {.max_concurrency = 1, .queue_capacity = 1})};
    std::vector<std::future<Response>> replies;
    for (int i = 0; i != 6; ++i) {
        replies.push_back(net::co_spawn(context, recipes_md::retries::submit_patiently(pool, "ada", std::to_string(i)),
                                        net::use_future));
    }
    context.run();
    for (int i = 0; i != 6; ++i) {
        EXPECT_EQ(replies[static_cast<std::size_t>(i)].get(), std::to_string(i));
    }
    EXPECT_GT(pool.ledger().rejected, 0U);
}

}  // namespace recipes
