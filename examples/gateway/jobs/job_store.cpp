// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/job_store.hpp>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <sqlite3.h>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <gateway/jobs/database.hpp>
#include <gateway/jobs/file_identity.hpp>
#include <gateway/jobs/file_lock.hpp>
#include <gateway/jobs/transaction_thread.hpp>

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
    if (options.path != in_memory) {
        // Whatever way leads to the file, there is one lock for it.
        std::error_code unresolved;
        const std::filesystem::path path = std::filesystem::weakly_canonical(options.path, unresolved);
        if (!unresolved) {
            options.path = path.string();
        }
    }
    return options;
}

/// What keeps other processes away: the lock on a file beside the database, which says who has it, and that on the
/// database's own, which all its names have in common. (SQLite's own locks are of another kind, and the process would
/// lose them if it closed the file: that is done last.)
struct Locks {
    explicit Locks(const std::string& path)
        : beside{path + ".lock", FileLock::Content::holder}, file{path, FileLock::Content::others} {}

    FileLock beside;
    /// Makes the database's file, if there is none, for its owner alone: requests are private. SQLite gives its other
    /// files the same permissions.
    FileLock file;
};

std::unique_ptr<Locks> take(const JobStoreOptions& options) {
    return options.path == in_memory ? nullptr : std::make_unique<Locks>(options.path);
}

/// The files that hold the jobs, once the database is open.
std::vector<FileIdentity> files_of(const JobStoreOptions& options) {
    std::vector<FileIdentity> files;
    if (options.path != in_memory) {
        files.emplace_back(options.path);
        files.emplace_back(options.path + "-wal");
    }
    return files;
}

/// The journal mode that the database has then.
std::string set_journal_mode(Database& database, const std::string& mode) {
    Statement statement{database, "set the journal mode", "PRAGMA journal_mode = " + mode};
    Statement::Rows rows = statement.rows();
    return rows.next() ? rows.bytes(0) : std::string{};
}

Database open_for_writing(const JobStoreOptions& options) {
    Database database{options.path, Database::Mode::read_write};
    prepare_schema(database);
    if (set_journal_mode(database, "WAL") != (options.path == in_memory ? "memory" : "wal")) {
        throw StoreError{StoreError::Kind::unusable,
                         "its file system has no shared memory, which SQLite's WAL needs: name a file on a local disk"};
    }
    database.execute(options.full_sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    database.execute("PRAGMA journal_size_limit = 67108864");  // what a burst has made of the WAL is given back
    return database;
}

/// A second connection, unless the database is in memory, where it would be a second database.
std::unique_ptr<Database> open_for_reading(const JobStoreOptions& options) {
    return options.path == in_memory ? nullptr : std::make_unique<Database>(options.path, Database::Mode::read_only);
}

std::string explain(const std::system_error& error) {
    const std::string why = error.code().message();
    switch (error.code().value()) {
        case ENOENT:
        case ENOTDIR:
            return "its directory does not exist: create it, or name another file";
        case EISDIR:
            return "it is a directory: name a file in it";
        case EACCES:
        case EPERM:
        case EROFS:
            return why + ": make it and its directory writable for this user, or name another file";
        default:
            return why;
    }
}

std::string explain(const DatabaseError& error) {
    const std::string why = error.what();
    switch (error.code()) {
        case SQLITE_NOTADB:
            return "it is not an SQLite database (" + why + "): name another file";
        case SQLITE_CORRUPT:
            return "it is damaged (" + why +
                   "): move it away to begin with a new one, and see what `sqlite3 FILE .recover` can save";
        case SQLITE_BUSY:
            return "another program keeps it locked (" + why + "): close that";
        default:
            return why;
    }
}

[[noreturn]] void refuse_store(const std::string& path, const std::string& why) {
    throw StoreError{StoreError::Kind::unusable, "the job database '" + path + "' cannot be used: " + why};
}

}  // namespace

