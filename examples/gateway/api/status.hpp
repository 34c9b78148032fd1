// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_STATUS_HPP
#define GATEWAY_API_STATUS_HPP

#include <string>
#include <string_view>
#include <vector>

#include <gateway/api/metrics.hpp>
#include <gateway/service/latest_failures.hpp>

namespace gateway {

/// What the page shows of a gateway, at about one moment.
struct Status {
    std::string name;        ///< of this gateway among several; may be empty
    std::string model;       ///< the one that answers
    std::string_view state;  ///< as GET /readyz says it
    MetricsSnapshot metrics;
    std::vector<FailedJob> failures;  ///< the latest first
};

/// {"name", "model", "state", "uptime_ms", "metrics": as GET /metrics has them,
///  "failures": [{"time", "job_id", "status", "code", "message", "ms"}]}
[[nodiscard]] std::string status_json(const Status& status);

}  // namespace gateway

#endif  // GATEWAY_API_STATUS_HPP
