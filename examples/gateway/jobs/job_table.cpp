// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/job_table.hpp>

#include <algorithm>
#include <limits>
#include <utility>

#include <gateway/jobs/job_sql.hpp>
#include <gateway/jobs/store_error.hpp>

namespace gateway {

namespace {

/// Bytes of requests after which a page of former jobs ends.
constexpr std::size_t max_page_bytes = std::size_t{16} << 20;

std::int64_t read_integer(Database& database, std::string_view sql) {
    Statement statement{database, "read the database", sql};
    Statement::Rows rows = statement.rows();
    return rows.next() ? rows.integer(0) : 0;
}

std::int64_t to_limit(std::size_t limit) {
    return static_cast<std::int64_t>(
        std::min(limit, static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max())));
}

void count(JobCounts& counts, JobStatus status, std::uint64_t jobs) {
    switch (status) {
        case JobStatus::pending:
            counts.pending += jobs;
            break;
        case JobStatus::completed:
            counts.completed += jobs;
            break;
        case JobStatus::failed:
            counts.failed += jobs;
            break;
    }
}

const std::string set_version = "PRAGMA user_version = " + std::to_string(job_sql::version);

void create(Database& database) {
    TransactionStatements statements{database, TransactionStatements::Begin::immediate};
    Transaction transaction{statements};
    database.execute(std::string{job_sql::schema});
    database.execute(std::string{job_sql::schema_of_keys});
    database.execute("PRAGMA application_id = " + std::to_string(job_sql::application_id));
    database.execute(set_version);
    transaction.commit();
}

void upgrade_from_version_1(Database& database) {
    TransactionStatements statements{database, TransactionStatements::Begin::immediate};
    Transaction transaction{statements};
    database.execute(std::string{job_sql::from_version_1});
    database.execute(std::string{job_sql::schema_of_keys});
    database.execute(set_version);
    transaction.commit();
}

}  // namespace

void prepare_schema(Database& database) {
    const std::int64_t application = read_integer(database, "PRAGMA application_id");
    const std::int64_t version = read_integer(database, "PRAGMA user_version");
    if (application == 0 && version == 0 && read_integer(database, "SELECT count(*) FROM sqlite_schema") == 0) {
        create(database);
        return;
    }
    if (application != job_sql::application_id) {
        throw StoreError{StoreError::Kind::unusable, "it is the database of another program: name another file"};
    }
    if (version == 1) {
        upgrade_from_version_1(database);
    } else if (version != job_sql::version) {
        throw StoreError{StoreError::Kind::unusable,
                         "its schema is of version " + std::to_string(version) + ", and this program knows version " +
                             std::to_string(job_sql::version) + ": run the gateway that made it, or name another file"};
    }
}

JobReader::JobReader(Database& database)
    : find_{database, "find a job", job_sql::find},
      former_{database, "read the pending jobs", job_sql::former},
      last_number_{database, "read the last job's number", job_sql::last_number},
      count_pending_{database, "count the pending jobs", job_sql::count_pending},
      count_ended_{database, "count the ended jobs", job_sql::count_ended} {}

std::optional<JobState> JobReader::find(std::string_view id, std::int64_t ended_after) {
    Statement::Rows rows = find_.rows(id, ended_after);
    if (!rows.next()) {
        return std::nullopt;
    }
    JobState state;
    state.status = static_cast<JobStatus>(rows.integer(0));
    state.result = rows.bytes(1);
    return state;
}

FormerJobs JobReader::former(std::int64_t after, std::int64_t last, std::size_t limit) {
    FormerJobs page;
    page.last = after;
    std::size_t bytes = 0;
    Statement::Rows rows = former_.rows(after, last, to_limit(limit));
    while (bytes < max_page_bytes && rows.next()) {
        page.last = rows.integer(0);
        PendingJob job;
        job.id = rows.bytes(1);
        job.session = rows.bytes(2);
        job.request = rows.bytes(3);
        job.dialect = static_cast<Dialect>(rows.integer(4));
        bytes += job.request.size();
        page.jobs.push_back(std::move(job));
    }
    return page;
}

std::int64_t JobReader::last_number() {
    Statement::Rows rows = last_number_.rows();
    return rows.next() ? rows.integer(0) : 0;
}

JobCounts JobReader::counts() {
    JobCounts counts;
    {
        Statement::Rows rows = count_pending_.rows();
        counts.pending = rows.next() ? static_cast<std::uint64_t>(rows.integer(0)) : 0;
    }
    Statement::Rows rows = count_ended_.rows();
    while (rows.next()) {
        count(counts, static_cast<JobStatus>(rows.integer(0)), static_cast<std::uint64_t>(rows.integer(1)));
    }
    return counts;
}

JobWriter::JobWriter(Database& database)
    : insert_{database, "insert a job", job_sql::insert},
      find_key_{database, "find an idempotency key", job_sql::find_key},
      insert_key_{database, "insert an idempotency key", job_sql::insert_key},
      forget_keys_{database, "forget idempotency keys", job_sql::forget_keys},
      finish_{database, "end a job", job_sql::finish},
      fail_former_{database, "end the pending jobs", job_sql::fail_former},
      resume_former_{database, "count the resumed jobs", job_sql::resume_former},
      forget_resumes_{database, "forget what was resumed", job_sql::forget_resumes},
      remove_ended_{database, "remove ended jobs", job_sql::remove_ended},
      touch_{database, "write to the database", set_version} {}

Inserted JobWriter::insert(std::int64_t number, const PendingJob& job, std::int64_t now, std::int64_t ended_after,
                           std::size_t max_keys) {
    using Outcome = Inserted::Outcome;
    if (job.key) {
        {
            Statement::Rows rows = find_key_.rows(Blob{job.key->key}, ended_after);
            if (rows.next()) {
                return {rows.bytes(1) == job.key->fingerprint ? Outcome::known : Outcome::another, rows.bytes(0)};
            }
        }
        // Before the job: if that fails, a key without one is as good as none.
        insert_key_.run(Blob{job.key->key}, Blob{job.key->fingerprint}, std::string_view{job.id});
        forget_keys_.run(to_limit(max_keys));
    }
    insert_.run(number, std::string_view{job.id}, now, Blob{job.session}, Blob{job.request.view()},
                static_cast<std::int64_t>(job.dialect));
    return {Outcome::stored, job.id};
}

bool JobWriter::finish(std::string_view id, JobStatus status, std::string_view result, std::int64_t now) {
    return finish_.run(id, static_cast<std::int64_t>(status), Blob{result}, now) > 0;
}

std::uint64_t JobWriter::fail_former(std::int64_t last, std::string_view why, std::int64_t now) {
    return static_cast<std::uint64_t>(fail_former_.run(last, Blob{why}, now));
}

JobCounts JobWriter::resume_former(std::int64_t last, std::int64_t max_resumes, std::string_view why,
                                   std::int64_t now) {
    JobCounts former;
    Statement::Rows rows = resume_former_.rows(last, max_resumes, Blob{why}, now);
    while (rows.next()) {
        count(former, static_cast<JobStatus>(rows.integer(0)), 1);
    }
    return former;
}

void JobWriter::forget_resumes() { forget_resumes_.run(); }

void JobWriter::touch() { touch_.run(); }

JobCounts JobWriter::remove_ended(std::int64_t until, std::size_t limit) {
    JobCounts removed;
    Statement::Rows rows = remove_ended_.rows(until, to_limit(limit));
    while (rows.next()) {
        count(removed, static_cast<JobStatus>(rows.integer(0)), 1);
    }
    return removed;
}

}  // namespace gateway
