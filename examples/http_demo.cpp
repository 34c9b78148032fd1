// SPDX-License-Identifier: Apache-2.0
// Drives http_server for a few seconds as its clients would, checks every response, and reports. Exits
// with 1 when a response was wrong or a session left its worker.
//
//   http_demo --port 8080 --seconds 3 --sessions 16 --connections 8
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <iomanip>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http_server/beast.hpp"
#include "http_server/flags.hpp"
#include "http_server/json.hpp"
#include "http_server/sha256.hpp"

namespace {

using example::Json;
using example::Request;
using example::Response;
namespace beast = example::beast;
namespace http = example::http;
namespace net = example::net;
using example::tcp;
using Clock = std::chrono::steady_clock;

struct Settings {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;
    std::chrono::milliseconds duration = std::chrono::seconds{3};
    std::size_t sessions = 16;
    std::size_t connections = 8;
    std::chrono::milliseconds affinity_ttl = std::chrono::seconds{30};
};

/// Counts latencies to the microsecond up to a second, and lumps together what is longer.
class Latencies {
  public:
    void add(Clock::duration latency) {
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(latency).count();
        const std::size_t index = std::min(static_cast<std::size_t>(std::max<std::int64_t>(us, 0)), longest);
        ++buckets_[index];
        ++count_;
        max_ = std::max(max_, us);
    }

    /// The latency in microseconds that a part of all requests did not exceed.
    std::int64_t quantile(double part) const {
        auto left = static_cast<std::uint64_t>(part * static_cast<double>(count_));
        for (std::size_t us = 0; us < longest; ++us) {
            if (buckets_[us] > left) {
                return static_cast<std::int64_t>(us);
            }
            left -= buckets_[us];
        }
        return max_;
    }

    std::int64_t max() const { return max_; }

  private:
    static constexpr std::size_t longest = 1'000'000;

    std::vector<std::uint32_t> buckets_ = std::vector<std::uint32_t>(longest + 1);
    std::uint64_t count_ = 0;
    std::int64_t max_ = 0;
};

/// A session, and the workers that it was seen on.
struct Session {
    std::string id;
    std::optional<std::string> worker;
    bool moved = false;
};

/// What the run found out. Used on the client's one thread only.
struct Findings {
    std::vector<Session> sessions;
    Latencies latencies;
    std::map<unsigned, std::uint64_t> statuses;
    std::uint64_t requests = 0;
    std::uint64_t without_session = 0;
    std::uint64_t wrong = 0;
    std::vector<std::string> complaints;  // the first few

    void complain(std::string what) {
        ++wrong;
        if (complaints.size() < 5) {
            complaints.push_back(std::move(what));
        }
    }

