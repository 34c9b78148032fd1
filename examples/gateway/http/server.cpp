// SPDX-License-Identifier: Apache-2.0
#include <gateway/http/server.hpp>

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>

#include <gateway/log/log.hpp>

namespace gateway {

namespace {

void report(const char* what, const std::exception_ptr& error) {
    try {
        if (error) {
            std::rethrow_exception(error);
        }
    } catch (const std::exception& exception) {
        log::error(what, {{"error", reason(exception)}});
    } catch (...) {
        log::error(what, {{"error", "not a std::exception"}});
    }
}

}  // namespace

HttpServer::HttpServer(const net::any_io_executor& executor, HttpHandlers handlers, HttpServerOptions options)
    : options_{std::move(options)},
      handlers_{std::move(handlers)},
      executor_{executor},
      strand_{net::make_strand(executor)},
      acceptor_{strand_},
      changed_{strand_} {}

std::uint16_t HttpServer::listen() {
    const tcp::endpoint endpoint{net::ip::make_address(options_.address), options_.port};
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address{true});
    acceptor_.bind(endpoint);
    acceptor_.listen();
    return acceptor_.local_endpoint().port();
}

void HttpServer::start() {
    accepting_ = true;
    net::co_spawn(strand_, accept_loop(), [this](const std::exception_ptr& error) {
        report("accepting connections failed", error);
        accepting_ = false;
        changed_.cancel();
    });
}

net::awaitable<void> HttpServer::stop(std::chrono::milliseconds grace) {
    return net::co_spawn(strand_, stop_on_strand(grace), net::use_awaitable);
}

net::awaitable<void> HttpServer::accept_loop() {
    while (!stopping_) {
        error_code error;
        tcp::socket socket = co_await acceptor_.async_accept(net::make_strand(executor_),
                                                             net::redirect_error(net::use_awaitable, error));
        if (error && error != net::error::connection_aborted && !stopping_) {
            // Out of descriptors or memory, most likely: let some connections end first.
            make_room();
            co_await change_until(Clock::now() + std::chrono::milliseconds{100});
        }
        // One newcomer at a time waits here, and the others in the backlog.
        while (!error && !stopping_ && connections_.size() >= options_.max_connections) {
            make_room();
            co_await change_until(Clock::now() + std::chrono::milliseconds{100});
        }
        if (!error && !stopping_) {
            serve(std::move(socket));
        }
    }
}

/// Tells the connection that has been idle for longest, or has waited for longest for the rest of a request, to end, if
/// there is one, and none is about to end already. The idlest comes first in the order of their times, behind those
/// that are told to end.
void HttpServer::make_room() {
    const auto longest = std::ranges::min_element(
        connections_, {}, [](const std::shared_ptr<HttpConnection>& connection) { return connection->idle_since(); });
    if (longest == connections_.end()) {
        return;
    }
    const Clock::time_point since = (*longest)->idle_since();
    if (since != HttpConnection::told_to_end && since <= Clock::now()) {
        ++counters_.evicted;
        (*longest)->make_room();
    }
}

void HttpServer::serve(tcp::socket socket) {
    error_code ignored;
    socket.set_option(tcp::no_delay{true}, ignored);
    socket.set_option(tcp::socket::keep_alive{true}, ignored);  // a client may vanish while its answer is made
    auto connection = std::make_shared<HttpConnection>(std::move(socket), shared_);
    connections_.insert(connection);
    ++counters_.accepted;
    ++counters_.connections;
    net::co_spawn(connection->get_executor(), connection->run(),
                  net::bind_executor(strand_, [this, connection](const std::exception_ptr& error) {
                      report("a connection failed", error);
                      connections_.erase(connection);
                      --counters_.connections;
                      changed_.cancel();
                  }));
}

net::awaitable<void> HttpServer::stop_on_strand(std::chrono::milliseconds grace) {
    const Clock::time_point end = Clock::now() + grace;
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    changed_.cancel();
    for (const auto& connection : connections_) {
        connection->close_when_idle();
    }
    co_await all_ended_until(end);
    for (const auto& connection : connections_) {
        connection->abort();
    }
    co_await all_ended_until(Clock::time_point::max());
}

net::awaitable<void> HttpServer::all_ended_until(Clock::time_point end) {
    while ((accepting_ || !connections_.empty()) && Clock::now() < end) {
        co_await change_until(end);
    }
}

/// Until a connection or the accepting ends, or end has come; it may return early.
net::awaitable<void> HttpServer::change_until(Clock::time_point end) {
    changed_.expires_at(end);
    error_code ignored;
    co_await changed_.async_wait(net::redirect_error(net::use_awaitable, ignored));
}

}  // namespace gateway
