// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/routes.hpp>

#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <dispatch/prometheus.hpp>
#include <gateway/base/json_writer.hpp>
#include <gateway/base/quote.hpp>
#include <gateway/log/log.hpp>
#include <gateway/upstream/request_check.hpp>

namespace gateway {

namespace {

constexpr std::size_t max_session_size = 256;

/// The value of a parameter of query; nothing if it is not there.
std::optional<std::string_view> parameter(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        const std::size_t equals = pair.find('=');
        if (pair.substr(0, equals) == name) {
            return equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
        }
    }
    return std::nullopt;
}

HttpResponse method_not_allowed(std::string_view allowed) {
    HttpResponse response = error_response(http::status::method_not_allowed, "this path takes " + std::string{allowed});
    response.set(http::field::allow, allowed);
    return response;
}

HttpResponse forbidden(std::string_view why) {
    return error_response(http::status::forbidden,
                          std::string{why} + ": name the host with --allowed-hosts, or use a client token");
}

HttpResponse unauthorized() {
    HttpResponse response =
        error_response(http::status::unauthorized, "Authorization: Bearer <token> is missing or wrong");
    response.set(http::field::www_authenticate, "Bearer");
    return response;
}

/// Counts a client that waits.
class Waiting {
  public:
    explicit Waiting(std::atomic<std::size_t>& clients) : clients_{clients}, count_{++clients} {}
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { --clients_; }

    /// With this one.
    std::size_t count() const { return count_; }

