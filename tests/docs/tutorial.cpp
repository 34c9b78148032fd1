// SPDX-License-Identifier: Apache-2.0
//
// The tutorial's server, with a client that talks to it. (Its main is not run: it listens on a fixed port.)
#include <cstddef>
#include <exception>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "tutorial.md.cpp"

namespace tutorial {

using namespace tutorial_md::the_end;

namespace {

asio::awaitable<std::string> line_of(tcp::socket& socket, std::string& input) {
    const std::size_t size =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(input), '\n', asio::use_awaitable);
    std::string line = input.substr(0, size);
    input.erase(0, size);
    co_return line;
}

asio::awaitable<void> client(tcp::endpoint server, std::vector<std::string>& heard) {
    tcp::socket socket{co_await asio::this_coro::executor};
    co_await socket.async_connect(server, asio::use_awaitable);
    const std::string lines = "ada hello world\nbrian hi\nada again\n";
    co_await asio::async_write(socket, asio::buffer(lines), asio::use_awaitable);
    std::string input;
    for (int line = 0; line != 3; ++line) {
        heard.push_back(co_await line_of(socket, input));
    }
    const std::string question = "stats\n";
    co_await asio::async_write(socket, asio::buffer(question), asio::use_awaitable);
    for (int line = 0; line != 5; ++line) {
        heard.push_back(co_await line_of(socket, input));
    }
}

asio::awaitable<void> drive(tcp::acceptor& acceptor, Pool& pool, asio::io_context& context,
                            std::vector<std::string>& heard) {
    tcp::endpoint server = acceptor.local_endpoint();
    co_await client(server, heard);
    co_await finish(acceptor, pool);
    heard.push_back(co_await answer(pool, "late", "too late"));
    context.stop();
}

}  // namespace

TEST(Tutorial, TheServerCountsAnswersAndEnds) {
    std::vector<std::string> heard;
    asio::io_context context{1};
    asio::thread_pool threads{4};
    Pool pool{dispatch::spawn_workers(threads.get_executor(), 4, WordCounter{},
                                      {.max_concurrency = 64, .queue_capacity = 256}),
              {.affinity_expiry = dispatch::AffinityExpiry::sliding, .overflow = dispatch::Overflow::reject}};
    tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
    asio::co_spawn(context, listen(acceptor, pool), asio::detached);
    asio::co_spawn(context, drive(acceptor, pool, context, heard), [](std::exception_ptr error) {
        if (error) {
            std::rethrow_exception(error);
        }
    });
    context.run();
    ASSERT_EQ(heard.size(), 9U);
    EXPECT_EQ(heard[0], "ada: 2 words\n");
    EXPECT_EQ(heard[1], "brian: 1 words\n");
    EXPECT_EQ(heard[2], "ada: 3 words\n");
    EXPECT_EQ(heard[7], "3 submitted, 3 completed, 0 rejected, 0 expired\n");
    EXPECT_EQ(heard[8], "closing\n");
}

}  // namespace tutorial
