// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_STORE_OPERATIONS_HPP
#define GATEWAY_TESTS_SUPPORT_STORE_OPERATIONS_HPP

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <gateway/jobs/job_store.hpp>

#include "run_awaitable.hpp"

namespace test {

inline gateway::PendingJob make_job(std::string id, std::size_t request_size = 10) {
    gateway::PendingJob job;
    job.session = "session of " + id;
    job.request = std::string(request_size, 'r');
    job.id = std::move(id);
    return job;
}

/// The operations, one at a time.
inline void insert(gateway::JobStore& store, std::string id, std::size_t request_size = 10) {
    run_awaitable(store.insert(make_job(std::move(id), request_size)));
}

inline bool complete(gateway::JobStore& store, std::string id, std::string result = "{}") {
    return run_awaitable(store.finish(std::move(id), gateway::JobStatus::completed, std::move(result)));
}

inline bool fail(gateway::JobStore& store, std::string id, std::string why) {
    return run_awaitable(store.finish(std::move(id), gateway::JobStatus::failed, std::move(why)));
}

inline std::optional<gateway::JobState> find(gateway::JobStore& store, std::string id) {
    return run_awaitable(store.find(std::move(id)));
}

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_STORE_OPERATIONS_HPP
