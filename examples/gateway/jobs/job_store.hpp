// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_JOB_STORE_HPP
#define GATEWAY_JOBS_JOB_STORE_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <gateway/base/net.hpp>
#include <gateway/jobs/job.hpp>
#include <gateway/jobs/job_store_options.hpp>
#include <gateway/jobs/store_backend.hpp>
#include <gateway/jobs/store_error.hpp>

namespace gateway {

/// Jobs and what became of them, in a file of SQLite's, or in memory. A job accepted is a job kept: an operation
/// completes when what it did will be found after a crash. If one throws, it did nothing; but a crash that follows,
/// before the next change, may bring back what failed in its last step (the disk's sync).
///
/// One process at a time may have a database, whatever name it knows it by: two would run the same pending jobs. A file
/// that was removed or replaced is noticed with the next change, which fails then, and is not begun anew. It writes on
/// a thread of its own, all that waits at once, and reads on another, which does not wait for the writer.
///
/// In memory none of this is so: jobs are gone with the process, and an operation is done where it is asked for,
/// without waiting.
///
/// The operations' executor is that of the awaiting coroutine, and they count as its outstanding work until they
/// complete. Cancellation: what was handed over is carried out, and its result told. They throw StoreError: overloaded
/// when max_queued wait already, else failed. Thread-safe. What the coroutines run on may be destroyed before the store
/// once it has run out of work (a joined thread pool), else after it. Begin no operation once the destructor has begun.
class JobStore {
  public:
    /// Opens the database, if there is one. Throws StoreError (unusable), naming the file, what is wrong with it and
    /// what to do; std::invalid_argument for a value that cannot be used.
    explicit JobStore(const JobStoreOptions& options);
    JobStore(const JobStore&) = delete;
    JobStore& operator=(const JobStore&) = delete;

    /// Finishes what was asked for, moves all into the database's own file, and closes it.
    ~JobStore();

    /// Keeps a new job, unless its key is known already. Its id must be new.
    net::awaitable<Inserted> insert(PendingJob job);

    /// Keeps how a job ended, and drops its request. false: no such job is pending, and nothing was changed.
    net::awaitable<bool> finish(std::string id, JobStatus status, SharedText result);

    /// What is known of a job; nothing if there is none, or it ended longer than the TTL ago. Sees all that was
    /// complete when it was asked for.
    net::awaitable<std::optional<JobState>> find(std::string id);

    /// Jobs that were pending when the store was opened, and are, oldest first. after: 0, then the last page's last;
    /// an empty page is the end. At most limit, fewer if they are large.
    net::awaitable<FormerJobs> former(std::int64_t after, std::size_t limit);

    /// Ends all of those as failed; how many there were.
    net::awaitable<std::size_t> fail_pending(std::string why);

    /// Counts that those are taken up once more, before any is run. One that was max_resumes times already, without an
    /// orderly end since, may be what brings the process down: it ends as failed. How many do.
    net::awaitable<std::size_t> resume_pending(std::size_t max_resumes, std::string why);

    /// This run comes to an orderly end: what is still pending has not brought it down.
    net::awaitable<void> forget_resumes();

    /// Removes at most limit jobs that ended longer than the TTL ago, the oldest first; how many.
    net::awaitable<std::size_t> remove_expired(std::size_t limit);

    /// Writes and syncs something small that changes nothing, to see whether it can; health() then knows.
    net::awaitable<void> probe();

    /// Whether it can write, as far as the last changes and probes tell. Cheap.
    [[nodiscard]] StoreHealth health() const;

    /// At about one moment. Cheap. An expired job counts until it is removed.
    [[nodiscard]] JobStoreCounters counters() const;

  private:
    std::unique_ptr<StoreBackend> backend_;
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_JOB_STORE_HPP
