// SPDX-License-Identifier: Apache-2.0
// An HTTP service on a dispatch::WorkerPool. Read on in http_server/: aggregate.hpp is the work,
// router.hpp submits it, connection.hpp and server.hpp are the HTTP around it.
//
//   http_server --port 8080 &
//   curl -i -H 'X-Session-Id: me' -d '[1, 2, 3.5]' http://127.0.0.1:8080/submit
//   curl http://127.0.0.1:8080/metrics
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <thread>

#include "http_server/aggregate.hpp"
#include "http_server/beast.hpp"
#include "http_server/config.hpp"
#include "http_server/flags.hpp"
#include "http_server/json.hpp"
#include "http_server/server.hpp"

namespace {

namespace net = example::net;

struct Settings {
    example::ServerConfig server;
    std::size_t threads = std::clamp(std::thread::hardware_concurrency(), 1U, 256U);
    std::size_t workers = 4;
    dispatch::WorkerOptions worker;
    std::chrono::milliseconds affinity_ttl = std::chrono::seconds{30};
};

example::Flags flags_of(Settings& settings) {
    constexpr std::int64_t many = std::int64_t{1} << 30;
    constexpr std::int64_t a_day = 86'400;
    example::Flags flags;
    flags.number("--port", settings.server.port, 0, 65'535, "port to listen on; 0 takes any free one");
    flags.ip_address("--address", settings.server.address, "IP address to listen on");
    flags.number("--threads", settings.threads, 1, 256, "threads that run everything");
    flags.number("--workers", settings.workers, 1, 4'096, "workers in the pool");
    flags.number("--concurrency", settings.worker.max_concurrency, 1, many, "jobs that a worker runs at a time");
    flags.number("--queue", settings.worker.queue_capacity, 1, many, "jobs that wait for a worker; past it, 503");
    flags.seconds("--ttl-seconds", settings.affinity_ttl, 0, a_day, "how long a session stays on its worker");
    flags.number("--connections", settings.server.max_connections, 1, 1'000'000, "connections open at a time");
    flags.number("--body-limit", settings.server.body_limit, 1, many, "bytes in a request body; past it, 413");
    flags.seconds("--timeout-seconds", settings.server.request_timeout, 1, a_day, "time for a request to arrive");
    flags.seconds("--drain-seconds", settings.server.drain_timeout, 0, a_day, "time to finish requests at exit");
    return flags;
}

net::awaitable<dispatch::Ledger> serve_until_signalled(example::HttpServer& server, net::signal_set& signals) {
    co_await signals.async_wait(net::use_awaitable);
    co_return co_await server.stop();
}

void run(const Settings& settings) {
    net::thread_pool threads{settings.threads};
    net::signal_set signals{threads, SIGINT, SIGTERM};

    dispatch::PoolOptions options;
    options.affinity_ttl = settings.affinity_ttl;
    options.overflow = dispatch::Overflow::reject;  // a client that can retry should not wait in line
    example::Pool pool{dispatch::spawn_workers<example::AggregateRequest, example::Aggregate>(
                           threads.get_executor(), settings.workers, &example::run_aggregate, settings.worker),
                       options};

    example::HttpServer server{threads.get_executor(), pool, settings.server};
    const std::uint16_t port = server.start();
    const bool v6 = settings.server.address.find(':') != std::string::npos;
    std::cout << "listening on http://" << (v6 ? "[" : "") << settings.server.address << (v6 ? "]" : "") << ':' << port
              << std::endl;

    const dispatch::Ledger ledger =
        net::co_spawn(threads, serve_until_signalled(server, signals), net::use_future).get();
    std::cout << "ledger: " << example::ledger_line(example::to_json(ledger)) << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
    Settings settings;
    const example::Flags flags = flags_of(settings);
    try {
        if (!flags.parse(std::span{argv, static_cast<std::size_t>(argc)}.subspan(argc > 0 ? 1 : 0))) {
            std::cout << "usage: http_server [flags]\n\n" << flags.help();
            return 0;
        }
    } catch (const example::FlagError& error) {
        std::cerr << "http_server: " << error.what() << "; --help lists the flags\n";
        return 2;
    }
    try {
        run(settings);
    } catch (const std::exception& error) {
        std::cerr << "http_server: cannot serve on " << settings.server.address << " port " << settings.server.port
                  << ": " << example::reason(error) << '\n';
        return 1;
    }
    return 0;
}
