// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/routes.hpp>

#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <dispatch/prometheus.hpp>
#include <gateway/api/access_log.hpp>
#include <gateway/api/events.hpp>
#include <gateway/api/job_text.hpp>
#include <gateway/api/openapi.hpp>
#include <gateway/api/status.hpp>
#include <gateway/api/store_unavailable.hpp>
#include <gateway/base/quote.hpp>
#include <gateway/log/log.hpp>
#include <gateway/page/page.hpp>

namespace gateway {

namespace {

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

HttpResponse method_not_allowed(const RouteRule& rule) {
    HttpResponse response =
        error_response(rule.errors, failure_of_status(405, "this path takes " + std::string{rule.methods}));
    response.set(http::field::allow, rule.methods);
    return response;
}

bool has_body(const HttpRequest& head) {
    const std::string_view length = view(head[http::field::content_length]);
    return head.chunked() || length.find_first_not_of('0') != std::string_view::npos;
}

HttpResponse forbidden(const RouteRule& rule, std::string_view why) {
    return error_response(
        rule.errors,
        failure_of_status(403, std::string{why} + ": name the host with --allowed-hosts, or use a client token"));
}

HttpResponse unauthorized(const RouteRule& rule) {
    HttpResponse response = error_response(
        rule.errors,
        failure_of_status(401, rule.errors == ErrorShape::gemini
                                   ? "x-goog-api-key, or Authorization: Bearer <token>, is missing or wrong"
                                   : "Authorization: Bearer <token> is missing or wrong"));
    response.set(http::field::www_authenticate, "Bearer");
    return response;
}

/// What follows /v1/models/ and the like.
std::string model_in(std::string_view path, std::string_view before) {
    return percent_decoded(path.substr(before.size()));
}

bool is_model_call(Route route) { return route == Route::gemini_call || route == Route::vertex_call; }

constexpr std::string_view stream_method = "streamGenerateContent";

/// A method of Gemini's API that there is not, or not in this form.
std::optional<HttpResponse> refuse_method(const Target& target) {
    const std::string_view method = split_model_call(target.path).method;
    if (method == "generateContent" || (method == stream_method && parameter(target.query, "alt") == "sse")) {
        return std::nullopt;
    }
    if (method == stream_method) {
        Failure failure =
            failure_of_status(400, "streamGenerateContent is supported as server-sent events only: add ?alt=sse");
        failure.code = "unsupported";
        return error_response(ErrorShape::gemini, failure);
    }
    return error_response(ErrorShape::gemini,
                          failure_of_status(404, "there is no method " + quote(method) +
                                                     ": there are generateContent and streamGenerateContent"));
}

HttpResponse no_model(ErrorShape shape, const std::string& name, const ServedModel& served) {
    Failure failure =
        failure_of_status(404, "there is no model " + quote(name) + ": this gateway serves " + quote(served.name));
    failure.code = "model_not_found";
    return error_response(shape, failure);
}

}  // namespace

Routes::Routes(GenerationService& service, HeavyWork& heavy, std::function<MetricsSnapshot()> metrics, Options options)
    : service_{service},
      heavy_{heavy},
      generations_{service, heavy, options.generations},
      metrics_{std::move(metrics)},
      options_{std::move(options)},
      allowed_hosts_{options_.allowed_hosts},
      client_token_{options_.client_token},
      events_{std::make_shared<StatusFeed>([this] { return status(); }, options_.events)} {}

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
    handlers.explain = [this](const HttpRequest& head, const Failure& failure) {
        HttpResponse response =
            error_response(rule_of(route_of(split_target(view(head.target())).path)).errors, failure);
        sign(response);
        return response;
    };
    handlers.answered = [this](const HttpRequest& head, http::status status) {
        responses_.add(route_of(split_target(view(head.target())).path), status);
    };
    handlers.bodies = &service_.bodies();
    if (options_.access_log) {
        handlers.ended = log_access;
    }
    return handlers;
}

/// Names the gateway in its response.
void Routes::sign(HttpResponse& response) const {
    if (!options_.name.empty()) {
        response.set("X-Gateway", options_.name);
    }
}

std::optional<HttpResponse> Routes::screen(const HttpRequest& head) const {
    const Target target = split_target(view(head.target()));
    const Route route = route_of(target.path);
    const RouteRule& rule = rule_of(route);
    if (!rule.probe) {
        if (client_token_.wanted()) {
            const bool has_key = rule.errors == ErrorShape::gemini && client_token_.is(view(head["x-goog-api-key"]));
            if (!rule.open && !has_key && !client_token_.accepts(view(head[http::field::authorization]))) {
                return unauthorized(rule);
            }
        } else if (!allowed_hosts_.has_host(view(head[http::field::host]))) {
            return forbidden(rule, "Host is not a name of this gateway");
        } else if (head.count(http::field::origin) > 1) {
            return forbidden(rule, "Origin is there more than once");
        } else if (head.count(http::field::origin) > 0 && !allowed_hosts_.has_origin(view(head[http::field::origin]))) {
            return forbidden(rule, "Origin is not one of this gateway");
        }
    }
    if (route == Route::none) {
        return error_response(
            http::status::not_found,
            "there is POST /generate, /v1/chat/completions and /v1beta/models/{model}:generateContent, "
            "and GET /, /jobs/{id}, /v1/models, /v1beta/models, /metrics, /events, /healthz, /readyz, /openapi.json");
    }
    if (!takes(route, head.method())) {
        return method_not_allowed(rule);
    }
    if (!takes_body(head.method()) && has_body(head)) {
        return error_response(
            rule.errors, failure_of_status(413, std::string{view(head.method_string())} + ' ' + std::string{rule.name} +
                                                    " takes no body: leave it out"));
    }
    return is_model_call(route) ? refuse_method(target) : std::nullopt;
}

