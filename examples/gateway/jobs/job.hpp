// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_JOB_HPP
#define GATEWAY_JOBS_JOB_HPP

#include <cstdint>
#include <optional>
#include <string>

#include <gateway/base/shared_text.hpp>
#include <gateway/conversation/dialect.hpp>

namespace gateway {

/// What GET /jobs/{id} shows as "Pending", "Completed" and "Failed".
enum class JobStatus : std::uint8_t { pending, completed, failed };

/// A job as a client sees it.
struct JobState {
    JobStatus status = JobStatus::pending;
    /// completed: the text of the response's JSON. failed: why (failure_text). pending: empty.
    SharedText result;
};

/// What tells a request that is sent again from another.
struct IdempotencyKey {
    std::string key;          ///< the client's. Any bytes
    std::string fingerprint;  ///< of all that the request asks for. Any bytes
};

/// A job that has not ended: what is needed to run it, now or after a restart.
struct PendingJob {
    /// A random UUID (version 4).
    std::string id;
    /// Empty: none. Any bytes.
    std::string session;
    /// The text of the request's JSON.
    SharedText request;
    Dialect dialect = Dialect::gemini;
    std::optional<IdempotencyKey> key = {};
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_JOB_HPP
