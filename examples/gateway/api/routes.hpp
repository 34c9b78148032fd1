// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_ROUTES_HPP
#define GATEWAY_API_ROUTES_HPP

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gateway/api/allowed_hosts.hpp>
#include <gateway/api/client_token.hpp>
#include <gateway/api/generations.hpp>
#include <gateway/api/metrics.hpp>
#include <gateway/api/response_counters.hpp>
#include <gateway/api/status_feed.hpp>
#include <gateway/base/heavy_work.hpp>
#include <gateway/base/net.hpp>
#include <gateway/http/handlers.hpp>
#include <gateway/http/message.hpp>
#include <gateway/http/peer.hpp>
#include <gateway/service/service.hpp>

namespace gateway {

/// What the gateway answers to each request.
///
///   POST /generate            202, {"job_id": "<uuid>"}. The body is a generateContent request; X-Session-Id
///                             names its session. 400, 401, 403, 415, 503 with Retry-After.
///   POST /generate?wait=true  200 or (failed) the status of its error, as GET /jobs/{id} says it, with the job_id,
///                             when it has ended; X-Job-Id, X-Worker, X-Queue-Time-Ms; "stored": false where the store
///                             cannot write that yet, until when the job is pending for GET /jobs/{id}. Who closes its
///                             half of the connection before that hears what POST /generate answers
///   DELETE /jobs/{id}         200 when the job has been cancelled, as GET says it; 409 if it had ended before; 404
///   GET /jobs/{id}            {"status": "Pending"}, {"status": "Completed", "result": {...}},
///                             {"status": "Failed", "result": "<why>", "error": {...}}; 404
///   POST /v1/chat/completions, GET /v1/models, GET /v1/models/{id}: as OpenAI's
///   POST /v1beta/models/{model}:generateContent and :streamGenerateContent?alt=sse, GET /v1beta/models,
///   GET /v1beta/models/{model}: as Gemini's
///   POST /v1/projects/{project}/locations/{location}/publishers/google/models/{model}:generateContent and
///   :streamGenerateContent?alt=sse: as Vertex AI's
///   GET /metrics              JSON; Prometheus's text when Accept asks for text/plain
///   GET /, GET /page/...      the page for the people who run the gateway
///   GET /events               what it shows, as server-sent events: status_json() at once, and then each second; 503
///                             with Retry-After if as many watch as may
///   GET /healthz              200 as long as the gateway runs
///   GET /readyz               200, or 503 once it drains, and as long as the store cannot write
///   GET /openapi.json         the description of all this
///
/// Who generates may send Idempotency-Key: the same key and body again get the same job, and another body 422; and
/// `Prefer: early-hints`, to get X-Job-Id in a 103 response as soon as the job is on disk. Errors are in the shape of
/// each path's API.
///
/// With a client token, all but the page, /healthz and /readyz want `Authorization: Bearer <token>` (Gemini's paths
/// also take x-goog-api-key). Without one, all but the last two want a Host and, where there is one, an Origin of this
/// machine or of allowed_hosts; else 403. All this, the path and the method are looked at before a byte of the body is
/// read. Thread-safe; service and heavy must outlive it.
class Routes {
  public:
    struct Options {
        /// Empty: none is wanted.
        std::string client_token;
        /// Without a token: names under which the gateway may be reached, besides those of this machine.
        std::vector<std::string> allowed_hosts;
        /// Of this gateway among several: X-Gateway in each response, unless it is empty.
        std::string name;
        /// Whether each request is logged when it has ended (log_access()).
        bool access_log = false;
        GenerationsOptions generations = {};
        StatusFeed::Options events = {};
    };

    Routes(GenerationService& service, HeavyWork& heavy, std::function<MetricsSnapshot()> metrics, Options options);

    /// For the server; this must outlive it.
    [[nodiscard]] HttpHandlers handlers();

    /// From now on clients have to send this one.
    void set_client_token(std::string token) { client_token_.set(std::move(token)); }

    /// Ends the responses to GET /events, at once, and gives no more of them.
    void end_events() { events_->end(); }

    [[nodiscard]] std::vector<ResponseCount> responses() const { return responses_.snapshot(); }

  private:
    std::optional<HttpResponse> screen(const HttpRequest& head) const;
    void sign(HttpResponse& response) const;
    /// The response to peer's request, from which it takes the body.
    net::awaitable<HttpReply> respond(HttpRequest& request, HttpPeer& peer);
    net::awaitable<HttpReply> route(HttpRequest& request, HttpPeer& peer);
    net::awaitable<HttpResponse> job(const HttpRequest& request, std::string id);
    HttpResponse openai_model_named(const std::string& name) const;
    HttpResponse gemini_model_named(const std::string& name) const;
    HttpResponse metrics(const HttpRequest& request) const;
    HttpResponse ready() const;
    std::string_view state() const;
    std::string status() const;
    HttpReply watch(const net::any_io_executor& executor) const;

    GenerationService& service_;
    HeavyWork& heavy_;
    Generations generations_;
    std::function<MetricsSnapshot()> metrics_;
    const Options options_;
    const AllowedHosts allowed_hosts_;
    ClientToken client_token_;
    ResponseCounters responses_;
    const std::shared_ptr<StatusFeed> events_;  // shared with those who watch
};

}  // namespace gateway

#endif  // GATEWAY_API_ROUTES_HPP
