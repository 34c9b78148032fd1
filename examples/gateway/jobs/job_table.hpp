// SPDX-License-Identifier: Apache-2.0
// The jobs in a database: what can be done with them, one connection and one thread at a time.
#ifndef GATEWAY_JOBS_JOB_TABLE_HPP
#define GATEWAY_JOBS_JOB_TABLE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gateway/jobs/database.hpp>
#include <gateway/jobs/job.hpp>

namespace gateway {

/// Some of the jobs that a former run left pending, oldest first.
struct FormerJobs {
    std::vector<PendingJob> jobs;
    /// Where the next ones begin.
    std::int64_t last = 0;
};

/// What came of inserting a job.
struct Inserted {
    enum class Outcome : std::uint8_t {
        stored,
        known,    ///< its key is that of another job, whose request was the same: nothing was stored
        another,  ///< the same, but the request was another
    };

    Outcome outcome = Outcome::stored;
    /// Of the job that has the key, or was stored.
    std::string id;
};

/// Jobs, by how they stand.
struct JobCounts {
    std::uint64_t pending = 0;
    std::uint64_t completed = 0;
    std::uint64_t failed = 0;
};

/// Makes an empty database one of jobs, and one of a former version of this program one of this version. Throws
/// StoreError if it holds anything else, or jobs in a form that this program does not know; the database is then as it
/// was.
void prepare_schema(Database& database);

/// Reads jobs. Its members throw DatabaseError.
class JobReader {
  public:
    explicit JobReader(Database& database);

    /// A job, unless it had ended by that time (of the wall clock, in milliseconds) already.
    std::optional<JobState> find(std::string_view id, std::int64_t ended_after);

    /// At most limit of the pending jobs with numbers after `after` up to `last`; fewer if they are large. None only
    /// when there is none.
    FormerJobs former(std::int64_t after, std::int64_t last, std::size_t limit);

    /// The highest number of a job; 0 if there is none.
    std::int64_t last_number();
    JobCounts counts();

  private:
    Statement find_, former_, last_number_, count_pending_, count_ended_;
};

/// Changes jobs. Each member is one statement, which SQLite undoes by itself if it fails: what came before it in the
/// same transaction stays. Throws DatabaseError.
class JobWriter {
  public:
    explicit JobWriter(Database& database);

    /// number: higher than that of any job before. A key counts as unknown once its job had ended by the time
    /// ended_after, and when max_keys others have come since.
    Inserted insert(std::int64_t number, const PendingJob& job, std::int64_t now, std::int64_t ended_after,
                    std::size_t max_keys);

    /// Ends a pending job, and drops its request; false if no pending job has this id.
    bool finish(std::string_view id, JobStatus status, std::string_view result, std::int64_t now);

    /// Ends all pending jobs with numbers up to last as failed; how many.
    std::uint64_t fail_former(std::int64_t last, std::string_view why, std::int64_t now);

    /// Counts that these are resumed once more; those that were max_resumes times already end as failed. How many there
    /// are of each.
    JobCounts resume_former(std::int64_t last, std::int64_t max_resumes, std::string_view why, std::int64_t now);

    /// What is pending counts as never resumed.
    void forget_resumes();

    /// Writes what is there already.
    void touch();

    /// Removes at most limit jobs that ended at that time or before; how many.
    JobCounts remove_ended(std::int64_t until, std::size_t limit);

  private:
    Statement insert_, find_key_, insert_key_, forget_keys_, finish_, fail_former_, resume_former_, forget_resumes_,
        remove_ended_, touch_;
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_JOB_TABLE_HPP