net::awaitable<HttpReply> Routes::respond(HttpRequest& request, HttpPeer& peer) {
    HttpReply reply = co_await route(request, peer);
    sign(reply.response);
    co_return reply;
}

/// The request has passed screen().
net::awaitable<HttpReply> Routes::route(HttpRequest& request, HttpPeer& peer) {
    // The target's text, which the request keeps while its body is taken.
    const auto [path, query] = split_target(view(request.target()));
    switch (route_of(path)) {
        case Route::generate: {
            const std::string_view wait = parameter(query, "wait").value_or("false");
            if (wait != "true" && wait != "false") {
                co_return error_response(http::status::bad_request, "wait must be true or false");
            }
            GenerationCall call;
            call.wait = wait == "true";
            co_return co_await generations_.answer(request, peer, std::move(call));
        }
        case Route::job: {
            std::string id{path.substr(jobs_path.size())};
            if (request.method() == http::verb::delete_) {
                co_return co_await generations_.cancel(request, std::move(id), peer);
            }
            co_return co_await job(request, std::move(id));
        }
        case Route::chat: {
            GenerationCall call{ErrorShape::openai, Dialect::chat};
            co_return co_await generations_.answer(request, peer, std::move(call));
        }
        case Route::gemini_call:
        case Route::vertex_call: {
            GenerationCall call{ErrorShape::gemini, Dialect::gemini};
            const ModelCall asked = split_model_call(path);
            call.model = percent_decoded(asked.model);
            call.delivery = asked.method == stream_method ? Delivery::in_parts : Delivery::whole;
            co_return co_await generations_.answer(request, peer, std::move(call));
        }
        case Route::openai_models:
            co_return json_text_response(http::status::ok, openai_models(generations_.model()));
        case Route::openai_model:
            co_return openai_model_named(model_in(path, openai_models_path));
        case Route::gemini_models:
            co_return json_text_response(http::status::ok, gemini_models(generations_.model()));
        case Route::gemini_model:
            co_return gemini_model_named(model_in(path, gemini_models_path));
        case Route::metrics:
            co_return metrics(request);
        case Route::healthz:
            co_return json_response(http::status::ok, Json{{"status", "ok"}});
        case Route::readyz:
            co_return ready();
        case Route::page:
            co_return page_response(*find_page_file(path), request);
        case Route::events:
            co_return watch(co_await net::this_coro::executor);
        case Route::openapi:
            co_return json_text_response(http::status::ok, std::string{openapi_text()});
        case Route::none:
            break;
    }
    throw std::logic_error{"a request with an unknown path was not screened"};
}

HttpResponse Routes::openai_model_named(const std::string& name) const {
    const ServedModel& served = generations_.model();
    return name == served.name ? json_text_response(http::status::ok, openai_model(served))
                               : no_model(ErrorShape::openai, name, served);
}

HttpResponse Routes::gemini_model_named(const std::string& name) const {
    const ServedModel& served = generations_.model();
    return name == served.name ? json_text_response(http::status::ok, gemini_model(served))
                               : no_model(ErrorShape::gemini, name, served);
}

net::awaitable<HttpResponse> Routes::job(const HttpRequest& request, std::string id) {
    try {
        const std::optional<JobState> state = co_await service_.find(std::move(id));
        if (!state) {
            co_return error_response(http::status::not_found, "there is no such job, or its time to live is over");
        }
        auto describing =
            heavy_.run(state->result.size(), [&] { return json_text_response(http::status::ok, job_text(*state)); });
        co_return co_await std::move(describing);
    } catch (const StoreError& error) {
        co_return store_unavailable(request, ErrorShape::own, error);
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

std::string_view Routes::state() const {
    return service_.draining() ? "draining" : service_.ready() ? "ready" : "the store cannot write";
}

HttpResponse Routes::ready() const {
    const std::string_view now = state();
    if (now == "ready") {
        return json_response(http::status::ok, Json{{"status", now}});
    }
    HttpResponse response = json_response(http::status::service_unavailable, Json{{"status", now}});
    response.set(http::field::retry_after, now == "draining" ? "5" : "1");
    return response;
}

std::string Routes::status() const {
    Status status;
    status.name = options_.name;
    status.model = generations_.model().name;
    status.state = state();
    status.metrics = metrics_();
    status.failures = service_.latest_failures();
    return status_json(status);
}

HttpReply Routes::watch(const net::any_io_executor& executor) const {
    std::unique_ptr<BodySource> events = events_->watch(executor);
    if (!events) {
        const bool ended = events_->ended();
        return error_response(
            {503, ended ? "shutting_down" : "overloaded",
             ended ? "the gateway is shutting down"
                   : std::to_string(events_->options().max_watchers) + " clients watch already: try again later",
             true, std::chrono::seconds{5}});
    }
    return {events_response(), std::move(events)};
}

}  // namespace gateway
