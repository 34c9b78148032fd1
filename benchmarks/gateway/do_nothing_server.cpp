// SPDX-License-Identifier: Apache-2.0
// An HTTP server on Beast that reads a request and answers with the same few bytes: what the gateway's figures are
// held against, and, as the bytes are a chat completion for who asks for one, its upstream. Prints its port.
//
//   do_nothing_server [THREADS]
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
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

net::awaitable<void> serve(tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    for (;;) {
        http::request<http::string_body> request;
        co_await http::async_read(socket, buffer, request, net::use_awaitable);
        http::response<http::string_body> response{http::status::ok, request.version()};
        response.set(http::field::content_type, "application/json");
        response.keep_alive(request.keep_alive());
        response.body() = request.target() == "/v1/chat/completions" ? completion : job;
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
