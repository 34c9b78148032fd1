// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/memory_backend.hpp>

#include <gateway/jobs/store_error.hpp>

namespace gateway {

net::awaitable<Inserted> MemoryBackend::insert(PendingJob job) {
    using Outcome = Inserted::Outcome;
    const std::lock_guard lock{mutex_};
    if (job.key) {
        if (const Known* const known = find_known(job.key->key)) {
            co_return Inserted{known->fingerprint == job.key->fingerprint ? Outcome::known : Outcome::another,
                               known->job};
        }
    }
    if (jobs_.contains(job.id)) {
        throw StoreError{StoreError::Kind::failed, "could not insert a job: there is one with the id " + job.id};
    }
    if (job.key) {
        remember(std::move(*job.key), job.id);  // before the job: a key without one is as good as none
    }
    jobs_.emplace(job.id, Kept{});
    ++counts_.pending;
    co_return Inserted{Outcome::stored, std::move(job.id)};
}

net::awaitable<bool> MemoryBackend::finish(std::string id, JobStatus status, SharedText result) {
    const std::lock_guard lock{mutex_};
    const auto job = jobs_.find(id);
    if (job == jobs_.end() || job->second.state.status != JobStatus::pending) {
        co_return false;
    }
    ended_.push_back(&*job);
    job->second = {{status, std::move(result)}, options_.now_ms()};
    --counts_.pending;
    ++count(status);
    co_return true;
}

net::awaitable<std::optional<JobState>> MemoryBackend::find(std::string id) {
    const std::lock_guard lock{mutex_};
    const Kept* const job = find_kept(id);
    co_return job != nullptr ? std::optional{job->state} : std::nullopt;
}

net::awaitable<FormerJobs> MemoryBackend::former(std::int64_t after, std::size_t /*limit*/) {
    co_return FormerJobs{{}, after};
}

net::awaitable<std::size_t> MemoryBackend::fail_pending(std::string /*why*/) { co_return 0; }

net::awaitable<std::size_t> MemoryBackend::resume_pending(std::size_t /*max_resumes*/, std::string /*why*/) {
    co_return 0;
}

net::awaitable<void> MemoryBackend::forget_resumes() { co_return; }

net::awaitable<std::size_t> MemoryBackend::remove_expired(std::size_t limit) {
    std::vector<Jobs::node_type> removed;  // to be freed when the mutex has been released
    const std::lock_guard lock{mutex_};
    const std::int64_t until = expired_until();
    while (removed.size() < limit && !ended_.empty() && ended_.front()->second.ended <= until) {
        removed.push_back(jobs_.extract(ended_.front()->first));
        ended_.pop_front();
        --count(removed.back().mapped().state.status);
    }
    co_return removed.size();
}

net::awaitable<void> MemoryBackend::probe() { co_return; }

JobStoreCounters MemoryBackend::counters() const {
    const std::lock_guard lock{mutex_};
    return {counts_, 0, StoreHealth::well};
}

/// Null: there is none, or its time is over.
const MemoryBackend::Kept* MemoryBackend::find_kept(const std::string& id) const {
    const auto job = jobs_.find(id);
    if (job == jobs_.end()) {
        return nullptr;
    }
    const Kept& kept = job->second;
    return kept.state.status == JobStatus::pending || kept.ended > expired_until() ? &kept : nullptr;
}

/// Null: there is none whose job is kept.
const MemoryBackend::Known* MemoryBackend::find_known(const std::string& key) const {
    const auto known = keys_.find(key);
    return known != keys_.end() && find_kept(known->second.job) != nullptr ? &known->second : nullptr;
}

void MemoryBackend::remember(IdempotencyKey key, const std::string& job) {
    const auto [place, is_new] = keys_.try_emplace(std::move(key.key));
    if (!is_new) {
        key_order_.erase(place->second.number);
    }
    place->second = {std::move(key.fingerprint), job, ++last_key_};
    key_order_.emplace_hint(key_order_.end(), last_key_, place);
    while (key_order_.size() > options_.max_keys) {
        keys_.erase(key_order_.begin()->second);
        key_order_.erase(key_order_.begin());
    }
}

std::uint64_t& MemoryBackend::count(JobStatus status) {
    switch (status) {
        case JobStatus::pending:
            return counts_.pending;
        case JobStatus::completed:
            return counts_.completed;
        case JobStatus::failed:
            break;
    }
    return counts_.failed;
}

}  // namespace gateway
