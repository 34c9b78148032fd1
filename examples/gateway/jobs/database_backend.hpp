// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_DATABASE_BACKEND_HPP
#define GATEWAY_JOBS_DATABASE_BACKEND_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <gateway/jobs/database.hpp>
#include <gateway/jobs/file_identity.hpp>
#include <gateway/jobs/file_lock.hpp>
#include <gateway/jobs/job_store_options.hpp>
#include <gateway/jobs/job_table.hpp>
#include <gateway/jobs/store_backend.hpp>
#include <gateway/jobs/transaction_thread.hpp>

namespace gateway {

/// Jobs in a file, which is SQLite's.
class DatabaseBackend final : public StoreBackend {
  public:
    /// Opens the database. Throws StoreError (unusable), naming the file, what is wrong with it and what to do.
    static std::unique_ptr<DatabaseBackend> open(JobStoreOptions options);

    /// The same; throws FileLocked, std::system_error, DatabaseError and StoreError as they come.
    explicit DatabaseBackend(JobStoreOptions options);

    net::awaitable<Inserted> insert(PendingJob job) override;
    net::awaitable<bool> finish(std::string id, JobStatus status, SharedText result) override;
    net::awaitable<std::optional<JobState>> find(std::string id) override;
    net::awaitable<FormerJobs> former(std::int64_t after, std::size_t limit) override;
    net::awaitable<std::size_t> fail_pending(std::string why) override;
    net::awaitable<std::size_t> resume_pending(std::size_t max_resumes, std::string why) override;
    net::awaitable<void> forget_resumes() override;
    net::awaitable<std::size_t> remove_expired(std::size_t limit) override;
    net::awaitable<void> probe() override;
    [[nodiscard]] StoreHealth health() const override { return write_thread_->health(); }
    [[nodiscard]] JobStoreCounters counters() const override;

  private:
    /// What keeps other processes away: the lock on a file beside the database, which says who has it, and that on the
    /// database's own, which all its names have in common. (SQLite's own locks are of another kind, and the process
    /// would lose them if it closed the file: that is done last.)
    struct Locks {
        explicit Locks(const std::string& path)
            : beside{path + ".lock", FileLock::Content::holder}, file{path, FileLock::Content::others} {}

        FileLock beside;
        /// Makes the database's file, if there is none, for its owner alone: requests are private. SQLite gives its
        /// other files the same permissions.
        FileLock file;
    };

    template <typename Work>
    net::awaitable<std::invoke_result_t<Work&>> read(Work work);
    void check_files();

    /// Jobs that ended at this time or before are not kept any more.
    [[nodiscard]] std::int64_t expired_until() const { return options_.now_ms() - options_.ttl.count(); }

    const JobStoreOptions options_;
    const Locks locks_;
    Database write_database_;  // closed after the other: the last connection moves the WAL into the database
    Database read_database_;
    JobWriter writer_;
    JobReader reader_;
    std::vector<FileIdentity> files_;  // that hold the jobs
    std::int64_t last_former_ = 0;
    std::int64_t last_number_ = 0;  // used on the writing thread alone
    std::atomic<std::uint64_t> pending_{0}, completed_{0}, failed_{0};
    std::optional<TransactionThread> write_thread_, read_thread_;  // last: they use the rest
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_DATABASE_BACKEND_HPP
