// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/access_log.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <gateway/api/route_table.hpp>
#include <gateway/base/sha256.hpp>
#include <gateway/base/utf8.hpp>
#include <gateway/http/target.hpp>
#include <gateway/log/log.hpp>

namespace gateway {

namespace {

constexpr std::size_t longest_user_agent = 256;
constexpr std::size_t session_digits = 16;

double milliseconds(Clock::duration time) {
    return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(time).count()) / 1000;
}

std::string to_string(const tcp::endpoint& client) {
    const std::string address = client.address().to_string();
    return (client.address().is_v6() ? '[' + address + ']' : address) + ':' + std::to_string(client.port());
}

bool is_well_probe(std::string_view path, const HttpResponse& response) {
    return rule_of(route_of(path)).probe && response.result() == http::status::ok;
}

}  // namespace

void log_access(const HttpExchange& exchange) noexcept {
    const HttpRequest& request = exchange.request;
    const std::string_view path = split_target(view(request.target())).path;
    const log::Level level = is_well_probe(path, exchange.response) ? log::Level::debug : log::Level::info;
    if (!log::enabled(level)) {
        return;
    }
    try {
        const std::string client = to_string(exchange.client);
        std::string session;
        std::vector<log::Field> fields{{"method", view(request.method_string())},
                                       {"path", path},
                                       {"status", exchange.response.result_int()},
                                       {"ms", milliseconds(exchange.took)},
                                       {"first_byte_ms", milliseconds(exchange.first_byte)},
                                       {"bytes_in", exchange.received},
                                       {"bytes_out", exchange.sent},
                                       {"request_id", exchange.request_id},
                                       {"client", client}};
        if (const std::string_view job = view(exchange.response["X-Job-Id"]); !job.empty()) {
            fields.emplace_back("job_id", job);
        }
        if (const std::string_view name = view(request["X-Session-Id"]); !name.empty()) {
            session = hex(sha256(name)).substr(0, session_digits);
            fields.emplace_back("session", session);
        }
        if (const std::string_view agent = view(request[http::field::user_agent]); !agent.empty()) {
            fields.emplace_back("user_agent", utf8_start(agent, longest_user_agent));
        }
        if (!exchange.complete) {
            fields.emplace_back("cut_off", true);
        }
        log::write(level, "access", fields);
    } catch (...) {
        // As with any line that cannot be written.
    }
}

}  // namespace gateway
