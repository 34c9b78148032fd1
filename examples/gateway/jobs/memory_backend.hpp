// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_MEMORY_BACKEND_HPP
#define GATEWAY_JOBS_MEMORY_BACKEND_HPP

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <gateway/jobs/job_store_options.hpp>
#include <gateway/jobs/store_backend.hpp>

namespace gateway {

/// Jobs that do not survive the process. What is asked for is done at once, where it is asked for: there is no disk to
/// wait for. As no job can be resumed, no request is kept.
class MemoryBackend final : public StoreBackend {
  public:
    explicit MemoryBackend(JobStoreOptions options) : options_{std::move(options)} {}

    net::awaitable<Inserted> insert(PendingJob job) override;
    net::awaitable<bool> finish(std::string id, JobStatus status, SharedText result) override;
    net::awaitable<std::optional<JobState>> find(std::string id) override;
    net::awaitable<FormerJobs> former(std::int64_t after, std::size_t limit) override;
    net::awaitable<std::size_t> fail_pending(std::string why) override;
    net::awaitable<std::size_t> resume_pending(std::size_t max_resumes, std::string why) override;
    net::awaitable<void> forget_resumes() override;
    net::awaitable<std::size_t> remove_expired(std::size_t limit) override;
    net::awaitable<void> probe() override;
    [[nodiscard]] StoreHealth health() const override { return StoreHealth::well; }
    [[nodiscard]] JobStoreCounters counters() const override;

  private:
    /// A job, and when it ended.
    struct Kept {
        JobState state;
        std::int64_t ended = 0;
    };
    using Jobs = std::unordered_map<std::string, Kept>;  // by their ids, which are our own

    /// What came with a key for the first time.
    struct Known {
        std::string fingerprint;
        std::string job;
        std::uint64_t number = 0;
    };
    using Keys = std::map<std::string, Known>;  // a tree: clients could make hashes collide

    // Under mutex_:
    [[nodiscard]] const Kept* find_kept(const std::string& id) const;
    [[nodiscard]] const Known* find_known(const std::string& key) const;
    void remember(IdempotencyKey key, const std::string& job);
    [[nodiscard]] std::uint64_t& count(JobStatus status);

    /// Jobs that ended at this time or before are not kept any more.
    [[nodiscard]] std::int64_t expired_until() const { return options_.now_ms() - options_.ttl.count(); }

    const JobStoreOptions options_;
    mutable std::mutex mutex_;
    // Guarded by it:
    Jobs jobs_;
    std::deque<const Jobs::value_type*> ended_;  // in the order in which they did
    JobCounts counts_;
    Keys keys_;
    std::map<std::uint64_t, Keys::iterator> key_order_;
    std::uint64_t last_key_ = 0;
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_MEMORY_BACKEND_HPP
