// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_FAKE_UPSTREAM_HPP
#define GATEWAY_TESTS_SUPPORT_FAKE_UPSTREAM_HPP

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <gateway/base/net.hpp>
#include <gateway/http/message.hpp>
#include <gateway/upstream/http_transport.hpp>

#include "behaviour.hpp"
#include "certificates.hpp"

namespace test {

struct FakeUpstreamOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  ///< 0: any free one
    std::optional<Identity> tls;
    bool mute = false;  ///< accepts connections, and says nothing on them
};

/// A request as it arrived.
struct SeenRequest {
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    /// Its value; empty: there is none. The name's case does not matter.
    [[nodiscard]] std::string header(std::string_view name) const;
};

/// An HTTP/1.1 server on loopback with a thread of its own, which answers as the APIs that the gateway
/// calls (see fake_apis.hpp), or misbehaves as told. All members but the destructor are thread-safe.
class FakeUpstream {
  public:
    /// Listens once it is made. Throws system_error.
    explicit FakeUpstream(FakeUpstreamOptions options = {});
    FakeUpstream(const FakeUpstream&) = delete;
    FakeUpstream& operator=(const FakeUpstream&) = delete;
    ~FakeUpstream();

    /// Where it listens, by its address.
    [[nodiscard]] gateway::Origin origin() const;
    [[nodiscard]] std::string url() const;

    /// What to do with the next requests for anything but a token, one after the other; then it answers.
    void script(std::vector<Behaviour> behaviours);
    /// The same for requests for a token.
    void script_tokens(std::vector<Behaviour> behaviours);
    /// The same for requests for anything but a token, over and over once the script is done.
    void repeat(std::vector<Behaviour> behaviours);
    /// Answers the requests that are held now, and lets the responses in parts go on by one part.
    void release();

    /// Bytes of endless responses that were written to sockets.
    [[nodiscard]] std::size_t endless_bytes() const { return endless_bytes_; }

    [[nodiscard]] std::vector<SeenRequest> requests() const;
    /// Connections, since the beginning; before the TLS handshake.
    [[nodiscard]] std::size_t accepted() const;
    /// Connections that neither side has closed.
    [[nodiscard]] std::size_t open() const;

    /// Wait until so many have been seen or are open. False: that took more than half a minute.
    [[nodiscard]] bool await_requests(std::size_t count) const;
    [[nodiscard]] bool await_accepted(std::size_t count) const;
    [[nodiscard]] bool await_open(std::size_t count) const;

  private:
    class OpenConnection;
    /// What is to be done with a request, and its number.
    struct Order {
        Behaviour behaviour;
        unsigned serial = 0;
    };

    gateway::net::awaitable<void> accept();
    gateway::net::awaitable<void> serve(gateway::tcp::socket socket);
    template <typename Stream>
    gateway::net::awaitable<void> serve_requests(Stream& stream, gateway::tcp::socket& socket);
    gateway::net::awaitable<void> wait_at_gate();
    template <typename Stream>
    gateway::net::awaitable<bool> write_parts(Stream& stream, gateway::tcp::socket& socket, const Behaviour& behaviour);
    template <typename Stream>
    gateway::net::awaitable<bool> write_endlessly(Stream& stream);
    template <typename Stream>
    gateway::net::awaitable<bool> carry_out(Stream& stream, gateway::tcp::socket& socket,
                                            const gateway::HttpRequest& request, const Order& order);
    Order record(const gateway::HttpRequest& request);
    [[nodiscard]] bool await(const std::function<bool()>& condition) const;

    const FakeUpstreamOptions options_;
    std::atomic<std::size_t> endless_bytes_{0};
    mutable std::mutex mutex_;  ///< guards all up to open_
    mutable std::condition_variable changed_;
    std::deque<Behaviour> script_;
    std::deque<Behaviour> token_script_;
    std::vector<Behaviour> cycle_;
    std::size_t next_in_cycle_ = 0;
    std::vector<SeenRequest> requests_;
    std::size_t accepted_ = 0;
    std::size_t open_ = 0;

    std::optional<gateway::net::ssl::context> tls_;
    gateway::net::io_context context_;  ///< of what follows only the thread uses it, once it runs
    gateway::tcp::acceptor acceptor_;
    gateway::net::steady_timer gate_;  ///< requests on hold wait for it
    std::size_t releases_ = 0;
    gateway::Origin origin_;
    std::thread thread_;
};

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_FAKE_UPSTREAM_HPP