class JobStore::Impl {
  public:
    static std::unique_ptr<Impl> open(const JobStoreOptions& options) {
        try {
            return std::make_unique<Impl>(checked(options));
        } catch (const FileLocked& error) {
            refuse_store(options.path, std::string{error.what()} +
                                           " has it open: stop that gateway, or give this one a database of its own");
        } catch (const std::system_error& error) {
            refuse_store(options.path, explain(error));
        } catch (const DatabaseError& error) {
            refuse_store(options.path, explain(error));
        } catch (const StoreError& error) {
            refuse_store(options.path, error.what());
        }
    }

    explicit Impl(JobStoreOptions options)
        : options_{std::move(options)},
          locks_{take(options_)},
          write_database_{open_for_writing(options_)},
          read_database_{open_for_reading(options_)},
          writer_{write_database_},
          reader_{read_database_ ? *read_database_ : write_database_} {
        const JobCounts counts = reader_.counts();
        pending_ = counts.pending;
        completed_ = counts.completed;
        failed_ = counts.failed;
        last_former_ = reader_.last_number();
        last_number_ = last_former_;
        files_ = files_of(options_);
        using Mode = TransactionThread::Mode;
        write_thread_.emplace(write_database_,
                              TransactionThread::Options{Mode::write, options_.max_queued, [this] { check_files(); },
                                                         options_.write_patience});
        if (read_database_) {
            read_thread_.emplace(*read_database_, TransactionThread::Options{Mode::read, options_.max_queued});
        }
    }

    net::awaitable<Inserted> insert(PendingJob job) {
        auto work = [this, job = std::move(job)] {
            return writer_.insert(++last_number_, job, options_.now_ms(), expired_until(), options_.max_keys);
        };
        auto committed = [this](const Inserted& inserted) {
            if (inserted.outcome == Inserted::Outcome::stored) {
                ++pending_;
            }
        };
        co_return co_await write_thread_->perform(std::move(work), std::move(committed));
    }

    net::awaitable<bool> finish(std::string id, JobStatus status, SharedText result) {
        auto work = [this, id = std::move(id), status, result = std::move(result)] {
            return writer_.finish(id, status, result, options_.now_ms());
        };
        auto committed = [this, status](bool changed) {
            if (changed) {
                --pending_;
                ++(status == JobStatus::completed ? completed_ : failed_);
            }
        };
        co_return co_await write_thread_->perform(std::move(work), std::move(committed));
    }

    net::awaitable<std::optional<JobState>> find(std::string id) {
        auto work = [this, id = std::move(id)] { return reader_.find(id, expired_until()); };
        co_return co_await read(std::move(work));
    }

    net::awaitable<FormerJobs> former(std::int64_t after, std::size_t limit) {
        auto work = [this, after, limit] { return reader_.former(after, last_former_, limit); };
        co_return co_await read(std::move(work));
    }

    net::awaitable<std::size_t> fail_pending(std::string why) {
        auto work = [this, why = std::move(why)] { return writer_.fail_former(last_former_, why, options_.now_ms()); };
        auto committed = [this](std::uint64_t jobs) {
            pending_ -= jobs;
            failed_ += jobs;
        };
        co_return co_await write_thread_->perform(std::move(work), std::move(committed));
    }

    net::awaitable<std::size_t> resume_pending(std::size_t max_resumes, std::string why) {
        auto work = [this, max_resumes, why = std::move(why)] {
            return writer_.resume_former(last_former_, static_cast<std::int64_t>(max_resumes), why, options_.now_ms());
        };
        auto committed = [this](const JobCounts& former) {
            pending_ -= former.failed;
            failed_ += former.failed;
        };
        const JobCounts former = co_await write_thread_->perform(std::move(work), std::move(committed));
        co_return former.failed;
    }

    net::awaitable<void> forget_resumes() {
        auto work = [this] {
            writer_.forget_resumes();
            return std::monostate{};
        };
        auto committed = [](std::monostate) {};
        co_await write_thread_->perform(std::move(work), std::move(committed));
    }

