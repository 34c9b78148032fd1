// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_SERVER_HPP
#define GATEWAY_HTTP_SERVER_HPP

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_set>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <gateway/base/net.hpp>
#include <gateway/http/connection.hpp>
#include <gateway/http/counters.hpp>
#include <gateway/http/options.hpp>

namespace gateway {

/// An HTTP/1.1 server: accepts connections, reads requests within limits of size and time, has handlers answer them,
/// and ends in order. It knows nothing of what is served.
class HttpServer {
  public:
    /// Connections run on strands of executor, and handlers with them. The server must live until stop() is done or
    /// the threads that run executor have ended.
    HttpServer(const net::any_io_executor& executor, HttpHandlers handlers, HttpServerOptions options);
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Binds and listens; returns the port. Clients wait until start(). Throws boost::system::system_error. Once.
    std::uint16_t listen();

    /// Begins to accept. Once, after listen().
    void start();

    /// Stops accepting, closes idle connections, lets requests in flight finish for grace, drops the clients that are
    /// left, and completes when the last connection is gone, and so when the last handler has returned: handlers are
    /// not interrupted. May be awaited on any executor; is not to be cancelled. Throws nothing. Once, after start().
    net::awaitable<void> stop(std::chrono::milliseconds grace);

    /// Thread-safe.
    [[nodiscard]] HttpServerCounters counters() const { return counters_.snapshot(); }

  private:
    net::awaitable<void> accept_loop();
    void serve(tcp::socket socket);
    void make_room();
    net::awaitable<void> stop_on_strand(std::chrono::milliseconds grace);
    net::awaitable<void> all_ended_until(Clock::time_point end);
    net::awaitable<void> change_until(Clock::time_point end);

    const HttpServerOptions options_;
    const HttpHandlers handlers_;
    std::atomic<bool> stopping_{false};
    AtomicHttpServerCounters counters_;
    const HttpConnection::Shared shared_{options_, handlers_, stopping_, counters_};
    net::any_io_executor executor_;
    net::any_io_executor strand_;  // everything below is used on it alone
    tcp::acceptor acceptor_;
    net::steady_timer changed_;
    std::unordered_set<std::shared_ptr<HttpConnection>> connections_;
    bool accepting_ = false;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_SERVER_HPP
