// SPDX-License-Identifier: Apache-2.0
// How jobs lie in the database, and the statements on them.
//
// A statement that walks an index names it (INDEXED BY), so that it never turns into a scan of the table, whatever
// the planner thinks of the data: an ended job keeps its place until its time is over, and may be large.
#ifndef GATEWAY_JOBS_JOB_SQL_HPP
#define GATEWAY_JOBS_JOB_SQL_HPP

#include <string_view>

namespace gateway::job_sql {

/// "GWJB": tells a database of jobs from that of another program.
inline constexpr int application_id = 0x47574a42;
/// To be raised with each change of the schema.
inline constexpr int version = 2;

/// number is the order of acceptance. status is JobStatus. Times are milliseconds of the wall clock: they outlive the
/// process. ended is null while the job is pending. resumes: how many runs took the job up from one that had crashed.
/// session, request and result may hold any bytes. dialect is Dialect.
inline constexpr std::string_view schema = R"(
    CREATE TABLE jobs(
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        status INTEGER NOT NULL,
        created INTEGER NOT NULL,
        ended INTEGER,
        resumes INTEGER NOT NULL DEFAULT 0,
        session BLOB NOT NULL,
        request BLOB NOT NULL,
        result BLOB NOT NULL,
        dialect INTEGER NOT NULL DEFAULT 0,
        CHECK((status = 0) = (ended IS NULL))
    ) STRICT;
    CREATE INDEX jobs_pending ON jobs(number, status) WHERE status = 0;
    CREATE INDEX jobs_ended ON jobs(ended, status) WHERE ended IS NOT NULL;
)";

/// The keys of the latest requests that had one, in their order; job is an id, of a job that may be gone.
inline constexpr std::string_view schema_of_keys = R"(
    CREATE TABLE idempotency_keys(
        number INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        fingerprint BLOB NOT NULL,
        job TEXT NOT NULL
    ) STRICT;
)";

/// What makes a schema of version 1 this one, before schema_of_keys.
inline constexpr std::string_view from_version_1 = "ALTER TABLE jobs ADD COLUMN dialect INTEGER NOT NULL DEFAULT 0";

/// ?1 number, ?2 id, ?3 created, ?4 session, ?5 request, ?6 dialect.
inline constexpr std::string_view insert =
    "INSERT INTO jobs(number, id, status, created, session, request, result, dialect) "
    "VALUES(?1, ?2, 0, ?3, ?4, ?5, x'', ?6)";

/// ?1 key, ?2 the time before which its job may not have ended.
inline constexpr std::string_view find_key =
    "SELECT jobs.id, fingerprint FROM idempotency_keys JOIN jobs ON jobs.id = idempotency_keys.job "
    "WHERE key = ?1 AND (ended IS NULL OR ended > ?2)";

/// ?1 key, ?2 fingerprint, ?3 the job's id. Takes the place of a key whose job is gone.
inline constexpr std::string_view insert_key =
    "INSERT OR REPLACE INTO idempotency_keys(key, fingerprint, job) VALUES(?1, ?2, ?3)";

/// ?1 how many are kept.
inline constexpr std::string_view forget_keys =
    "DELETE FROM idempotency_keys WHERE number <= (SELECT max(number) FROM idempotency_keys) - ?1";

/// ?1 id, ?2 status, ?3 result, ?4 ended. The request is not needed any more.
inline constexpr std::string_view finish =
    "UPDATE jobs SET status = ?2, result = ?3, ended = ?4, request = x'' WHERE id = ?1 AND status = 0";

/// ?1 the last number of the former run, ?2 why, ?3 ended.
inline constexpr std::string_view fail_former =
    "UPDATE jobs INDEXED BY jobs_pending SET status = 2, result = ?2, ended = ?3, request = x'' "
    "WHERE status = 0 AND number <= ?1";

/// ?1 the last number of the former run, ?2 how many resumes are enough, ?3 why, ?4 ended.
inline constexpr std::string_view resume_former =
    "UPDATE jobs INDEXED BY jobs_pending SET resumes = resumes + 1, status = CASE WHEN resumes < ?2 THEN 0 ELSE 2 END, "
    "result = CASE WHEN resumes < ?2 THEN x'' ELSE ?3 END, ended = CASE WHEN resumes < ?2 THEN NULL ELSE ?4 END, "
    "request = CASE WHEN resumes < ?2 THEN request ELSE x'' END WHERE status = 0 AND number <= ?1 RETURNING status";

inline constexpr std::string_view forget_resumes =
    "UPDATE jobs INDEXED BY jobs_pending SET resumes = 0 WHERE status = 0 AND resumes > 0";

/// ?1 the time before which a job has to have ended, ?2 how many at most.
inline constexpr std::string_view remove_ended =
    "DELETE FROM jobs WHERE number IN "
    "(SELECT number FROM jobs INDEXED BY jobs_ended WHERE ended <= ?1 ORDER BY ended LIMIT ?2) RETURNING status";

/// ?1 id, ?2 the time before which a job may not have ended.
inline constexpr std::string_view find =
    "SELECT status, result FROM jobs WHERE id = ?1 AND (ended IS NULL OR ended > ?2)";

/// ?1 the number after which to begin, ?2 the last number of the former run, ?3 how many at most.
inline constexpr std::string_view former =
    "SELECT number, id, session, request, dialect FROM jobs INDEXED BY jobs_pending "
    "WHERE status = 0 AND number > ?1 AND number <= ?2 ORDER BY number LIMIT ?3";

inline constexpr std::string_view last_number = "SELECT coalesce(max(number), 0) FROM jobs";
inline constexpr std::string_view count_pending = "SELECT count(*) FROM jobs INDEXED BY jobs_pending WHERE status = 0";
inline constexpr std::string_view count_ended =
    "SELECT status, count(*) FROM jobs INDEXED BY jobs_ended WHERE ended IS NOT NULL GROUP BY status";

}  // namespace gateway::job_sql

#endif  // GATEWAY_JOBS_JOB_SQL_HPP