  private:
    std::atomic<std::size_t>& clients_;
    std::size_t count_;
};

/// Gives up the wait for a job when the client leaves.
class Watch {
  public:
    Watch(HttpPeer& peer, const WatchedJob& job) : peer_{peer} {
        peer_.watch([job] { job.give_up(); });
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() { peer_.watch(nullptr); }

  private:
    HttpPeer& peer_;
};

HttpResponse refusal(const Refused& refused) {
    Failure failure{503, "overloaded", refused.what(), true, std::chrono::seconds{1}};
    if (refused.why() == Refused::Why::shutting_down) {
        failure.code = "shutting_down";
        failure.retry_after = std::chrono::seconds{5};
    } else if (refused.why() == Refused::Why::not_stored) {
        failure.code = "not_stored";
    }
    return error_response(failure);
}

HttpResponse unavailable(const StoreError& error) {
    log::error("the store could not be read", {{"error", error.what()}});
    return error_response(
        {503, "store_unavailable", "the job could not be looked up: try again later", true, std::chrono::seconds{1}});
}

/// What clients see of a job, with its id if that is not empty. A result is put there as it was stored: it may be
/// large, and was JSON when it was. stored: false, if only who waits for it knows how it ended.
std::string describe(const JobState& state, const std::string& id = {}, bool stored = true) {
    JsonWriter json;
    json.begin_object();
    if (!id.empty()) {
        json.member("job_id", id);
    }
    if (!stored) {
        json.member("stored", false);
    }
    switch (state.status) {
        case JobStatus::pending:
            json.member("status", "Pending");
            break;
        case JobStatus::completed:
            json.member("status", "Completed").key("result");
            json.reserve(state.result.size() + 2);  // and ends of the object and the line
            json.raw(state.result);
            break;
        case JobStatus::failed: {
            const Failure failure = read_failure(state.result);
            json.member("status", "Failed").member("result", failure.message).member("error", to_json(failure));
            break;
        }
    }
    return json.end_object().take();
}

HttpResponse compressed(std::string_view coding) {
    HttpResponse response = error_response(http::status::unsupported_media_type,
                                           "Content-Encoding is " + quote(coding) + ": send the body as it is");
    response.set(http::field::accept_encoding, "identity");
    return response;
}

HttpResponse accepted(const std::string& id) {
    HttpResponse response = json_response(http::status::accepted, Json{{"job_id", id}});
    response.set(http::field::location, "/jobs/" + id);
    response.set("X-Job-Id", id);
    return response;
}

HttpResponse describe(const JobEnd& end) {
    if (end.error) {
        std::rethrow_exception(end.error);
    }
    const Outcome& outcome = end.outcome;
    HttpResponse response = json_text_response(http::status::ok, describe(outcome.state, outcome.id, outcome.stored));
    response.set("X-Job-Id", outcome.id);
    if (outcome.worker) {
        response.set("X-Worker", std::to_string(*outcome.worker));
        response.set("X-Queue-Time-Ms", std::to_string(static_cast<double>(outcome.queued.count()) / 1000));
    }
    if (outcome.state.status == JobStatus::pending) {
        response.result(http::status::service_unavailable);
        response.set(http::field::retry_after, "5");
    } else if (outcome.state.status == JobStatus::failed) {
        const Failure failure = read_failure(outcome.state.result);
        response.result(failure.status);
        if (failure.retry_after) {
            response.set(http::field::retry_after, std::to_string(failure.retry_after->count()));
        }
    }
    return response;
}

}  // namespace

Routes::Routes(GenerationService& service, HeavyWork& heavy, std::function<MetricsSnapshot()> metrics, Options options)
    : service_{service},
      heavy_{heavy},
      metrics_{std::move(metrics)},
      options_{std::move(options)},
      allowed_hosts_{options_.allowed_hosts},
      client_token_{options_.client_token} {}

HttpHandlers Routes::handlers() {
    HttpHandlers handlers;
    handlers.respond = [this](HttpRequest& request, HttpPeer& peer) { return respond(request, peer); };
    handlers.screen = [this](const HttpRequest& head) {
        std::optional<HttpResponse> response = screen(head);
        if (response) {
            sign(*response);
        }
        return response;
    };
    handlers.answered = [this](const HttpRequest& head, http::status status) {
        responses_.add(route_of(split_target(view(head.target())).path), status);
    };
    return handlers;
}

/// Names the gateway in its response.
void Routes::sign(HttpResponse& response) const {
    if (!options_.name.empty()) {
        response.set("X-Gateway", options_.name);
    }
}

std::optional<HttpResponse> Routes::screen(const HttpRequest& head) const {
    const Route route = route_of(split_target(view(head.target())).path);
    const RouteRule& rule = rule_of(route);
    if (!rule.probe) {
        if (client_token_.wanted()) {
            if (!client_token_.accepts(view(head[http::field::authorization]))) {
                return unauthorized();
            }
        } else if (!allowed_hosts_.has_host(view(head[http::field::host]))) {
            return forbidden("Host is not a name of this gateway");
        } else if (head.count(http::field::origin) > 0 && !allowed_hosts_.has_origin(view(head[http::field::origin]))) {
            return forbidden("Origin is not one of this gateway");
        }
    }
    if (route == Route::none) {
        return error_response(http::status::not_found,
                              "there is POST /generate, and GET /jobs/{id}, /metrics, /healthz, /readyz");
    }
    if (!takes(route, head.method())) {
        return method_not_allowed(rule.methods);
    }
    return std::nullopt;
}

net::awaitable<HttpResponse> Routes::respond(HttpRequest& request, HttpPeer& peer) {
    HttpResponse response = co_await route(request, peer);
    sign(response);
    co_return response;
}

/// The request has passed screen().
net::awaitable<HttpResponse> Routes::route(HttpRequest& request, HttpPeer& peer) {
    // The target's text, which the request keeps while its body is taken.
    const auto [path, query] = split_target(view(request.target()));
    switch (route_of(path)) {
        case Route::generate:
            co_return co_await generate(request, peer, query);
        case Route::job: {
            std::string id{path.substr(rule_of(Route::job).path.size())};
            co_return co_await job(std::move(id));
        }
        case Route::metrics:
            co_return metrics(request);
        case Route::healthz:
            co_return json_response(http::status::ok, Json{{"status", "ok"}});
        case Route::readyz:
            co_return ready();
        case Route::none:
            break;
    }
    throw std::logic_error{"a request with an unknown path was not screened"};
}

net::awaitable<HttpResponse> Routes::generate(HttpRequest& request, HttpPeer& peer, std::string_view query) {
    const std::string_view wait = parameter(query, "wait").value_or("false");
    if (wait != "true" && wait != "false") {
        co_return error_response(http::status::bad_request, "wait must be true or false");
    }
    if (request.count("X-Session-Id") > 1) {
        co_return error_response(http::status::bad_request, "X-Session-Id is there more than once");
    }
    std::string session{view(request["X-Session-Id"])};
    if (session.size() > max_session_size) {
        co_return error_response(http::status::bad_request, "X-Session-Id has " + std::to_string(session.size()) +
                                                                " bytes: it must have at most " +
                                                                std::to_string(max_session_size));
    }
    const std::string_view coding = view(request[http::field::content_encoding]);
    if (!coding.empty() && !beast::iequals({coding.data(), coding.size()}, "identity")) {
        co_return compressed(coding);
    }
    SharedText text{std::move(request.body())};
    SharedText prepared;
    try {
        auto preparing = heavy_.run(text.size(), [&] {
            const Json json = parse_json(text);
            check_request(json);
            return options_.prepare ? options_.prepare(json, text) : text;
        });
        prepared = co_await std::move(preparing);
    } catch (const JsonError& error) {
        co_return error_response(http::status::bad_request, std::string{"the body is not JSON: "} + error.what());
    } catch (const BadRequest& error) {
        co_return error_response(http::status::bad_request, error.what());
    }
    try {
        if (wait == "true") {
            const Waiting waiting{waiting_};
            if (waiting.count() > options_.max_waiting) {
                co_return refusal(Refused{Refused::Why::full, "too many clients wait for their jobs: do not wait"});
            }
            const WatchedJob job =
                co_await service_.accept_and_watch(std::move(session), std::move(text), std::move(prepared));
            const Watch watch{peer, job};
            const std::optional<JobEnd> end = co_await job.end();
            if (!end) {
                co_return accepted(job.id());
            }
            auto describing = heavy_.run(end->outcome.state.result.size(), [&] { return describe(*end); });
            co_return co_await std::move(describing);
        }
        co_return accepted(co_await service_.accept(std::move(session), std::move(text), std::move(prepared)));
    } catch (const Refused& refused) {
        co_return refusal(refused);
    }
}

net::awaitable<HttpResponse> Routes::job(std::string id) {
    try {
        const std::optional<JobState> state = co_await service_.find(std::move(id));
        if (!state) {
            co_return error_response(http::status::not_found, "there is no such job, or its time to live is over");
        }
        auto describing =
            heavy_.run(state->result.size(), [&] { return json_text_response(http::status::ok, describe(*state)); });
        co_return co_await std::move(describing);
    } catch (const StoreError& error) {
        co_return unavailable(error);
    }
}

HttpResponse Routes::metrics(const HttpRequest& request) const {
    const std::string_view accept = view(request[http::field::accept]);
    const MetricsSnapshot snapshot = metrics_();
    if (accept.find("text/plain") == std::string_view::npos ||
        accept.find("application/json") != std::string_view::npos) {
        return json_response(http::status::ok, metrics_json(snapshot));
    }
    HttpResponse response{http::status::ok, 11};
    response.set(http::field::content_type, dispatch::prometheus_content_type);
    response.body() = metrics_text(snapshot);
    response.prepare_payload();
    return response;
}

HttpResponse Routes::ready() const {
    if (service_.ready()) {
        return json_response(http::status::ok, Json{{"status", "ready"}});
    }
    const bool draining = service_.draining();
    HttpResponse response = json_response(http::status::service_unavailable,
                                          Json{{"status", draining ? "draining" : "the store cannot write"}});
    response.set(http::field::retry_after, draining ? "5" : "1");
    return response;
}

}  // namespace gateway
