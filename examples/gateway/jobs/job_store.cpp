// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/job_store.hpp>

#include <stdexcept>
#include <string_view>
#include <utility>

#include <gateway/jobs/database_backend.hpp>
#include <gateway/jobs/memory_backend.hpp>

namespace gateway {

namespace {

constexpr std::string_view in_memory = ":memory:";

JobStoreOptions checked(JobStoreOptions options) {
    if (options.path.empty()) {
        throw std::invalid_argument{"JobStoreOptions::path must name a file, or be \":memory:\""};
    }
    if (options.ttl <= std::chrono::milliseconds{0}) {
        throw std::invalid_argument{"JobStoreOptions::ttl must be positive, and is " +
                                    std::to_string(options.ttl.count()) + " ms"};
    }
    if (options.max_queued == 0) {
        throw std::invalid_argument{"JobStoreOptions::max_queued must be positive"};
    }
    if (!options.now_ms) {
        options.now_ms = [] {
            const auto now = std::chrono::system_clock::now().time_since_epoch();
            return std::int64_t{std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
        };
    }
    return options;
}

std::unique_ptr<StoreBackend> open_backend(JobStoreOptions options) {
    if (options.path == in_memory) {
        return std::make_unique<MemoryBackend>(std::move(options));
    }
    return DatabaseBackend::open(std::move(options));
}

}  // namespace

JobStore::JobStore(const JobStoreOptions& options) : backend_{open_backend(checked(options))} {}

JobStore::~JobStore() = default;

net::awaitable<Inserted> JobStore::insert(PendingJob job) { return backend_->insert(std::move(job)); }

net::awaitable<bool> JobStore::finish(std::string id, JobStatus status, SharedText result) {
    return backend_->finish(std::move(id), status, std::move(result));
}

net::awaitable<std::optional<JobState>> JobStore::find(std::string id) { return backend_->find(std::move(id)); }

net::awaitable<FormerJobs> JobStore::former(std::int64_t after, std::size_t limit) {
    return backend_->former(after, limit);
}

net::awaitable<std::size_t> JobStore::fail_pending(std::string why) { return backend_->fail_pending(std::move(why)); }

net::awaitable<std::size_t> JobStore::resume_pending(std::size_t max_resumes, std::string why) {
    return backend_->resume_pending(max_resumes, std::move(why));
}

net::awaitable<void> JobStore::forget_resumes() { return backend_->forget_resumes(); }

net::awaitable<std::size_t> JobStore::remove_expired(std::size_t limit) { return backend_->remove_expired(limit); }

net::awaitable<void> JobStore::probe() { return backend_->probe(); }

StoreHealth JobStore::health() const { return backend_->health(); }

JobStoreCounters JobStore::counters() const { return backend_->counters(); }

}  // namespace gateway
