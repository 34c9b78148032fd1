// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_STORE_BACKEND_HPP
#define GATEWAY_JOBS_STORE_BACKEND_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <gateway/base/net.hpp>
#include <gateway/jobs/job.hpp>
#include <gateway/jobs/job_table.hpp>
#include <gateway/jobs/store_health.hpp>

namespace gateway {

/// How many jobs there are, how many operations wait, and whether the store can write.
struct JobStoreCounters {
    JobCounts jobs;
    std::size_t queued = 0;
    StoreHealth health = StoreHealth::well;
};

/// Where a JobStore keeps its jobs. Its functions are the store's, which says what they do. Thread-safe.
class StoreBackend {
  public:
    StoreBackend() = default;
    StoreBackend(const StoreBackend&) = delete;
    StoreBackend& operator=(const StoreBackend&) = delete;
    virtual ~StoreBackend() = default;

    virtual net::awaitable<Inserted> insert(PendingJob job) = 0;
    virtual net::awaitable<bool> finish(std::string id, JobStatus status, SharedText result) = 0;
    virtual net::awaitable<std::optional<JobState>> find(std::string id) = 0;
    virtual net::awaitable<FormerJobs> former(std::int64_t after, std::size_t limit) = 0;
    virtual net::awaitable<std::size_t> fail_pending(std::string why) = 0;
    virtual net::awaitable<std::size_t> resume_pending(std::size_t max_resumes, std::string why) = 0;
    virtual net::awaitable<void> forget_resumes() = 0;
    virtual net::awaitable<std::size_t> remove_expired(std::size_t limit) = 0;
    virtual net::awaitable<void> probe() = 0;
    [[nodiscard]] virtual StoreHealth health() const = 0;
    [[nodiscard]] virtual JobStoreCounters counters() const = 0;
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_STORE_BACKEND_HPP
