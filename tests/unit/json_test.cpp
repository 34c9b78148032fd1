// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <dispatch/json.hpp>

namespace json_test {

TEST(Json, ShowsEveryFieldOfAWorker) {
    const std::vector<dispatch::WorkerMetrics> workers{{.worker_id = 1,
                                                        .inflight = 2,
                                                        .queue_len = 3,
                                                        .waiting = 4,
                                                        .capacity = 5,
                                                        .errors = 6,
                                                        .sessions = 7,
                                                        .submitted = 8,
                                                        .moved = 9}};
    const nlohmann::ordered_json json = workers;
    EXPECT_EQ(
        json.dump(),
        R"([{"worker_id":1,"inflight":2,"queue_len":3,"waiting":4,"capacity":5,"errors":6,"sessions":7,"submitted":8,"moved":9}])");
}

TEST(Json, ShowsEveryFieldOfALedger) {
    const nlohmann::ordered_json json = dispatch::Ledger{.submitted = 21,
                                                         .completed = 1,
                                                         .failed = 2,
                                                         .rejected = 3,
                                                         .expired = 4,
                                                         .cancelled = 5,
                                                         .stopped = 6,
                                                         .moved = 7};
    EXPECT_EQ(
        json.dump(),
        R"({"submitted":21,"completed":1,"failed":2,"rejected":3,"expired":4,"cancelled":5,"stopped":6,"moved":7})");
}

}  // namespace json_test
