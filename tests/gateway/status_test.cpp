// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include <gtest/gtest.h>

#include <gateway/api/status.hpp>

namespace status_test {

using namespace std::chrono_literals;
using gateway::Failure;
using gateway::Json;
using gateway::Status;

TEST(Status, SaysWhatThePageShows) {
    Status status;
    status.name = "a \"name\"";
    status.model = "m";
    status.state = "ready";
    status.metrics.uptime = 1'234ms;
    status.metrics.concurrency = 8;
    status.metrics.workers.push_back({.worker_id = 3, .inflight = 2});
    status.failures.push_back({"id", Failure{502, "upstream_failed", "it said <no>"}, 1'500ms,
                               std::chrono::system_clock::time_point{1'700'000'000'123ms}});
    const Json json = Json::parse(gateway::status_json(status));
    EXPECT_EQ(json.at("name"), "a \"name\"");
    EXPECT_EQ(json.at("model"), "m");
    EXPECT_EQ(json.at("state"), "ready");
    EXPECT_EQ(json.at("uptime_ms"), 1'234);
    EXPECT_EQ(json.at("metrics"), metrics_json(status.metrics));
    EXPECT_EQ(json.at("metrics").at("pool").at("concurrency"), 8);
    EXPECT_EQ(json.at("metrics").at("process").at("uptime_seconds"), 1);
    EXPECT_EQ(json.at("failures"), Json::parse(R"([{"time": "2023-11-14T22:13:20.123Z", "job_id": "id", "status": 502,
                               "code": "upstream_failed", "message": "it said <no>", "ms": 1500}])"));
}

TEST(Status, IsOneLine) {
    Status status;
    status.failures.push_back({"id", Failure{502, "code", "two\nlines"}, {}, {}});
    EXPECT_EQ(gateway::status_json(status).find('\n'), std::string::npos);
}

}  // namespace status_test
