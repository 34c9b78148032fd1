// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_CONNECTION_HPP
#define GATEWAY_UPSTREAM_CONNECTION_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>

#include <gateway/base/net.hpp>
#include <gateway/http/message.hpp>
#include <gateway/upstream/http_transport.hpp>

namespace gateway {

/// What a response may have at most, in bytes.
struct ResponseLimits {
    std::uint32_t header = 0;
    std::uint64_t body = 0;
};

/// A connection to one origin, plain or with TLS, on which one request after another is sent.
///
/// Its socket belongs to no strand. Whoever uses it now does so on a strand of its own, on which all that
/// touches the connection happens, closing included; between two users it changes hands under a mutex. So it
/// is never touched by two threads at a time. The execution context must outlive it.
class Connection {
  public:
    /// tls must outlive the connection.
    Connection(const net::any_io_executor& executor, Origin origin, net::ssl::context& tls);

    /// Resolves, connects, and shakes hands. Executor: that of the awaiting coroutine, which must be a strand;
    /// likewise below. Cancellation: terminal, then close(). Throws TransportError.
    net::awaitable<void> open();

    /// Sends request, which must live meanwhile, and receives the response into response().
    /// Cancellation: terminal, then close(). Throws TransportError.
    net::awaitable<void> exchange(const UpstreamRequest& request, ResponseLimits limits);

    /// As exchange(), but returns when the head of the response is there, into response(). The body, which may be of
    /// any length, is what read_some() reads.
    net::awaitable<void> begin(const UpstreamRequest& request, ResponseLimits limits);

    /// After begin(): waits for the bytes of the body that are next, into bytes; none are there when that is complete.
    /// Cancellation: terminal, then close(). Throws TransportError.
    net::awaitable<void> read_some(std::string& bytes);

    /// After begin(): whether all of the body was read.
    [[nodiscard]] bool complete() const { return parser_->is_done(); }

    /// The response, once exchange() or begin() has returned.
    [[nodiscard]] const HttpResponse& response() const { return parser_->get(); }

    /// The same, once exchange() has returned; moved out.
    [[nodiscard]] HttpResponse take_response();

    /// Where the exchange is, or was when it ended early.
    [[nodiscard]] TransportError::Stage stage() const;

    /// When the response is complete: whether another exchange may follow.
    [[nodiscard]] bool reusable() const { return reusable_; }

    /// Whether the peer has neither closed this idle connection nor sent anything on it, as far as is known
    /// here. Does not block.
    [[nodiscard]] bool quiet();

    /// Makes what is under way and what is tried later fail. Idempotent.
    void close() noexcept;

    [[nodiscard]] const Origin& origin() const { return origin_; }

  private:
    using Parser = http::response_parser<http::string_body>;

    net::awaitable<void> connect(const std::vector<tcp::endpoint>& endpoints);
    net::awaitable<void> handshake();
    net::awaitable<void> exchange(const UpstreamRequest& request, ResponseLimits limits, bool with_body);
    template <typename Stream>
    net::awaitable<void> exchange_on(Stream& stream, const UpstreamRequest& request, bool with_body);
    template <typename Stream>
    net::awaitable<error_code> receive(Stream& stream, bool to_head, bool with_body);
    template <typename Stream>
    net::awaitable<void> read_some_of(Stream& stream, std::string& bytes);
    void expect_response(bool to_head, bool with_body);
    void settle();
    [[nodiscard]] std::string problem(const error_code& error) const;
    [[noreturn]] void fail(TransportError::Stage stage, const std::string& what) const;

    Origin origin_;
    tcp::socket socket_;
    std::optional<net::ssl::stream<tcp::socket&>> tls_;
    beast::flat_buffer buffer_;
    ResponseLimits limits_;
    std::optional<Parser> parser_;
    bool keep_ = false;  // nothing that was sent speaks against it
    bool reusable_ = false;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_CONNECTION_HPP
