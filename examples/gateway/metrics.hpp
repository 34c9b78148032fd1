// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_METRICS_HPP
#define GATEWAY_METRICS_HPP

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <dispatch/metrics.hpp>

#include "http/server.hpp"
#include "job_figures.hpp"
#include "jobs/job_store.hpp"
#include "json.hpp"
#include "response_counters.hpp"
#include "service.hpp"
#include "upstream/counters.hpp"
#include "upstream/http_client.hpp"

namespace gateway {

/// All that the gateway counts, at about one moment.
struct MetricsSnapshot {
    std::vector<dispatch::WorkerMetrics> workers;
    dispatch::Ledger ledger;
    ServiceCounters jobs;
    JobStoreCounters store;
    HttpServerCounters http;
    std::vector<ResponseCount> responses;
    JobFiguresSnapshot figures;
    std::uint64_t log_dropped = 0;
    UpstreamCounters upstream;
    HttpClientMetrics connections;
    std::chrono::seconds uptime{};
};

[[nodiscard]] Json metrics_json(const MetricsSnapshot& snapshot);

/// In Prometheus's text format.
[[nodiscard]] std::string metrics_text(const MetricsSnapshot& snapshot);

}  // namespace gateway

#endif  // GATEWAY_METRICS_HPP
