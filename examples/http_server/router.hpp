// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_HTTP_SERVER_ROUTER_HPP
#define EXAMPLES_HTTP_SERVER_ROUTER_HPP

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "beast.hpp"
#include "json.hpp"

namespace example {

/// A response with a JSON body; the caller sets version and keep-alive.
inline Response json_response(http::status status, const Json& body) {
    Response response;
    response.result(status);
    response.set(http::field::content_type, "application/json");
    response.body() = dump(body);
    response.body() += '\n';
    response.prepare_payload();
    return response;
}

/// {"error": "why"}.
inline Response error_response(http::status status, std::string_view why) {
    Json body;
    body["error"] = why;
    return json_response(status, body);
}

/// Turns a request into a response: the only place where HTTP and the pool meet. Thread-safe.
///
///   POST /submit   the Aggregate of the body. X-Session-Id pins it to a worker; X-Deadline-Ms is the
///                  time that it may take, queueing included. X-Worker in the response is who ran it.
///   GET /metrics   worker_metrics() and the ledger; HEAD works too.
class Router {
  public:
    /// pool and draining must outlive the router. Once draining is set, no job is submitted.
    Router(Pool& pool, const std::atomic<bool>& draining) : pool_{pool}, draining_{draining} {}

    /// Takes the body out of request, which must live until the response is there.
    net::awaitable<Response> respond(Request& request) {
        Response response = co_await route(request);
        response.version(request.version());
        // Headers that a client sees before it sends the next request: do not keep a connection that
        // is about to be closed.
        response.keep_alive(request.keep_alive() && !draining_);
        if (request.method() == http::verb::head) {
            response.body().clear();  // Content-Length stays
        }
        co_return response;
    }

  private:
    net::awaitable<Response> route(Request& request) {
        const std::string_view target = view(request.target());
        const std::string_view path = target.substr(0, target.find('?'));
        if (path == "/submit") {
            if (request.method() != http::verb::post) {
                co_return method_not_allowed("POST");
            }
            co_return co_await submit(request);
        }
        if (path == "/metrics") {
            if (request.method() != http::verb::get && request.method() != http::verb::head) {
                co_return method_not_allowed("GET, HEAD");
            }
            co_return json_response(http::status::ok, metrics_json(pool_.worker_metrics(), pool_.ledger()));
        }
        co_return error_response(http::status::not_found, "there is POST /submit and GET /metrics");
    }

    net::awaitable<Response> submit(Request& request) {
        if (draining_) {
            co_return shutting_down();
        }
        dispatch::SubmitOptions options;
        if (const std::string_view session = view(request["X-Session-Id"]); !session.empty()) {
            options.session = session;
        }
        if (const std::string_view limit = view(request["X-Deadline-Ms"]); !limit.empty()) {
            const std::optional<std::chrono::milliseconds> parsed = parse_limit(limit);
            if (!parsed) {
                co_return error_response(http::status::bad_request,
                                         "X-Deadline-Ms must be a whole number from 0 to 86400000");
            }
            options.deadline = std::chrono::steady_clock::now() + *parsed;
        }
        AggregateRequest job;
        job.body = std::move(request.body());
        try {
            const Aggregate result = co_await pool_.submit(options, std::move(job));
            Response response = json_response(http::status::ok, to_json(result));
            response.set("X-Worker", std::to_string(result.worker));
            co_return response;
        } catch (const BadBody& error) {
            co_return error_response(http::status::bad_request, error.what());
        } catch (const std::system_error& error) {
            if (error.code() == dispatch::errc::queue_full) {
                Response response = error_response(http::status::service_unavailable, "overloaded: try again");
                response.set(http::field::retry_after, "1");
                co_return response;
            }
            if (error.code() == dispatch::errc::deadline_exceeded) {
                co_return error_response(http::status::gateway_timeout, "not done within X-Deadline-Ms");
            }
            if (error.code() == dispatch::errc::stopped) {
                co_return shutting_down();
            }
            co_return failed(error);
        } catch (const std::exception& error) {
            co_return failed(error);
        }
    }

    /// The handler gave up, because the pool stopped it or for a reason that is none of the client's business.
    Response failed(const std::exception& error) const {
        if (draining_) {
            return shutting_down();
        }
        std::clog << "POST /submit failed: " << reason(error) << std::endl;
        return error_response(http::status::internal_server_error, "the request failed");
    }

    static Response shutting_down() {
        return error_response(http::status::service_unavailable, "the server is shutting down");
    }

    static Response method_not_allowed(std::string_view allowed) {
        Response response = error_response(http::status::method_not_allowed, "this path takes " + std::string{allowed});
        response.set(http::field::allow, allowed);
        return response;
    }

    static std::optional<std::chrono::milliseconds> parse_limit(std::string_view text) {
        constexpr std::int64_t a_day = 86'400'000;
        std::int64_t value = 0;
        const char* const end = text.data() + text.size();
        const auto [parsed_to, error] = std::from_chars(text.data(), end, value);
        if (error != std::errc{} || parsed_to != end || value < 0 || value > a_day) {
            return std::nullopt;
        }
        return std::chrono::milliseconds{value};
    }

    Pool& pool_;
    const std::atomic<bool>& draining_;
};

}  // namespace example

#endif  // EXAMPLES_HTTP_SERVER_ROUTER_HPP
