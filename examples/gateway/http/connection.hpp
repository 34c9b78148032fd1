// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_CONNECTION_HPP
#define GATEWAY_HTTP_CONNECTION_HPP

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>

#include "../net.hpp"
#include "counters.hpp"
#include "message.hpp"
#include "options.hpp"
#include "peer.hpp"
#include "refusal.hpp"
#include "watchdog.hpp"

namespace gateway {

/// Turns a request, which lives until the response is there, into a response. Called on the connection's strand, for
/// one request of a connection at a time. What it throws is logged, and becomes a 500. It is not cancelled when the
/// client leaves, nor when the server stops: the response is then dropped. One that takes long should end when its peer
/// has left. Version, keep-alive, Date and, where it is missing, Content-Length are set by the server, which also
/// leaves out the body for HEAD.
using HttpHandler = std::function<net::awaitable<HttpResponse>(HttpRequest&, HttpPeer&)>;

/// One client: reads a request, answers it, reads the next. Pipelined requests wait in the buffer and
/// in the socket, and are answered in order. Lives on the strand that is the socket's executor.
class HttpConnection final : public HttpPeer, public std::enable_shared_from_this<HttpConnection> {
  public:
    /// What the connections of a server share; outlives them.
    struct Shared {
        const HttpServerOptions& options;
        const HttpHandler& handler;
        const std::atomic<bool>& stopping;
        AtomicHttpServerCounters& counters;
    };

    HttpConnection(tcp::socket socket, const Shared& shared);

    tcp::socket::executor_type get_executor() { return socket_.get_executor(); }

    /// Serves the client until it leaves, breaks a rule, or the server stops. To be run on get_executor(); the
    /// connection must be kept alive meanwhile.
    net::awaitable<void> run();

    net::awaitable<void> departure() override;

    /// Ends the connection if it is idle. Thread-safe.
    void close_when_idle();

    /// Drops the client. A handler that runs is waited for. Thread-safe.
    void abort();

    static constexpr Clock::time_point told_to_end = Clock::time_point::min();
    static constexpr Clock::time_point not_idle = Clock::time_point::max();

    /// Since when the connection has been waiting for its next request (not its first); or one of the above, of which
    /// told_to_end becomes not_idle when it is not. Thread-safe.
    [[nodiscard]] Clock::time_point idle_since() const { return idle_since_; }

  private:
    enum class Phase { idle, reading, handling, writing, closing };
    using Parser = http::request_parser<http::string_body>;

    net::awaitable<void> serve();
    net::awaitable<bool> await_request(std::chrono::milliseconds limit);
    net::awaitable<bool> serve_request();
    net::awaitable<std::optional<Refusal>> read_head(Parser& parser);
    net::awaitable<std::optional<Refusal>> read_body(Parser& parser);
    net::awaitable<error_code> receive();
    Refusal refusal_of(error_code error) const;
    net::awaitable<HttpResponse> respond(HttpRequest& request);
    HttpResponse failed(const HttpRequest& request, std::string_view why) const;
    net::awaitable<bool> write(HttpResponse& response);
    void count(const Refusal& refusal) const;
    net::awaitable<void> finish();
    std::string_view received() const;
    void enter(Phase phase, std::chrono::milliseconds limit);
    void on_expiry();
    void stop_reading();
    void close();

    tcp::socket socket_;
    const Shared& shared_;
    Watchdog watchdog_;
    beast::flat_buffer buffer_;
    Phase phase_ = Phase::idle;
    std::atomic<Clock::time_point> idle_since_{not_idle};
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_CONNECTION_HPP
