// SPDX-License-Identifier: Apache-2.0
#include "metrics.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <dispatch/json.hpp>
#include <dispatch/prometheus.hpp>

namespace gateway {

namespace {

using Type = dispatch::PrometheusWriter::Type;

/// A figure of the gateway: where it stands in the JSON, and what it is in Prometheus's text.
struct Figure {
    const char* group;
    const char* name;
    const char* metric;
    Type type;
    const char* help;
    std::uint64_t value;
};

std::vector<Figure> figures_of(const MetricsSnapshot& snapshot) {
    const ServiceCounters& jobs = snapshot.jobs;
    const JobStoreCounters& store = snapshot.store;
    const HttpServerCounters& http = snapshot.http;
    const UpstreamCounters& upstream = snapshot.upstream;
    const HttpClientMetrics& client = snapshot.connections;
    using enum Type;
    return {
        {"jobs", "pending", "gateway_jobs_pending", gauge, "Jobs accepted and not ended.", jobs.pending},
        {"jobs", "pending_bytes", "gateway_jobs_pending_bytes", gauge, "Bytes of their requests.", jobs.pending_bytes},
        {"jobs", "accepted", "gateway_jobs_accepted_total", counter, "Jobs accepted.", jobs.accepted},
        {"jobs", "resumed", "gateway_jobs_resumed_total", counter, "Jobs of a former run taken up.", jobs.resumed},
        {"jobs", "completed", "gateway_jobs_completed_total", counter, "Jobs with a result.", jobs.completed},
        {"jobs", "failed", "gateway_jobs_failed_total", counter, "Jobs that failed.", jobs.failed},
        {"jobs", "refused_full", "gateway_jobs_refused_full_total", counter, "Jobs refused: too many pending.",
         jobs.refused_full},
        {"jobs", "refused_shutting_down", "gateway_jobs_refused_shutting_down_total", counter,
         "Jobs refused: shutting down.", jobs.refused_shutting_down},
        {"jobs", "refused_not_stored", "gateway_jobs_refused_not_stored_total", counter,
         "Jobs refused: they could not be stored.", jobs.refused_not_stored},

        {"store", "pending", "gateway_store_pending", gauge, "Jobs stored as pending.", store.jobs.pending},
        {"store", "completed", "gateway_store_completed", gauge, "Jobs stored with a result.", store.jobs.completed},
        {"store", "failed", "gateway_store_failed", gauge, "Jobs stored as failed.", store.jobs.failed},
        {"store", "queued", "gateway_store_queued", gauge, "Operations that wait for the store.", store.queued},

        {"http", "connections", "gateway_http_connections", gauge, "Connections open.", http.connections},
        {"http", "accepted", "gateway_http_accepted_total", counter, "Connections accepted.", http.accepted},
        {"http", "requests", "gateway_http_requests_total", counter, "Requests that arrived.", http.requests},
        {"http", "malformed", "gateway_http_malformed_total", counter, "Requests that were not in order.",
         http.malformed},
        {"http", "timed_out", "gateway_http_timed_out_total", counter, "Connections that were too slow.",
         http.timed_out},
        {"http", "evicted", "gateway_http_evicted_total", counter, "Idle connections that made room.", http.evicted},
        {"http", "failed", "gateway_http_failed_total", counter, "Requests answered with 500.", http.failed},

        {"upstream", "requests", "gateway_upstream_requests_total", counter, "Generations asked for.",
         upstream.requests},
        {"upstream", "attempts", "gateway_upstream_attempts_total", counter, "Requests sent for them.",
         upstream.attempts},
        {"upstream", "retries", "gateway_upstream_retries_total", counter, "Attempts after the first.",
         upstream.retries},
        {"upstream", "retries_denied", "gateway_upstream_retries_denied_total", counter,
         "Retries that the budget did not allow.", upstream.retries_denied},
        {"upstream", "limited", "gateway_upstream_limited_total", counter, "Attempts that were told to wait (429).",
         upstream.limited},
        {"upstream", "limit", "gateway_upstream_limit", gauge, "Requests that may be under way.", upstream.limit},
        {"upstream", "waiting", "gateway_upstream_waiting", gauge, "Requests that wait for their turn.",
         upstream.waiting},
        {"upstream", "failures", "gateway_upstream_failures_total", counter, "Generations that failed.",
         upstream.failures},
        {"upstream", "connections_opened", "gateway_upstream_connections_opened_total", counter,
         "Connections to the upstream.", client.opened},
        {"upstream", "connections_reused", "gateway_upstream_connections_reused_total", counter,
         "Requests on a kept connection.", client.reused},
        {"upstream", "connections_idle", "gateway_upstream_connections_idle", gauge, "Connections kept.", client.idle},
        {"upstream", "timeouts", "gateway_upstream_timeouts_total", counter, "Attempts that took too long.",
         client.timeouts},

        {"process", "uptime_seconds", "gateway_uptime_seconds", gauge, "Since the start.",
         static_cast<std::uint64_t>(snapshot.uptime.count())},
    };
}

}  // namespace

Json metrics_json(const MetricsSnapshot& snapshot) {
    Json json;
    json["workers"] = snapshot.workers;
    json["ledger"] = snapshot.ledger;
    for (const Figure& figure : figures_of(snapshot)) {
        json[figure.group][figure.name] = figure.value;
    }
    return json;
}

std::string metrics_text(const MetricsSnapshot& snapshot) {
    dispatch::PrometheusWriter writer;
    const dispatch::PoolSnapshot pool{{}, snapshot.workers, snapshot.ledger};
    dispatch::write_prometheus(writer, std::span{&pool, 1});
    for (const Figure& figure : figures_of(snapshot)) {
        writer.family(figure.metric, figure.type, figure.help).sample(figure.value);
    }
    return std::move(writer).text();
}

}  // namespace gateway
