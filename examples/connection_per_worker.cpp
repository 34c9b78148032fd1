// SPDX-License-Identifier: Apache-2.0
//
// A connection for each worker: per_worker(factory) makes every worker a handler of its own, whose state needs no locks
// although four threads run the workers. Prints how many queries each connection has answered, and how a handler
// replaces a connection that is lost.
#include <algorithm>
#include <cstddef>
#include <future>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <dispatch/per_worker.hpp>
#include <dispatch/pool.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
namespace asio = boost::asio;
#else
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#endif

struct Answer {
    std::string server;
    int number = 0;  // of the query, on its connection
};
using Pool = dispatch::WorkerPool<std::string, Answer>;

/// To a database server: one query at a time, by one thread at a time. Cannot be copied.
class Connection {
  public:
    explicit Connection(std::string server) : server_{std::move(server)} {}
    Connection(Connection&&) = default;
    Connection& operator=(Connection&&) = default;

    asio::awaitable<Answer> query(std::string text) {
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);  // in place of the network
        if (text == "bad luck") {
            throw std::runtime_error{"connection lost"};
        }
        Answer answer{server_, ++queries_};
        co_return answer;
    }
    const std::string& server() const { return server_; }

  private:
    std::string server_;
    int queries_ = 0;
};

/// The handler of one worker.
class Query {
  public:
    explicit Query(std::string server) : connection_{std::move(server)} {}

    asio::awaitable<Answer> operator()(std::string text) {
        if (!intact_) {
            connection_ = Connection{connection_.server()};
        }
        intact_ = false;  // unless the query comes to its end
        Answer answer = co_await connection_.query(std::move(text));
        intact_ = true;
        co_return answer;
    }

  private:
    Connection connection_;
    bool intact_ = true;
};

/// Six clients ask five times each.
void ask(Pool& pool) {
    std::map<std::string, int> queries;
    const auto count = [&](const Answer& answer) {
        queries[answer.server] = std::max(queries[answer.server], answer.number);
    };
    const std::vector<std::string> clients{"ada", "brian", "clara", "dmitri", "edith", "farid"};
    for (const std::string& client : clients) {  // one after the other: their sessions spread evenly
        count(pool.submit(client, "select", asio::use_future).get());
    }
    std::vector<std::future<Answer>> answers;
    for (std::size_t i = 0; i != 4 * clients.size(); ++i) {  // then all at once
        answers.push_back(pool.submit(clients[i % clients.size()], "select", asio::use_future));
    }
    for (std::future<Answer>& answer : answers) {
        count(answer.get());
    }
    for (const auto& [server, number] : queries) {
        std::cout << server << ": " << number << " queries\n";
    }
}

int main() {
    const std::vector<std::string> servers{"db-1", "db-2", "db-3"};
    asio::thread_pool threads{4};
    Pool pool{dispatch::spawn_workers(threads.get_executor(), servers.size(),
                                      dispatch::per_worker([&](std::size_t worker) { return Query{servers[worker]}; }),
                                      {.max_concurrency = 1})};  // what one connection takes at a time
    ask(pool);

    try {
        pool.submit("ada", "bad luck", asio::use_future).get();
    } catch (const std::runtime_error& error) {
        std::cout << "ada: " << error.what() << '\n';
    }
    const Answer answer = pool.submit("ada", "select", asio::use_future).get();
    std::cout << "ada: query " << answer.number << " on a new connection\n";
}

// Prints:
// db-1: 10 queries
// db-2: 10 queries
// db-3: 10 queries
// ada: connection lost
// ada: query 1 on a new connection
