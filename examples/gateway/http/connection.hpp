// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_CONNECTION_HPP
#define GATEWAY_HTTP_CONNECTION_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>

#include <gateway/base/net.hpp>
#include <gateway/http/body_bound.hpp>
#include <gateway/http/counters.hpp>
#include <gateway/http/handlers.hpp>
#include <gateway/http/message.hpp>
#include <gateway/http/options.hpp>
#include <gateway/http/peer.hpp>
#include <gateway/http/progress.hpp>
#include <gateway/http/refusal.hpp>
#include <gateway/http/reply.hpp>
#include <gateway/http/watchdog.hpp>

namespace gateway {

/// One client: reads a request, answers it, reads the next. Pipelined requests wait in the buffer and
/// in the socket, and are answered in order. Lives on the strand that is the socket's executor.
class HttpConnection final : public HttpPeer, public std::enable_shared_from_this<HttpConnection> {
  public:
    /// What the connections of a server share; outlives them.
    struct Shared {
        const HttpServerOptions& options;
        const HttpHandlers& handlers;
        const std::atomic<bool>& stopping;
        AtomicHttpServerCounters& counters;
    };

    HttpConnection(tcp::socket socket, const Shared& shared);

    tcp::socket::executor_type get_executor() { return socket_.get_executor(); }

    /// Serves the client until it leaves, breaks a rule, or the server stops. To be run on get_executor(); the
    /// connection must be kept alive meanwhile.
    net::awaitable<void> run();

    void watch(std::function<void()> departed) override;
    net::awaitable<void> hint(std::string_view name, std::string_view value) override;
    void release_body() override { body_room_.release(); }

    /// Ends the connection if it is idle, and no request has begun to arrive. Thread-safe.
    void close_when_idle();

    /// Ends the connection if it is idle, or waits for the rest of a request, and nothing of it has arrived.
    /// Thread-safe.
    void make_room();

    /// Drops the client. A handler that runs is waited for. Thread-safe.
    void abort();

    static constexpr Clock::time_point told_to_end = Clock::time_point::min();
    static constexpr Clock::time_point not_idle = Clock::time_point::max();

    /// Since when the connection has been waiting for its next request, or from when on it counts as idle if its first,
    /// the rest of a head, or more of a body has not arrived by then; or one of the above, of which told_to_end becomes
    /// not_idle when it is not. Thread-safe.
    [[nodiscard]] Clock::time_point idle_since() const { return idle_since_; }

  private:
    static constexpr std::size_t read_size = 4096;

    enum class Phase { idle, reading_head, reading_body, handling, writing, awaiting_part, closing };
    using Parser = http::request_parser<http::string_body>;

    /// A read that began while a request was handled. There as long as it is under way: its operation owns this, so
    /// that a context that goes takes with it whoever waits.
    struct Ahead {
        std::function<void(error_code)> resume;  ///< who waits for its end, if anybody does
    };

    net::awaitable<void> serve();
    net::awaitable<bool> await_request(std::chrono::milliseconds limit);
    net::awaitable<bool> serve_request();
    net::awaitable<std::optional<Refusal>> read_head(Parser& parser);
    std::optional<HttpResponse> screen(Parser& parser);
    bool skip_body(const Parser& parser);
    net::awaitable<std::optional<Refusal>> read_body(Parser& parser);
    net::awaitable<error_code> receive();
    void read_ahead();
    void watch_for_reset();
    void tell_departure();
    Refusal refusal_of(error_code error) const;
    net::awaitable<HttpReply> respond(HttpRequest& request);
    HttpResponse failed(const HttpRequest& request, std::string_view why) const;
    HttpResponse explain(const HttpRequest& request, http::status status, std::string_view why) const;
    void settle(const HttpRequest& request, HttpReply& reply, bool keep) const;
    void report(const HttpRequest& request, http::status status) const;
    net::awaitable<bool> write(std::string_view head, std::string_view body);
    net::awaitable<bool> write_parts(const HttpResponse& beginning, std::unique_ptr<BodySource> rest);
    net::awaitable<bool> write_each(const HttpResponse& beginning, BodySource& rest);
    net::awaitable<bool> write_part(std::string head, std::string part, bool chunked);
    void count(const Refusal& refusal) const;
    void record(const HttpRequest& request, const HttpResponse& response, bool complete) const;
    net::awaitable<void> finish();
    std::string_view received() const;
    void enter(Phase phase, std::chrono::milliseconds limit);
    void begin_transfer(Phase phase);
    void begin_period(std::uint64_t before);
    std::uint64_t taken();
    bool goes_on();
    void on_expiry();
    void stop_reading();
    bool has_nothing_to_read();
    void close();

    tcp::socket socket_;
    const Shared& shared_;
    Watchdog watchdog_;
    beast::flat_buffer buffer_;
    Phase phase_ = Phase::idle;
    Progress progress_;        // of the present transfer: a body that is read, or a response that is written
    std::uint64_t moved_ = 0;  // bytes of it, in and out of the socket
    std::atomic<Clock::time_point> idle_since_;
    std::weak_ptr<Ahead> ahead_;
    error_code left_;                 // what such a read ended with: asked again, the system may not say it again
    std::function<void()> departed_;  // who wants to know, while a request is handled
    std::uint64_t watches_ = 0;       // the present one's number
    bool waits_for_reset_ = false;
    bool takes_hints_ = false;  // the request that is handled is of HTTP/1.1
    tcp::endpoint client_;
    // Of the present request:
    BodyRoom body_room_;
    std::string request_id_;
    Clock::time_point begun_;       // its first byte had arrived
    Clock::time_point first_byte_;  // its response begins to be sent
    std::uint64_t received_ = 0, sent_ = 0;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_CONNECTION_HPP
