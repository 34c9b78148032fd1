// SPDX-License-Identifier: Apache-2.0
// An HTTP server on Beast that reads a request and answers with the same few bytes: what the gateway's figures are
// held against, and, as the bytes are a chat completion for who asks for one, its upstream. For who asks for a stream
// they are one of 16 parts, each of which is written by itself. Prints its port.
//
//   do_nothing_server [THREADS]
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;
using tcp = net::ip::tcp;

constexpr const char* job = "{\"job_id\":\"00000000-0000-4000-8000-000000000000\"}\n";
constexpr const char* completion =
    R"({"id":"1","object":"chat.completion","created":0,"model":"m","choices":[{"index":0,"message":{"role":)"
    R"("assistant","content":"Hello to you, too!"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,)"
    R"("completion_tokens":4,"total_tokens":5}})";

constexpr int parts = 16;
constexpr std::string_view stream_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view part =
    R"(data: {"id":"1","object":"chat.completion.chunk","created":0,"model":"m","choices":[{"index":0,"delta":)"
    R"({"content":"Hello "},"finish_reason":null}]})"
    "\n\n";
constexpr std::string_view end =
    R"(data: {"id":"1","object":"chat.completion.chunk","created":0,"model":"m","choices":[{"index":0,"delta":)"
    R"({},"finish_reason":"stop"}]})"
    "\n\ndata: [DONE]\n\n";

std::string chunk(std::string_view bytes) {
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    return size + std::string{bytes} + "\r\n";
}

net::awaitable<void> write(tcp::socket& socket, std::string text) {
    co_await net::async_write(socket, net::buffer(text), net::use_awaitable);
}

net::awaitable<void> write_stream(tcp::socket& socket) {
    std::string text{stream_head};
    for (int i = 0; i < parts; ++i) {
        text += chunk(part);
        co_await write(socket, std::exchange(text, {}));
    }
    co_await write(socket, chunk(end) + "0\r\n\r\n");
}

net::awaitable<void> serve(tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    for (;;) {
        http::request<http::string_body> request;
        co_await http::async_read(socket, buffer, request, net::use_awaitable);
        const bool chat = request.target() == "/v1/chat/completions";
        if (chat && request.body().find("\"stream\":true") != std::string::npos) {
            co_await write_stream(socket);
            continue;
        }
        http::response<http::string_body> response{http::status::ok, request.version()};
        response.set(http::field::content_type, "application/json");
        response.keep_alive(request.keep_alive());
        response.body() = chat ? completion : job;
        response.prepare_payload();
        co_await http::async_write(socket, response, net::use_awaitable);
    }
}

net::awaitable<void> accept_all(tcp::acceptor& acceptor, net::thread_pool& threads) {
    for (;;) {
        tcp::socket socket = co_await acceptor.async_accept(net::make_strand(threads), net::use_awaitable);
        socket.set_option(tcp::no_delay{true});
        const auto executor = socket.get_executor();
        net::co_spawn(executor, serve(std::move(socket)), net::detached);
    }
}

}  // namespace

int main(int argc, char** argv) {
    net::thread_pool threads{argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 2};
    tcp::acceptor acceptor{threads, tcp::endpoint{net::ip::address_v4::loopback(), 0}};
    std::cout << acceptor.local_endpoint().port() << std::endl;
    net::co_spawn(threads, accept_all(acceptor, threads), net::detached);
    threads.join();
}