    std::size_t sessions_where(bool moved) const {
        return static_cast<std::size_t>(std::ranges::count_if(
            sessions, [moved](const Session& session) { return session.worker && session.moved == moved; }));
    }
};

/// A random body and what the server must make of it.
struct Payload {
    std::string body;
    std::size_t count = 0;
    std::int64_t sum = 0;
};

Payload make_payload(std::mt19937_64& random) {
    const std::size_t most = random() % 64 == 0 ? 4'000 : 64;  // now and then a long one
    Payload payload;
    payload.count = 1 + random() % most;
    const bool object = random() % 2 == 0;
    payload.body = object ? R"({"values": [)" : "[";
    for (std::size_t i = 0; i < payload.count; ++i) {
        const std::int64_t value = static_cast<std::int64_t>(random() % 2'001) - 1'000;
        payload.sum += value;
        payload.body += (i > 0 ? "," : "") + std::to_string(value);
    }
    payload.body += object ? "]}" : "]";
    return payload;
}

/// A keep-alive connection to the server that sends one request at a time.
class Client {
  public:
    Client(const net::any_io_executor& executor, const Settings& settings)
        : stream_{executor}, settings_{settings}, host_{settings.address + ':' + std::to_string(settings.port)} {}

    net::awaitable<Response> send(Request request) {
        stream_.expires_after(std::chrono::seconds{30});
        if (!stream_.socket().is_open()) {
            const tcp::endpoint endpoint{net::ip::make_address(settings_.address), settings_.port};
            co_await stream_.async_connect(endpoint, net::use_awaitable);
            stream_.socket().set_option(tcp::no_delay{true});
        }
        request.version(11);
        request.set(http::field::host, host_);
        request.prepare_payload();
        co_await http::async_write(stream_, request, net::use_awaitable);
        Response response;
        co_await http::async_read(stream_, buffer_, response, net::use_awaitable);
        if (!response.keep_alive()) {
            stream_.close();
            buffer_.clear();
        }
        co_return response;
    }

  private:
    beast::tcp_stream stream_;
    const Settings& settings_;
    std::string host_;
    beast::flat_buffer buffer_;
};

/// Compares a 200 with what it must say.
void check(const Response& response, const Payload& payload, Session* session, Findings& findings) {
    const Json answer = Json::parse(response.body(), nullptr, false);
    if (!answer.is_object() || answer.value("count", Json()) != Json(payload.count) ||
        answer.value("sum", Json()) != Json(static_cast<double>(payload.sum))) {
        findings.complain("wrong count or sum: " + response.body());
    } else if (answer.value("sha256", Json()) != Json(example::sha256_hex(payload.body))) {
        findings.complain("wrong SHA-256: " + response.body());
    } else if (answer.value("session", Json()) != (session == nullptr ? Json() : Json(session->id))) {
        findings.complain("wrong session: " + response.body());
    }
    const std::string worker{example::view(response["X-Worker"])};
    if (worker.empty()) {
        findings.complain("a response without X-Worker");
    } else if (session != nullptr) {
        session->moved = session->moved || (session->worker && session->worker != worker);
        session->worker = worker;
    }
}

/// Sends requests on one connection until the end. The sessions are drawn at random, so that each
/// session's requests arrive over many connections, also at the same time.
net::awaitable<void> drive(const Settings& settings, Findings& findings, std::uint64_t seed, Clock::time_point end) {
    const net::any_io_executor executor = co_await net::this_coro::executor;
    Client client{executor, settings};
    std::mt19937_64 random{seed};
    while (Clock::now() < end) {
        Session* session = nullptr;
        if (!findings.sessions.empty() && random() % 16 != 0) {
            session = &findings.sessions[random() % findings.sessions.size()];
        } else {
            ++findings.without_session;
        }
        const Payload payload = make_payload(random);
        Request request{http::verb::post, "/submit", 11};
        request.set(http::field::content_type, "application/json");
        if (session != nullptr) {
            request.set("X-Session-Id", session->id);
        }
        request.body() = payload.body;

        const Clock::time_point start = Clock::now();
        const Response response = co_await client.send(std::move(request));
        findings.latencies.add(Clock::now() - start);
        ++findings.requests;
        ++findings.statuses[response.result_int()];
        if (response.result() == http::status::ok) {
            check(response, payload, session, findings);
        } else if (response.result() == http::status::service_unavailable) {
            // Overloaded. Do as Retry-After says: a second.
            net::steady_timer pause{executor, std::min(end, Clock::now() + std::chrono::seconds{1})};
            co_await pause.async_wait(net::use_awaitable);
        } else {
            findings.complain("status " + std::to_string(response.result_int()) + ": " + response.body());
        }
    }
}

net::awaitable<void> show_progress(const Findings& findings, Clock::time_point start, Clock::time_point end) {
    net::steady_timer timer{co_await net::this_coro::executor};
    std::uint64_t before = 0;
    for (int second = 1; start + std::chrono::seconds{second} <= end; ++second) {
        timer.expires_at(start + std::chrono::seconds{second});
        co_await timer.async_wait(net::use_awaitable);
        std::cout << std::setw(4) << second << " s " << std::setw(10) << findings.requests << " requests "
                  << std::setw(8) << findings.requests - before << "/s" << std::endl;
        before = findings.requests;
    }
}

net::awaitable<Json> fetch_metrics(const Settings& settings) {
    Client client{co_await net::this_coro::executor, settings};
    Request request{http::verb::get, "/metrics", 11};
    const Response response = co_await client.send(std::move(request));
    if (response.result() != http::status::ok) {
        throw std::runtime_error{"GET /metrics: status " + std::to_string(response.result_int())};
    }
    co_return Json::parse(response.body());
}

/// Runs what awaitable stands for, and returns its result or throws its exception.
template <class T>
T run(net::io_context& context, net::awaitable<T> awaitable) {
    auto result = net::co_spawn(context, std::move(awaitable), net::use_future);
    context.restart();
    context.run();
    return result.get();
}

void print_row(const std::vector<std::string>& cells) {
    for (const std::string& cell : cells) {
        std::cout << std::setw(12) << cell;
    }
    std::cout << '\n';
}

void print_workers(const Json& metrics, const Findings& findings) {
    const std::vector<std::string> columns{"worker_id", "inflight", "queue_len", "capacity", "errors", "sessions"};
    std::vector<std::string> header = columns;
    header.emplace_back("this run's");
    print_row(header);
    for (const Json& worker : metrics.at("workers")) {
        std::vector<std::string> row;
        for (const std::string& column : columns) {
            row.push_back(worker.at(column).dump());
        }
        const auto here = [id = row.front()](const Session& session) { return session.worker == id; };
        row.push_back(std::to_string(std::ranges::count_if(findings.sessions, here)));
        print_row(row);
    }
}

/// Returns whether all was as it must be.
bool report(const Settings& settings, const Findings& findings, Clock::duration took, const Json& metrics) {
    const double seconds = std::chrono::duration<double>(took).count();
    const Latencies& latencies = findings.latencies;
    const auto label = [](const char* name) -> std::ostream& {
        return std::cout << std::left << std::setw(22) << name << std::right;
    };
    std::cout << '\n';
    label("requests") << findings.requests << " (" << findings.without_session << " without a session), over "
                      << settings.connections << " connections\n";
    label("requests per second") << std::fixed << std::setprecision(0)
                                 << static_cast<double>(findings.requests) / seconds << '\n';
    label("latency, us") << "p50 " << latencies.quantile(0.5) << "   p90 " << latencies.quantile(0.9) << "   p99 "
                         << latencies.quantile(0.99) << "   max " << latencies.max() << '\n';
    label("statuses");
    for (const auto& [status, count] : findings.statuses) {
        std::cout << status << ": " << count << "   ";
    }
    std::cout << '\n';

    const std::size_t stayed = findings.sessions_where(false);
    const std::size_t moved = findings.sessions_where(true);
    const bool may_move = settings.duration >= settings.affinity_ttl;
    label("sessions") << stayed << " of " << stayed + moved << " sessions stayed on one worker";
    if (moved > 0 && may_move) {
        std::cout << " (the run is no shorter than the affinity TTL, so sessions may move)";
    }
    std::cout << "\n\n";
    print_workers(metrics, findings);
    std::cout << "\nledger: " << example::ledger_line(metrics.at("ledger")) << '\n';

    const auto succeeded = findings.statuses.find(200);
    const bool any = succeeded != findings.statuses.end();
    for (const std::string& complaint : findings.complaints) {
        std::cout << "WRONG: " << complaint << '\n';
    }
    if (findings.wrong > 0) {
        std::cout << "FAILED: " << findings.wrong << " wrong responses\n";
    }
    if (moved > 0 && !may_move) {
        std::cout << "FAILED: " << moved << " sessions moved to another worker\n";
    }
    if (!any) {
        std::cout << "FAILED: no request succeeded\n";
    }
    return any && findings.wrong == 0 && (moved == 0 || may_move);
}

bool run_demo(const Settings& settings) {
    net::io_context context{1};
    run(context, fetch_metrics(settings));  // is anyone there?

    std::random_device seed;
    const std::string prefix = "demo-" + std::to_string(seed()) + '-';  // no session of an earlier run
    Findings findings;
    for (std::size_t i = 0; i < settings.sessions; ++i) {
        Session session;
        session.id = prefix + std::to_string(i);
        findings.sessions.push_back(std::move(session));
    }

    const Clock::time_point start = Clock::now();
    const Clock::time_point end = start + settings.duration;
    std::vector<std::future<void>> drivers;
    for (std::size_t i = 0; i < settings.connections; ++i) {
        drivers.push_back(net::co_spawn(context, drive(settings, findings, seed(), end), net::use_future));
    }
    run(context, show_progress(findings, start, end));
    const Clock::duration took = Clock::now() - start;
    for (std::future<void>& driver : drivers) {
        try {
            driver.get();
        } catch (const std::exception& error) {
            findings.complain(std::string{"a connection broke: "} + example::reason(error));
        }
    }
    return report(settings, findings, took, run(context, fetch_metrics(settings)));
}

example::Flags flags_of(Settings& settings) {
    example::Flags flags;
    flags.number("--port", settings.port, 1, 65'535, "port of the server");
    flags.ip_address("--address", settings.address, "IP address of the server");
    flags.seconds("--seconds", settings.duration, 1, 3'600, "how long to send requests");
    flags.number("--sessions", settings.sessions, 0, 1'000'000, "sessions to spread them over");
    flags.number("--connections", settings.connections, 1, 1'000, "connections that send at the same time");
    flags.seconds("--ttl-seconds", settings.affinity_ttl, 0, 86'400, "the server's; longer runs let sessions move");
    return flags;
}

}  // namespace

int main(int argc, char** argv) {
    Settings settings;
    const example::Flags flags = flags_of(settings);
    try {
        if (!flags.parse(std::span{argv, static_cast<std::size_t>(argc)}.subspan(argc > 0 ? 1 : 0))) {
            std::cout << "usage: http_demo [flags]\n\n" << flags.help();
            return 0;
        }
    } catch (const example::FlagError& error) {
        std::cerr << "http_demo: " << error.what() << "; --help lists the flags\n";
        return 2;
    }
    try {
        return run_demo(settings) ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << "http_demo: " << settings.address << " port " << settings.port << ": " << example::reason(error)
                  << '\n';
        return 1;
    }
}
