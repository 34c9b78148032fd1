// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/database_backend.hpp>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <sqlite3.h>
#include <system_error>
#include <utility>
#include <variant>

#include <gateway/jobs/store_error.hpp>

namespace gateway {

namespace {

/// What a burst has made of the WAL beyond this is given back. Neither file becomes shorter otherwise.
constexpr std::uint64_t wal_limit = std::uint64_t{64} << 20;

/// The journal mode that the database has then.
std::string set_journal_mode(Database& database, const std::string& mode) {
    Statement statement{database, "set the journal mode", "PRAGMA journal_mode = " + mode};
    Statement::Rows rows = statement.rows();
    return rows.next() ? rows.bytes(0) : std::string{};
}

Database open_for_writing(const JobStoreOptions& options) {
    Database database{options.path, Database::Mode::read_write};
    prepare_schema(database);
    if (set_journal_mode(database, "WAL") != "wal") {
        throw StoreError{StoreError::Kind::unusable,
                         "its file system has no shared memory, which SQLite's WAL needs: name a file on a local disk"};
    }
    database.execute(options.full_sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    database.execute("PRAGMA journal_size_limit = " + std::to_string(wal_limit));
    return database;
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

std::unique_ptr<DatabaseBackend> DatabaseBackend::open(JobStoreOptions options) {
    const std::string path = options.path;
    // Whatever way leads to the file, there is one lock for it.
    std::error_code unresolved;
    const std::filesystem::path canonical = std::filesystem::weakly_canonical(path, unresolved);
    if (!unresolved) {
        options.path = canonical.string();
    }
    try {
        return std::make_unique<DatabaseBackend>(std::move(options));
    } catch (const FileLocked& error) {
        refuse_store(path, std::string{error.what()} +
                               " has it open: stop that gateway, or give this one a database of its own");
    } catch (const std::system_error& error) {
        refuse_store(path, explain(error));
    } catch (const DatabaseError& error) {
        refuse_store(path, explain(error));
    } catch (const StoreError& error) {
        refuse_store(path, error.what());
    }
}

DatabaseBackend::DatabaseBackend(JobStoreOptions options)
    : options_{std::move(options)},
      locks_{options_.path},
      write_database_{open_for_writing(options_)},
      read_database_{options_.path, Database::Mode::read_only},
      writer_{write_database_},
      reader_{read_database_} {
    const JobCounts counts = reader_.counts();
    pending_ = counts.pending;
    completed_ = counts.completed;
    failed_ = counts.failed;
    last_former_ = reader_.last_number();
    last_number_ = last_former_;
    files_.emplace_back(options_.path);
    files_.emplace_back(options_.path + "-wal", wal_limit);
    using Mode = TransactionThread::Mode;
    write_thread_.emplace(write_database_,
                          TransactionThread::Options{Mode::write, options_.max_queued, [this] { check_files(); },
                                                     options_.write_patience});
    read_thread_.emplace(read_database_, TransactionThread::Options{Mode::read, options_.max_queued});
}

template <typename Work>
net::awaitable<std::invoke_result_t<Work&>> DatabaseBackend::read(Work work) {
    auto committed = [](const auto&) {};
    co_return co_await read_thread_->perform(std::move(work), std::move(committed));
}

net::awaitable<Inserted> DatabaseBackend::insert(PendingJob job) {
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

net::awaitable<bool> DatabaseBackend::finish(std::string id, JobStatus status, SharedText result) {
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

net::awaitable<std::optional<JobState>> DatabaseBackend::find(std::string id) {
    auto work = [this, id = std::move(id)] { return reader_.find(id, expired_until()); };
    co_return co_await read(std::move(work));
}

net::awaitable<FormerJobs> DatabaseBackend::former(std::int64_t after, std::size_t limit) {
    auto work = [this, after, limit] { return reader_.former(after, last_former_, limit); };
    co_return co_await read(std::move(work));
}

net::awaitable<std::size_t> DatabaseBackend::fail_pending(std::string why) {
    auto work = [this, why = std::move(why)] { return writer_.fail_former(last_former_, why, options_.now_ms()); };
    auto committed = [this](std::uint64_t jobs) {
        pending_ -= jobs;
        failed_ += jobs;
    };
    co_return co_await write_thread_->perform(std::move(work), std::move(committed));
}

net::awaitable<std::size_t> DatabaseBackend::resume_pending(std::size_t max_resumes, std::string why) {
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

net::awaitable<void> DatabaseBackend::forget_resumes() {
    auto work = [this] {
        writer_.forget_resumes();
        return std::monostate{};
    };
    auto committed = [](std::monostate) {};
    co_await write_thread_->perform(std::move(work), std::move(committed));
}

net::awaitable<std::size_t> DatabaseBackend::remove_expired(std::size_t limit) {
    auto work = [this, limit] { return writer_.remove_ended(expired_until(), limit); };
    auto committed = [this](const JobCounts& removed) {
        completed_ -= removed.completed;
        failed_ -= removed.failed;
    };
    const JobCounts removed = co_await write_thread_->perform(std::move(work), std::move(committed));
    co_return removed.completed + removed.failed;
}

net::awaitable<void> DatabaseBackend::probe() {
    auto work = [this] {
        writer_.touch();
        return std::monostate{};
    };
    auto committed = [](std::monostate) {};
    co_await write_thread_->perform(std::move(work), std::move(committed));
}

JobStoreCounters DatabaseBackend::counters() const {
    JobStoreCounters counters;
    counters.jobs.pending = pending_;
    counters.jobs.completed = completed_;
    counters.jobs.failed = failed_;
    counters.health = health();
    counters.queued = write_thread_->queued() + read_thread_->queued();
    return counters;
}

/// Throws where what is written would never be found again.
void DatabaseBackend::check_files() {
    for (FileIdentity& file : files_) {
        const FileIdentity::State state = file.look();
        if (state != FileIdentity::State::intact) {
            throw StoreError{StoreError::Kind::failed,
                             "'" + file.path() + "' was " +
                                 (state == FileIdentity::State::gone ? "removed or replaced" : "truncated") +
                                 " while it was in use: put it back, or restart"};
        }
    }
}

}  // namespace gateway
