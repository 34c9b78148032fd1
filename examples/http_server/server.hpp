// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_HTTP_SERVER_SERVER_HPP
#define EXAMPLES_HTTP_SERVER_SERVER_HPP

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <unordered_set>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "beast.hpp"
#include "config.hpp"
#include "connection.hpp"
#include "router.hpp"

namespace example {

/// Accepts connections and, when it is time, brings them and the pool to an orderly end. How the parts
/// hang together: HttpServer accepts, a Connection per client reads and writes, the Router answers.
class HttpServer {
  public:
    /// pool must outlive the server, and the server must live until stop() is done or the threads
    /// that run executor have ended.
    HttpServer(const net::any_io_executor& executor, Pool& pool, ServerConfig config)
        : config_{std::move(config)},
          pool_{pool},
          router_{pool, draining_},
          executor_{executor},
          strand_{net::make_strand(executor)},
          acceptor_{strand_},
          changed_{strand_} {}

    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Binds, listens, and begins to accept; returns the port. Throws boost::system::system_error.
    /// Once.
    std::uint16_t start() {
        const tcp::endpoint endpoint{net::ip::make_address(config_.address), config_.port};
        acceptor_.open(endpoint.protocol());
        acceptor_.set_option(tcp::acceptor::reuse_address{true});
        acceptor_.bind(endpoint);
        acceptor_.listen();
        const std::uint16_t port = acceptor_.local_endpoint().port();
        accepting_ = true;
        net::co_spawn(strand_, accept_loop(), [this](const std::exception_ptr& error) {
            report("accepting", error);
            accepting_ = false;
            changed_.cancel();
        });
        return port;
    }

    /// Stops accepting, closes idle connections, lets requests in flight finish for drain_timeout, stops
    /// what is left then, and returns the pool's ledger when the last connection is gone. Requests that
    /// arrive meanwhile get 503. May be awaited on any executor. Once.
    net::awaitable<dispatch::Ledger> stop() {
        co_return co_await net::co_spawn(strand_, stop_on_strand(), net::use_awaitable);
    }

  private:
    using Clock = std::chrono::steady_clock;

    net::awaitable<void> accept_loop() {
        while (!draining_) {
            if (connections_.size() >= config_.max_connections) {
                co_await change_until(Clock::time_point::max());
                continue;
            }
            beast::error_code error;
            tcp::socket socket = co_await acceptor_.async_accept(net::make_strand(executor_),
                                                                 net::redirect_error(net::use_awaitable, error));
            if (!error && !draining_) {
                serve(std::move(socket));
            } else if (error && error != net::error::connection_aborted) {
                // Out of descriptors or memory, most likely: let some connections end first.
                co_await change_until(Clock::now() + std::chrono::milliseconds{100});
            }
        }
    }

    void serve(tcp::socket socket) {
        beast::error_code ignored;
        socket.set_option(tcp::no_delay{true}, ignored);
        auto connection = std::make_shared<Connection>(std::move(socket), router_, config_, draining_);
        connections_.insert(connection);
        net::co_spawn(connection->get_executor(), connection->run(),
                      net::bind_executor(strand_, [this, connection](const std::exception_ptr& error) {
                          report("a connection", error);
                          connections_.erase(connection);
                          changed_.cancel();
                      }));
    }

    net::awaitable<dispatch::Ledger> stop_on_strand() {
        using namespace net::experimental::awaitable_operators;
        const Clock::time_point end = Clock::now() + config_.drain_timeout;
        draining_ = true;
        beast::error_code ignored;
        acceptor_.close(ignored);
        changed_.cancel();
        for (const auto& connection : connections_) {
            connection->close_when_idle();
        }
        co_await (pool_.drain(net::use_awaitable) || stop_pool_at(end));
        co_await all_ended_until(std::max(end, Clock::now() + config_.linger_timeout));
        for (const auto& connection : connections_) {
            connection->abort();
        }
        co_await all_ended_until(Clock::time_point::max());
        co_return pool_.ledger();
    }

    net::awaitable<void> stop_pool_at(Clock::time_point end) {
        net::steady_timer timer{strand_, end};
        co_await timer.async_wait(net::use_awaitable);
        pool_.stop();
    }

    net::awaitable<void> all_ended_until(Clock::time_point end) {
        while ((accepting_ || !connections_.empty()) && Clock::now() < end) {
            co_await change_until(end);
        }
    }

    /// Until a connection or the accepting ends, or end has come; it may return early.
    net::awaitable<void> change_until(Clock::time_point end) {
        changed_.expires_at(end);
        beast::error_code ignored;
        co_await changed_.async_wait(net::redirect_error(net::use_awaitable, ignored));
    }

    static void report(const char* what, const std::exception_ptr& error) {
        if (!error) {
            return;
        }
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& exception) {
            std::clog << what << " failed: " << reason(exception) << std::endl;
        }
    }

    const ServerConfig config_;
    Pool& pool_;
    std::atomic<bool> draining_{false};
    Router router_;
    net::any_io_executor executor_;
    net::any_io_executor strand_;  // everything below is used on it alone
    tcp::acceptor acceptor_;
    net::steady_timer changed_;
    std::unordered_set<std::shared_ptr<Connection>> connections_;
    bool accepting_ = false;
};

}  // namespace example

#endif  // EXAMPLES_HTTP_SERVER_SERVER_HPP
