// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_HTTP_CLIENT_HPP
#define GATEWAY_UPSTREAM_HTTP_CLIENT_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <gateway/base/net.hpp>
#include <gateway/upstream/http_transport.hpp>

namespace gateway {

struct HttpClientOptions {
    std::size_t max_connections = 256;               ///< to one origin, idle ones included; past it senders wait; > 0
    std::size_t max_idle = 64;                       ///< connections kept to one origin; 0: none
    std::chrono::milliseconds idle_timeout{30'000};  ///< a connection idle for so long is not used again
    std::chrono::milliseconds connect_timeout{10'000};  ///< to resolve, connect and shake hands; > 0
    std::uint32_t header_limit = 64 * 1024;             ///< bytes of a response's header; > 0
    std::uint64_t body_limit = 64 * 1024 * 1024;        ///< bytes of a body that send() reads; > 0
    std::string ca_file;                                ///< PEM; empty: the system's certificates
    std::string user_agent = "dispatch-gateway";        ///< empty: send none
};

/// What a client has done. The figures are read one after the other, so they may disagree while it works.
struct HttpClientMetrics {
    std::uint64_t opened = 0;  ///< connections, handshake included
    std::uint64_t reused = 0;  ///< requests sent on a connection that was there already
    std::uint64_t timeouts = 0;
    std::uint64_t failed_connecting = 0;  ///< TransportErrors by their stage, timeouts included
    std::uint64_t failed_waiting = 0;
    std::uint64_t failed_receiving = 0;
    std::size_t idle = 0;  ///< connections that nobody uses now
};

/// Sends HTTP/1.1 requests over the network, with or without TLS, and keeps connections for the next
/// request. Server certificates are verified; there is no way around it but http://.
///
/// A send with TLS, and what is read of its response, runs on a strand of its own, and the awaiting coroutine waits:
/// decryption takes no time of the latter's. Without, it would only be handed over twice for nothing, and runs where it
/// is awaited.
///
/// A kept connection that the upstream closes just as it is used fails with Stage::waiting: nobody can know
/// then whether the request was seen.
///
/// All members but the destructor are thread-safe. The client may be destroyed while sends are under way:
/// they go on. The execution context must outlive the client.
class HttpClient : public HttpTransport {
  public:
    /// Works on executor, which should not be a strand. Throws std::invalid_argument, naming the option.
    explicit HttpClient(const net::any_io_executor& executor, HttpClientOptions options = {});
    ~HttpClient() override;

    /// See HttpTransport. The deadline is over all: waiting for a connection, connecting, sending and
    /// receiving; a Connection header of request is dropped.
    net::awaitable<HttpResponse> send(const Origin& origin, UpstreamRequest request,
                                      Clock::time_point deadline) override;

    /// See HttpTransport. The connection is kept when the body has been read to its end; until then it counts among
    /// max_connections. The reader may outlive the client, and origin.
    net::awaitable<std::unique_ptr<ResponseReader>> open(const Origin& origin, UpstreamRequest request,
                                                         Clock::time_point deadline) override;

    /// Closes the idle connections; from now on none are kept. Sends go on, and new ones work.
    void close();

    [[nodiscard]] HttpClientMetrics metrics() const;

  private:
    struct State;
    class Attempt;
    class Reader;

    static net::awaitable<std::unique_ptr<ResponseReader>> begin(std::shared_ptr<Attempt> attempt);

    std::shared_ptr<State> state_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_HTTP_CLIENT_HPP
