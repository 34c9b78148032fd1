// SPDX-License-Identifier: Apache-2.0
//
// A stream over HTTP, as server-sent events: each part is sent when it is there. Start it, and read it with curl:
//
//   server_sent_events 8080 &
//   curl -N 127.0.0.1:8080/countdown/10      # a number every 20 ms
//   curl -N 127.0.0.1:8080/countdown/never   # 400: the handler has failed before its first part
//   curl -m 0.1 127.0.0.1:8080/countdown/500 # leaves early: the job is cancelled
//   curl 127.0.0.1:8080/jobs                 # what became of all jobs
//   kill %1                                  # streams end with an error, and then the program ends
//
// It reads as much of HTTP as that takes: a request for each connection. docs/gateway.md is about a whole server.
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <dispatch/pool.hpp>
#include <dispatch/stream.hpp>
#if defined(DISPATCH_USE_BOOST_ASIO)
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
namespace asio = boost::asio;
using error_code = boost::system::error_code;
#else
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
using error_code = asio::error_code;
#endif

using asio::ip::tcp;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

using Pool = dispatch::WorkerPool<std::string, dispatch::Stream<std::string>>;

asio::awaitable<void> count_down(std::string from, dispatch::Writer<std::string>& out) {
    int number = 0;
    const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), number);
    if (error != std::errc{} || end != from.data() + from.size()) {
        throw std::invalid_argument{"\"" + from + "\" is not a number"};
    }
    asio::steady_timer timer{co_await asio::this_coro::executor};
    for (; number > 0; --number) {
        co_await out.write(std::to_string(number));
        timer.expires_after(20ms);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

asio::awaitable<void> send(tcp::socket& socket, std::string text) {
    co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
}

asio::awaitable<void> send_page(tcp::socket& socket, std::string status, std::string text) {
    text += '\n';
    co_await send(socket, "HTTP/1.1 " + status + "\r\nContent-Type: text/plain\r\nContent-Length: " +
                              std::to_string(text.size()) + "\r\nConnection: close\r\n\r\n" + text);
}

std::string jobs(const dispatch::Ledger& ledger) {
    std::ostringstream out;
    out << ledger.submitted << " submitted, " << ledger.completed << " completed, " << ledger.failed << " failed, "
        << ledger.cancelled << " cancelled";
    return out.str();
}

/// The response lasts as long as the connection. A client that reads slowly makes the handler wait.
asio::awaitable<void> send_events(tcp::socket& socket, dispatch::Stream<std::string> parts) {
    co_await send(socket,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
                  "Connection: close\r\n\r\n");
    std::string last = "event: end\ndata:\n\n";
    try {
        while (const std::optional<std::string> part = co_await parts.next()) {
            co_await send(socket, "data: " + *part + "\n\n");  // a text of several lines takes a "data: " for each
        }
    } catch (const std::exception& error) {
        last = "event: failed\ndata: " + std::string{error.what()} + "\n\n";
    }
    co_await send(socket, std::move(last));
}

/// Completes when the client has closed the connection, which one who only writes hears of late.
asio::awaitable<void> hang_up(tcp::socket& socket) {
    std::array<char, 256> ignored;
    for (error_code error; !error;) {
        co_await socket.async_read_some(asio::buffer(ignored), asio::redirect_error(asio::use_awaitable, error));
    }
}

asio::awaitable<void> answer_countdown(tcp::socket& socket, Pool& pool, std::string from) {
    std::string problem;
    try {
        dispatch::Stream<std::string> parts = co_await pool.submit(std::nullopt, std::move(from));
        // The first part is there, so the status can be sent. If the client hangs up, send_events is cancelled; the
        // stream is destroyed then, and that cancels the handler.
        co_await (send_events(socket, std::move(parts)) || hang_up(socket));
        co_return;
    } catch (const std::invalid_argument& error) {
        problem = error.what();
    }
    co_await send_page(socket, "400 Bad Request", std::move(problem));
}

asio::awaitable<void> answer(tcp::socket& socket, Pool& pool) {
    constexpr std::string_view countdown = "/countdown/";
    std::string head;
    try {
        co_await asio::async_read_until(socket, asio::dynamic_buffer(head, 8192), "\r\n\r\n", asio::use_awaitable);
        std::istringstream words{head};
        std::string method;
        std::string path;
        words >> method >> path;
        if (method == "GET" && path.starts_with(countdown)) {
            co_await answer_countdown(socket, pool, path.substr(countdown.size()));
        } else if (method == "GET" && path == "/jobs") {
            co_await send_page(socket, "200 OK", jobs(pool.ledger()));
        } else {
            co_await send_page(socket, "404 Not Found", "there are /countdown/N and /jobs");
        }
    } catch (const std::system_error&) {
        // The client has gone, or the pool was stopped.
    }
}

asio::awaitable<void> connection(tcp::socket socket, Pool& pool) {
    asio::steady_timer patience{socket.get_executor(), 1min};
    co_await (answer(socket, pool) || patience.async_wait(asio::use_awaitable));
}

asio::awaitable<void> listen(tcp::acceptor& acceptor, Pool& pool) {
    for (;;) {  // until the acceptor is closed
        tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        asio::co_spawn(acceptor.get_executor(), connection(std::move(socket), pool), asio::detached);
    }
}

int main(int argc, char* argv[]) {
    asio::io_context io{1};
    Pool pool{dispatch::spawn_workers(io.get_executor(), 4, count_down)};

    const int port = argc > 1 ? std::stoi(argv[1]) : 0;  // 0: one that is free
    tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), static_cast<unsigned short>(port)}};
    std::cout << "listening on http://127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;
    asio::co_spawn(io, listen(acceptor, pool), asio::detached);

    asio::signal_set signals{io, SIGINT, SIGTERM};
    signals.async_wait([&](error_code, int) {
        acceptor.close();
        pool.stop();
    });
    io.run();  // until the last connection has ended
}
