// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/status.hpp>

#include <chrono>

#include <gateway/base/json_writer.hpp>
#include <gateway/base/rfc3339.hpp>

namespace gateway {

namespace {

void write(JsonWriter& json, const FailedJob& job) {
    json.begin_object().member("time", to_rfc3339(job.ended)).member("job_id", job.id);
    json.member("status", job.failure.status).member("code", job.failure.code).member("message", job.failure.message);
    json.member("ms", std::chrono::duration_cast<std::chrono::milliseconds>(job.took).count()).end_object();
}

}  // namespace

std::string status_json(const Status& status) {
    JsonWriter json;
    json.begin_object().member("name", status.name).member("model", status.model).member("state", status.state);
    json.member("uptime_ms", status.metrics.uptime.count()).member("metrics", metrics_json(status.metrics));
    json.key("failures").begin_array();
    for (const FailedJob& job : status.failures) {
        write(json, job);
    }
    return json.end_array().end_object().take();
}

}  // namespace gateway
