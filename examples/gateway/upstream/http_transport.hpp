// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_HTTP_TRANSPORT_HPP
#define GATEWAY_UPSTREAM_HTTP_TRANSPORT_HPP

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include <gateway/base/net.hpp>
#include <gateway/http/message.hpp>
#include <gateway/http/url.hpp>
#include <gateway/upstream/response_reader.hpp>

namespace gateway {

/// No response, or not all of it.
class TransportError : public std::runtime_error {
  public:
    enum class Stage : std::uint8_t {
        connecting,  ///< resolving the name, connecting, the TLS handshake: nothing of the request was sent
        waiting,     ///< before the first byte of the response; the upstream may have seen the request
        receiving,   ///< after it
    };

    /// origin: of the server, as text; empty: what() is problem.
    TransportError(Stage stage, bool timed_out, const std::string& problem, const std::string& origin = "")
        : std::runtime_error{origin.empty() ? problem : origin + ": " + problem},
          stage_{stage},
          timed_out_{timed_out},
          problem_{problem} {}

    [[nodiscard]] Stage stage() const { return stage_; }
    [[nodiscard]] bool timed_out() const { return timed_out_; }

    /// what(), without where the server is, which is nobody's business but the operator's.
    [[nodiscard]] const std::string& problem() const { return problem_; }

  private:
    Stage stage_;
    bool timed_out_;
    std::string problem_;
};

/// Sends HTTP requests. HttpClient does it over the network, and tests by a script.
class HttpTransport {
  public:
    HttpTransport() = default;
    HttpTransport(const HttpTransport&) = delete;
    HttpTransport& operator=(const HttpTransport&) = delete;
    virtual ~HttpTransport() = default;

    /// The response to request, whatever its status; redirects are not followed. Sets Host,
    /// Content-Length, User-Agent and Connection; everything else is the caller's. Tries once.
    ///
    /// origin must live until the response is there. Executor: that of the awaiting coroutine, which must be a strand
    /// (or have one thread).
    /// Cancellation: terminal closes the connection and throws operation_aborted. Throws TransportError,
    /// with timed_out() when deadline passes. Thread-safe.
    virtual net::awaitable<HttpResponse> send(const Origin& origin, UpstreamRequest request,
                                              Clock::time_point deadline) = 0;

    /// As send(), but completes when the head of the response is there, of which deadline is the limit: the body, if
    /// there is one, is the reader's, and may be of any length. What holds for origin holds for the transport too, as
    /// long as there is a reader.
    virtual net::awaitable<std::unique_ptr<ResponseReader>> open(const Origin& origin, UpstreamRequest request,
                                                                 Clock::time_point deadline) = 0;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_HTTP_TRANSPORT_HPP