    net::awaitable<std::size_t> remove_expired(std::size_t limit) {
        auto work = [this, limit] { return writer_.remove_ended(expired_until(), limit); };
        auto committed = [this](const JobCounts& removed) {
            completed_ -= removed.completed;
            failed_ -= removed.failed;
        };
        const JobCounts removed = co_await write_thread_->perform(std::move(work), std::move(committed));
        co_return removed.completed + removed.failed;
    }

    net::awaitable<void> probe() {
        auto work = [this] {
            writer_.touch();
            return std::monostate{};
        };
        auto committed = [](std::monostate) {};
        co_await write_thread_->perform(std::move(work), std::move(committed));
    }

    StoreHealth health() const { return write_thread_->health(); }

    JobStoreCounters counters() const {
        JobStoreCounters counters;
        counters.jobs.pending = pending_;
        counters.jobs.completed = completed_;
        counters.jobs.failed = failed_;
        counters.health = health();
        counters.queued = write_thread_->queued() + (read_thread_ ? read_thread_->queued() : 0);
        return counters;
    }

  private:
    template <typename Work>
    net::awaitable<std::invoke_result_t<Work&>> read(Work work) {
        TransactionThread& thread = read_thread_ ? *read_thread_ : *write_thread_;
        auto committed = [](const auto&) {};
        co_return co_await thread.perform(std::move(work), std::move(committed));
    }

    /// Throws where what is written would never be found again.
    void check_files() const {
        for (const FileIdentity& file : files_) {
            if (!file.still_there()) {
                throw StoreError{
                    StoreError::Kind::failed,
                    "'" + file.path() + "' was removed or replaced while it was in use: put it back, or restart"};
            }
        }
    }

    /// Jobs that ended at this time or before are not kept any more.
    std::int64_t expired_until() const { return options_.now_ms() - options_.ttl.count(); }

    const JobStoreOptions options_;
    const std::unique_ptr<Locks> locks_;
    Database write_database_;  // closed after the other: the last connection moves the WAL into the database
    const std::unique_ptr<Database> read_database_;
    JobWriter writer_;
    JobReader reader_;
    std::vector<FileIdentity> files_;
    std::int64_t last_former_ = 0;
    std::int64_t last_number_ = 0;  // used on the writing thread alone
    std::atomic<std::uint64_t> pending_{0}, completed_{0}, failed_{0};
    std::optional<TransactionThread> write_thread_, read_thread_;  // last: they use the rest
};

JobStore::JobStore(const JobStoreOptions& options) : impl_{Impl::open(options)} {}

JobStore::~JobStore() = default;

net::awaitable<Inserted> JobStore::insert(PendingJob job) { return impl_->insert(std::move(job)); }

net::awaitable<bool> JobStore::finish(std::string id, JobStatus status, SharedText result) {
    return impl_->finish(std::move(id), status, std::move(result));
}

net::awaitable<std::optional<JobState>> JobStore::find(std::string id) { return impl_->find(std::move(id)); }

net::awaitable<FormerJobs> JobStore::former(std::int64_t after, std::size_t limit) {
    return impl_->former(after, limit);
}

net::awaitable<std::size_t> JobStore::fail_pending(std::string why) { return impl_->fail_pending(std::move(why)); }

net::awaitable<std::size_t> JobStore::resume_pending(std::size_t max_resumes, std::string why) {
    return impl_->resume_pending(max_resumes, std::move(why));
}

net::awaitable<void> JobStore::forget_resumes() { return impl_->forget_resumes(); }

net::awaitable<std::size_t> JobStore::remove_expired(std::size_t limit) { return impl_->remove_expired(limit); }

net::awaitable<void> JobStore::probe() { return impl_->probe(); }

StoreHealth JobStore::health() const { return impl_->health(); }

JobStoreCounters JobStore::counters() const { return impl_->counters(); }

}  // namespace gateway
