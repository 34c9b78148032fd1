// SPDX-License-Identifier: Apache-2.0
// Sends the gateway requests as its clients would, and reports. Exits with 1 when an answer was wrong or a session
// left its worker.
//
//   gateway_demo --port 8080 --requests 400 --sessions 20 --connections 32
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>

#include <gateway/base/json.hpp>
#include <gateway/http/message.hpp>
#include <gateway/upstream/http_client.hpp>
#include <gateway/upstream/response_reader.hpp>
#include <gateway/upstream/sse_parser.hpp>

namespace {

using gateway::Clock;
using gateway::HttpResponse;
using gateway::Json;
using gateway::UpstreamRequest;
namespace http = gateway::http;
namespace net = gateway::net;

struct Settings {
    std::uint16_t port = 8080;
    std::size_t requests = 400;
    std::size_t sessions = 20;
    std::size_t connections = 32;
};

/// What the run found out. Used on one thread.
struct Findings {
    std::size_t sent = 0;
    std::size_t done = 0;
    std::map<std::string, std::set<std::string>> workers_of_session;
    std::vector<Clock::duration> latencies;
    std::vector<double> queue_ms;
    std::size_t polls = 0;
    std::vector<std::string> complaints;
    std::string example;  // what the model said to the last request
};

/// One client after another draws from the same numbered requests, so that a session's requests come over many
/// connections, also at the same time.
class Demo {
  public:
    Demo(net::io_context& context, const Settings& settings)
        : settings_{settings},
          origin_{.tls = false, .host = "127.0.0.1", .port = settings.port},
          client_{context.get_executor(), options(settings)} {}

    net::awaitable<void> drive() {
        while (findings_.sent < settings_.requests) {
            const std::size_t number = findings_.sent++;
            try {
                // Every eighth client does not wait, but asks for its job until it is done.
                if (number % 8 == 7) {
                    co_await submit_and_poll(number);
                } else {
                    co_await submit_and_wait(number);
                }
            } catch (const std::exception& error) {
                findings_.complaints.push_back("request " + std::to_string(number) + ": " + gateway::reason(error));
            }
            ++findings_.done;
        }
    }

    net::awaitable<void> show_progress() {
        net::steady_timer timer{co_await net::this_coro::executor};
        const Clock::time_point start = Clock::now();
        while (findings_.done < settings_.requests) {
            timer.expires_after(std::chrono::seconds{1});
            co_await timer.async_wait(net::use_awaitable);
            const Json metrics = co_await get("/metrics");
            std::size_t running = 0;
            std::size_t queued = 0;
            for (const Json& worker : metrics.at("workers")) {
                running += worker.at("inflight").get<std::size_t>();
                queued += worker.at("queue_len").get<std::size_t>();
            }
            const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start).count();
            std::cout << std::setw(4) << seconds << " s " << std::setw(6) << findings_.done << " of "
                      << settings_.requests << " answered " << std::setw(4) << running << " running " << std::setw(4)
                      << queued << " queued" << std::endl;
        }
    }

    net::awaitable<Json> get(std::string target) {
        UpstreamRequest request{http::verb::get, target, 11};
        const HttpResponse response = co_await send(std::move(request));
        expect(response, http::status::ok);
        co_return gateway::parse_json(response.body());
    }

    /// Prints what the model says as it comes. Returns whether it came in parts, and to its end.
    net::awaitable<bool> show_stream() {
        UpstreamRequest request{http::verb::post, "/v1/chat/completions", 11};
        request.set(http::field::content_type, "application/json");
        request.body() = std::string{
            R"({"model":"embedded","messages":[{"role":"user","content":"Hello!"}],"max_tokens":40,"stream":true})"};
        const auto deadline = Clock::now() + std::chrono::seconds{60};
        const auto response = co_await client_.open(origin_, std::move(request), deadline);
        expect(response->head(), http::status::ok);
        gateway::SseParser parser{1'000'000};
        std::size_t parts = 0;
        bool ended = false;
        while (const std::optional<std::string> bytes = co_await response->read(deadline)) {
            parser.put(*bytes);
            while (const std::optional<gateway::SseEvent> event = parser.next()) {
                ended = event->data == "[DONE]";
                if (!ended) {
                    const Json choice = gateway::parse_json(event->data).at("choices").at(0);
                    std::cout << choice.at("delta").value("content", "") << std::flush;
                    ++parts;
                }
            }
        }
        std::cout << std::endl;
        co_return ended&& parts > 1;
    }

    const Findings& findings() const { return findings_; }

  private:
    static gateway::HttpClientOptions options(const Settings& settings) {
        gateway::HttpClientOptions options;
        options.max_connections = settings.connections + 1;
        return options;
    }

    static void expect(const HttpResponse& response, http::status status) {
        if (response.result() != status) {
            throw std::runtime_error{"status " + std::to_string(response.result_int()) + ": " + response.body()};
        }
    }

    net::awaitable<HttpResponse> send(UpstreamRequest request) {
        return client_.send(origin_, std::move(request), Clock::now() + std::chrono::seconds{60});
    }

    std::string session_of(std::size_t number) const {
        return "session-" + std::to_string(number * 7 % settings_.sessions);
    }

    UpstreamRequest make_request(std::size_t number, const std::string& target) const {
        Json body;
        body["contents"][0]["role"] = "user";
        body["contents"][0]["parts"][0]["text"] = "Tell me about request " + std::to_string(number);
        body["generationConfig"]["maxOutputTokens"] = 10 + number % 30;
        UpstreamRequest request{http::verb::post, target, 11};
        request.set("X-Session-Id", session_of(number));
        request.set(http::field::content_type, "application/json");
        request.body() = gateway::dump(body);
        return request;
    }

