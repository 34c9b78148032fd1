// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/metrics.hpp>

#include <array>
#include <cstddef>
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
        {"jobs", "pending_bytes", "gateway_jobs_pending_bytes", gauge,
         "Bytes of their requests, and of bodies that arrive.", jobs.pending_bytes},
        {"jobs", "accepted", "gateway_jobs_accepted_total", counter, "Jobs accepted.", jobs.accepted},
        {"jobs", "streamed", "gateway_jobs_streamed_total", counter, "Those whose answers were told as they came.",
         jobs.streamed},
        {"jobs", "resumed", "gateway_jobs_resumed_total", counter, "Jobs of a former run taken up.", jobs.resumed},
        {"jobs", "completed", "gateway_jobs_completed_total", counter, "Jobs with a result.", jobs.completed},
        {"jobs", "failed", "gateway_jobs_failed_total", counter, "Jobs that failed.", jobs.failed},
        {"jobs", "cancelled", "gateway_jobs_cancelled_total", counter, "Jobs that were cancelled.", jobs.cancelled},
        {"jobs", "refused_full", "gateway_jobs_refused_full_total", counter, "Jobs refused: too many pending.",
         jobs.refused_full},
        {"jobs", "refused_shutting_down", "gateway_jobs_refused_shutting_down_total", counter,
         "Jobs refused: shutting down.", jobs.refused_shutting_down},
        {"jobs", "refused_not_stored", "gateway_jobs_refused_not_stored_total", counter,
         "Jobs refused: they could not be stored.", jobs.refused_not_stored},

        {"store", "pending", "gateway_store_pending", gauge, "Jobs stored as pending.", store.jobs.pending},
        {"store", "completed", "gateway_store_completed", gauge, "Jobs stored with a result.", store.jobs.completed},
        {"store", "failed", "gateway_store_failed", gauge, "Jobs stored as failed.", store.jobs.failed},
        {"store", "writable", "gateway_store_writable", gauge, "1: the store can write; 0: it cannot, or is stalled.",
         store.health == StoreHealth::well ? 1U : 0U},
        {"store", "queued", "gateway_store_queued", gauge, "Operations that wait for the store.", store.queued},

        {"http", "connections", "gateway_http_connections", gauge, "Connections open.", http.connections},
        {"http", "accepted", "gateway_http_accepted_total", counter, "Connections accepted.", http.accepted},
        {"http", "requests", "gateway_http_requests_total", counter, "Requests that arrived.", http.requests},
        {"http", "malformed", "gateway_http_malformed_total", counter, "Requests that were not in order.",
         http.malformed},
        {"http", "too_large", "gateway_http_too_large_total", counter, "Requests that were over a limit of size.",
         http.too_large},
        {"http", "timed_out", "gateway_http_timed_out_total", counter, "Connections that were too slow.",
         http.timed_out},
        {"http", "evicted", "gateway_http_evicted_total", counter,
         "Connections that were idle, or did not go on, and made room.", http.evicted},
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

        {"tokens", "input", "gateway_tokens_input_total", counter, "Tokens of prompts, as the model counts them.",
         snapshot.figures.tokens.input},
        {"tokens", "output", "gateway_tokens_output_total", counter, "Tokens of answers, thoughts included.",
         snapshot.figures.tokens.output},

        {"log", "dropped", "gateway_log_dropped_total", counter, "Lines that the log could not take in time.",
         snapshot.log_dropped},

        {"pool", "concurrency", "gateway_worker_concurrency", gauge, "Jobs that a worker may run at a time.",
         snapshot.concurrency},
        {"process", "uptime_seconds", "gateway_uptime_seconds", gauge, "Since the start.",
         static_cast<std::uint64_t>(snapshot.uptime / std::chrono::seconds{1})},
    };
}

/// A distribution of times of jobs: what it is called in the JSON, and in Prometheus's text.
struct Distribution {
    const char* name;
    const char* metric;
    const char* help;
    const Histogram::Snapshot& times;
};

std::array<Distribution, 4> distributions_of(const MetricsSnapshot& snapshot) {
    const JobFiguresSnapshot& figures = snapshot.figures;
    return {{{"queued_seconds", "gateway_job_queued_seconds", "Time that jobs waited in the pool.", figures.queued},
             {"ran_seconds", "gateway_job_ran_seconds", "Time that jobs ran, retries and all.", figures.ran},
             {"total_seconds", "gateway_job_total_seconds",
              "From when a job was accepted, or resumed, until its end was stored.", figures.total},
             {"first_part_seconds", "gateway_job_first_part_seconds",
              "From when a job was accepted until the first part of its answer was there.", figures.first_part}}};
}

Json to_json(const Histogram::Snapshot& times) {
    Json json;
    json["buckets"] = Json::array();
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < times.counts.size(); ++i) {
        count += times.counts[i];
        if (i < Histogram::bounds.size()) {
            json["buckets"].push_back({{"le", Histogram::bounds[i]}, {"count", count}});
        }
    }
    json["count"] = count;
    json["sum"] = times.sum;
    return json;
}

}  // namespace

Json metrics_json(const MetricsSnapshot& snapshot) {
    Json json;
    json["workers"] = snapshot.workers;
    json["ledger"] = snapshot.ledger;
    for (const Figure& figure : figures_of(snapshot)) {
        json[figure.group][figure.name] = figure.value;
    }
    for (const ResponseCount& responses : snapshot.responses) {
        json["responses"][std::string{rule_of(responses.route).name}][std::to_string(responses.status)] =
            responses.count;
    }
    for (const Distribution& distribution : distributions_of(snapshot)) {
        json["times"][distribution.name] = to_json(distribution.times);
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
    writer.family("gateway_http_responses_total", Type::counter,
                  "Responses, by route and status. Route none: no path of the gateway, or no proper request.");
    for (const ResponseCount& responses : snapshot.responses) {
        const std::string status = std::to_string(responses.status);
        writer.sample({{"route", rule_of(responses.route).name}, {"status", status}}, responses.count);
    }
    for (const Distribution& distribution : distributions_of(snapshot)) {
        writer.family(distribution.metric, Type::histogram, distribution.help)
            .histogram({}, Histogram::bounds, distribution.times.counts, distribution.times.sum);
    }
    return std::move(writer).text();
}

}  // namespace gateway
