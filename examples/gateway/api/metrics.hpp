// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_METRICS_HPP
#define GATEWAY_API_METRICS_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <dispatch/metrics.hpp>
#include <gateway/api/response_counters.hpp>
#include <gateway/base/json.hpp>
#include <gateway/http/server.hpp>
#include <gateway/jobs/job_store.hpp>
#include <gateway/service/job_figures.hpp>
#include <gateway/service/service.hpp>
#include <gateway/upstream/counters.hpp>
#include <gateway/upstream/http_client.hpp>

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
    std::size_t concurrency = 0;  ///< jobs that a worker may run at a time
    std::chrono::milliseconds uptime{};
};

[[nodiscard]] Json metrics_json(const MetricsSnapshot& snapshot);

/// In Prometheus's text format.
[[nodiscard]] std::string metrics_text(const MetricsSnapshot& snapshot);

}  // namespace gateway

#endif  // GATEWAY_API_METRICS_HPP
