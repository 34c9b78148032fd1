// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_GATEWAY_SUPPORT_RAW_CLIENT_HPP
#define TESTS_GATEWAY_SUPPORT_RAW_CLIENT_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <gateway/base/net.hpp>
#include <gateway/http/message.hpp>

namespace test {

/// A blocking client that sends exactly the bytes it is told to.
class RawClient {
  public:
    /// To a server on this machine.
    explicit RawClient(std::uint16_t port);

    void send(std::string_view bytes);

    /// Whether bytes of an answer have arrived.
    [[nodiscard]] bool answered() const { return socket_.available() > 0; }

    /// Takes about so many bytes of what has been answered, or all that is there; they are received later.
    void read_ahead(std::size_t bytes);

    /// The bytes of an answer up to end, with it; what follows is received later. Throws when the server closes before.
    std::string receive_up_to(std::string_view end);

    /// Closes the connection, with a reset if bytes of an answer were not received.
    void close() { socket_.close(); }

    /// Says that nothing more will be sent.
    void finish_sending();

    /// Throws when the server closes instead of answering.
    gateway::HttpResponse receive() { return receive_large(default_limit); }

    /// The same, for a body of up to limit bytes.
    gateway::HttpResponse receive_large(std::size_t limit);

    /// The response to a HEAD: no body, whatever Content-Length says.
    gateway::HttpResponse receive_head();

    gateway::HttpResponse exchange(std::string_view bytes) {
        send(bytes);
        return receive();
    }

    /// Waits until the server closes. True: it did so in order, and sent nothing more.
    bool closed_by_server();

  private:
    static constexpr std::size_t default_limit = 8 * 1024 * 1024;

    gateway::net::io_context context_;
    gateway::tcp::socket socket_{context_};
    gateway::beast::flat_buffer buffer_;
};

using Headers = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// A request without a body, such as head("GET /").
std::string head(std::string_view line, Headers headers = {});

/// A request with a body, such as message("POST /generate", "{}").
std::string message(std::string_view line, std::string_view body, Headers headers = {});

}  // namespace test

#endif  // TESTS_GATEWAY_SUPPORT_RAW_CLIENT_HPP