    net::awaitable<void> submit_and_wait(std::size_t number) {
        UpstreamRequest request = make_request(number, "/generate?wait=true");
        const Clock::time_point start = Clock::now();
        const HttpResponse response = co_await send(std::move(request));
        findings_.latencies.push_back(Clock::now() - start);
        expect(response, http::status::ok);
        const Json body = gateway::parse_json(response.body());
        check(body);
        findings_.workers_of_session[session_of(number)].emplace(gateway::view(response["X-Worker"]));
        findings_.queue_ms.push_back(std::stod(std::string{gateway::view(response["X-Queue-Time-Ms"])}));
    }

    net::awaitable<void> submit_and_poll(std::size_t number) {
        UpstreamRequest request = make_request(number, "/generate");
        const HttpResponse response = co_await send(std::move(request));
        expect(response, http::status::accepted);
        const std::string target = "/jobs/" + gateway::parse_json(response.body()).at("job_id").get<std::string>();
        net::steady_timer timer{co_await net::this_coro::executor};
        for (;;) {
            const Json job = co_await get(target);
            ++findings_.polls;
            if (job.at("status") != "Pending") {
                check(job);
                co_return;
            }
            timer.expires_after(std::chrono::milliseconds{100});
            co_await timer.async_wait(net::use_awaitable);
        }
    }

    void check(const Json& job) {
        if (job.at("status") != "Completed") {
            throw std::runtime_error{"the job ended so: " + gateway::dump(job)};
        }
        const Json& text = job.at("result").at("candidates").at(0).at("content").at("parts").at(0).at("text");
        findings_.example = text.get<std::string>();
    }

    const Settings settings_;
    const gateway::Origin origin_;
    gateway::HttpClient client_;
    Findings findings_;
};

void print_row(const std::vector<std::string>& cells) {
    for (const std::string& cell : cells) {
        std::cout << std::setw(11) << cell;
    }
    std::cout << '\n';
}

void print_workers(const Json& metrics) {
    print_row({"worker", "requests", "in flight", "queued", "errors", "sessions"});
    for (const Json& worker : metrics.at("workers")) {
        std::vector<std::string> row;
        for (const char* const figure : {"worker_id", "submitted", "inflight", "queue_len", "errors", "sessions"}) {
            row.push_back(worker.at(figure).dump());
        }
        print_row(row);
    }
}

template <class T>
T quantile(const std::vector<T>& sorted, double part) {
    return sorted.empty() ? T{} : sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

void print_times(Findings findings) {
    std::ranges::sort(findings.latencies);
    std::ranges::sort(findings.queue_ms);
    std::cout << "\nms, of " << findings.latencies.size() << " that waited for the answer\n";
    print_row({"", "p50", "p90", "p99", "max"});
    std::vector<std::string> latency{"latency"};
    std::vector<std::string> queued{"queued"};
    for (const double part : {0.5, 0.9, 0.99, 1.0}) {
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(quantile(findings.latencies, part));
        latency.push_back(std::to_string(took.count()));
        std::ostringstream ms;
        ms << std::fixed << std::setprecision(2) << quantile(findings.queue_ms, part);
        queued.push_back(ms.str());
    }
    print_row(latency);
    print_row(queued);
}

/// Whether all was as it should be.
bool print_verdict(const Findings& findings) {
    const auto moved = std::ranges::count_if(findings.workers_of_session,
                                             [](const auto& session) { return session.second.size() > 1; });
    std::cout << '\n'
              << findings.workers_of_session.size() << " sessions, each on one worker: " << (moved == 0 ? "yes" : "NO")
              << "; " << findings.complaints.size() << " wrong answers; " << findings.polls
              << " times asked for a job\nthe model said: " << findings.example << '\n';
    for (std::size_t i = 0; i < std::min<std::size_t>(findings.complaints.size(), 5); ++i) {
        std::cout << "  " << findings.complaints[i] << '\n';
    }
    return moved == 0 && findings.complaints.empty();
}

bool run(const Settings& settings) {
    net::io_context context;
    Demo demo{context, settings};
    for (std::size_t i = 0; i < settings.connections; ++i) {
        net::co_spawn(context, demo.drive(), net::detached);
    }
    auto progress = net::co_spawn(context, demo.show_progress(), net::use_future);
    context.run();
    progress.get();

    auto fetched = net::co_spawn(context, demo.get("/metrics"), net::use_future);
    context.restart();
    context.run();
    std::cout << '\n';
    print_workers(fetched.get());
    print_times(demo.findings());
    const bool right = print_verdict(demo.findings());

    std::cout << "\nand so it says it to who wants a stream:\n";
    auto streamed = net::co_spawn(context, demo.show_stream(), net::use_future);
    context.restart();
    context.run();
    return streamed.get() && right;
}

}  // namespace

int main(int argc, char** argv) {
    Settings settings;
    CLI::App app{"Drives the gateway and reports."};
    app.add_option("--port", settings.port, "the gateway's port on this machine")->capture_default_str();
    app.add_option("--requests", settings.requests, "requests to send")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--sessions", settings.sessions, "sessions")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--connections", settings.connections, "clients at a time")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    try {
        return run(settings) ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << "gateway_demo: " << gateway::reason(error) << '\n';
        return 1;
    }
}
