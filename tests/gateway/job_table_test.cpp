// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/jobs/job_sql.hpp>
#include <gateway/jobs/job_table.hpp>
#include <gateway/jobs/store_error.hpp>

namespace job_table_test {

using namespace gateway;

constexpr std::int64_t always = std::numeric_limits<std::int64_t>::min();

class JobTable : public testing::Test {
  protected:
    JobTable() { prepare_schema(database); }

    void insert(const std::string& id, std::string request = "request") {
        PendingJob job;
        job.id = id;
        job.session = "session";
        job.request = std::move(request);
        writer().insert(++number, job, 1, 0, 100);
    }

    JobWriter& writer() {
        if (!writer_) {
            writer_.emplace(database);
        }
        return *writer_;
    }
    JobReader& reader() {
        if (!reader_) {
            reader_.emplace(database);
        }
        return *reader_;
    }

    std::vector<std::string> plan(std::string_view sql) {
        Statement statement{database, "explain", "EXPLAIN QUERY PLAN " + std::string{sql}};
        std::vector<std::string> steps;
        Statement::Rows rows = statement.rows();
        while (rows.next()) {
            steps.push_back(rows.bytes(3));
        }
        return steps;
    }

    /// Every step on the table is a search, and one is by this index.
    void expect_search(std::string_view sql, const std::string& index) {
        bool found = false;
        for (const std::string& step : plan(sql)) {
            EXPECT_EQ(step.find("SCAN"), std::string::npos) << sql << ": " << step;
            found = found || step.find(index) != std::string::npos;
        }
        EXPECT_TRUE(found) << sql;
    }

    Database database{":memory:", Database::Mode::read_write};
    std::int64_t number = 0;

  private:
    std::optional<JobWriter> writer_;
    std::optional<JobReader> reader_;
};

TEST_F(JobTable, NoStatementScansIt) {
    const std::string by_id = "INDEX sqlite_autoindex_jobs_1 (id=?)";
    expect_search(job_sql::find, by_id);
    expect_search(job_sql::finish, by_id);
    expect_search(job_sql::former, "INDEX jobs_pending (number>? AND number<?)");
    expect_search(job_sql::fail_former, "INDEX jobs_pending (number<?)");
    expect_search(job_sql::remove_ended, "INDEX jobs_ended (ended<?)");
    expect_search(job_sql::last_number, "SEARCH jobs");  // the end of the table's own order
    EXPECT_TRUE(plan(job_sql::insert).empty());
}

TEST_F(JobTable, IsCountedWithoutTheJobsThemselves) {
    EXPECT_NE(plan(job_sql::count_pending).front().find("COVERING INDEX jobs_pending"), std::string::npos);
    EXPECT_NE(plan(job_sql::count_ended).front().find("COVERING INDEX jobs_ended"), std::string::npos);
}

TEST_F(JobTable, AnEndedJobKeepsItsResultAndNotItsRequest) {
    insert("a");
    EXPECT_TRUE(writer().finish("a", JobStatus::completed, "result", 2));
    Statement statement{database, "look", "SELECT request, result, created, ended FROM jobs"};
    Statement::Rows rows = statement.rows();
    ASSERT_TRUE(rows.next());
    EXPECT_EQ(rows.bytes(0), "");
    EXPECT_EQ(rows.bytes(1), "result");
    EXPECT_EQ(rows.integer(2), 1);
    EXPECT_EQ(rows.integer(3), 2);
}

TEST_F(JobTable, AJobEndsOnce) {
    insert("a");
    EXPECT_FALSE(writer().finish("b", JobStatus::failed, "", 2));
    EXPECT_TRUE(writer().finish("a", JobStatus::failed, "first", 2));
    EXPECT_FALSE(writer().finish("a", JobStatus::completed, "second", 3));
    EXPECT_EQ(reader().find("a", always)->result, "first");
}

TEST_F(JobTable, FindsWhatHasNotEndedTooLongAgo) {
    insert("a");
    EXPECT_TRUE(reader().find("a", std::numeric_limits<std::int64_t>::max()));  // pending
    writer().finish("a", JobStatus::completed, "", 5);
    EXPECT_TRUE(reader().find("a", 4));
    EXPECT_FALSE(reader().find("a", 5));
}

TEST_F(JobTable, PagesOfFormerJobsEndWhereTheyAreLarge) {
    for (int i = 0; i < 5; ++i) {
        insert(std::to_string(i), std::string(10'000'000, 'x'));
    }
    const FormerJobs page = reader().former(0, number, 5);
    ASSERT_EQ(page.jobs.size(), 2U);  // past 16 MiB with the second
    EXPECT_EQ(page.last, 2);
    EXPECT_EQ(reader().former(page.last, number, 5).jobs.front().id, "2");
}

TEST_F(JobTable, FormerJobsAreThoseUpToTheLastOfTheFormerRun) {
    for (const char* const id : {"a", "b", "c", "d"}) {
        insert(id);
    }
    writer().finish("b", JobStatus::completed, "", 2);
    const FormerJobs page = reader().former(0, 3, 10);
    ASSERT_EQ(page.jobs.size(), 2U);
    EXPECT_EQ(page.jobs[0].id, "a");
    EXPECT_EQ(page.jobs[1].id, "c");
    EXPECT_EQ(page.jobs[1].session, "session");
    EXPECT_EQ(page.jobs[1].request, "request");
    EXPECT_TRUE(reader().former(page.last, 3, 10).jobs.empty());
    EXPECT_EQ(writer().fail_former(3, "why", 9), 2U);
    EXPECT_EQ(reader().find("c", always)->result, "why");
    EXPECT_EQ(reader().find("d", always)->status, JobStatus::pending);
}

TEST_F(JobTable, AJobIsResumedSoOften) {
    for (const char* const id : {"a", "b", "new"}) {
        insert(id);
    }
    for (int resume = 0; resume < 2; ++resume) {
        const gateway::JobCounts former = writer().resume_former(2, 2, "too often", 5);
        EXPECT_EQ(former.pending, 2U);
        EXPECT_EQ(former.failed, 0U);
    }
    EXPECT_EQ(reader().former(0, 2, 10).jobs.front().request, "request");
    writer().forget_resumes();
    EXPECT_EQ(writer().resume_former(1, 2, "too often", 5).pending, 1U);
    EXPECT_EQ(writer().resume_former(2, 2, "too often", 5).pending, 2U);
    const gateway::JobCounts former = writer().resume_former(2, 2, "too often", 6);
    EXPECT_EQ(former.failed, 1U);
    EXPECT_EQ(former.pending, 1U);
    EXPECT_EQ(reader().find("a", always)->status, JobStatus::failed);
    EXPECT_EQ(reader().find("a", always)->result, "too often");
    EXPECT_FALSE(reader().find("a", 6)) << "it ended at 6";
    EXPECT_EQ(reader().find("b", always)->status, JobStatus::pending);
    EXPECT_EQ(writer().resume_former(3, 2, "too often", 7).pending, 1U) << "the new one, whose first resume this is";
    EXPECT_EQ(reader().counts().failed, 2U);
}

TEST_F(JobTable, TheOldestEndedJobsGoFirst) {
    for (const char* const id : {"a", "b", "c", "d"}) {
        insert(id);
    }
    writer().finish("c", JobStatus::failed, "", 10);
    writer().finish("a", JobStatus::completed, "", 20);
    writer().finish("b", JobStatus::completed, "", 30);
    const JobCounts first = writer().remove_ended(25, 1);
    EXPECT_EQ(first.failed, 1U);
    EXPECT_EQ(first.completed, 0U);
    EXPECT_FALSE(reader().find("c", always));
    EXPECT_EQ(writer().remove_ended(25, 1'000).completed, 1U);
    const JobCounts left = reader().counts();
    EXPECT_EQ(left.pending, 1U);
    EXPECT_EQ(left.completed, 1U);
    EXPECT_EQ(left.failed, 0U);
}

/// What comes of a job of that id with a key, when jobs count as gone that had ended by the time ended_after.
gateway::Inserted insert_with_key(JobWriter& writer, std::int64_t number, const std::string& id, const std::string& key,
                                  const std::string& fingerprint, std::int64_t ended_after = 0) {
    PendingJob job;
    job.id = id;
    job.dialect = gateway::Dialect::chat;
    job.key = gateway::IdempotencyKey{key, fingerprint};
    return writer.insert(number, job, 1, ended_after, 3);
}

using Outcome = gateway::Inserted::Outcome;

TEST_F(JobTable, AKeyIsThatOfOneJob) {
    const gateway::Inserted first = insert_with_key(writer(), 1, "a", "k", "f");
    EXPECT_EQ(first.outcome, Outcome::stored);
    EXPECT_EQ(first.id, "a");
    const gateway::Inserted again = insert_with_key(writer(), 2, "b", "k", "f");
    EXPECT_EQ(again.outcome, Outcome::known);
    EXPECT_EQ(again.id, "a");
    const gateway::Inserted another = insert_with_key(writer(), 3, "c", "k", "g");
    EXPECT_EQ(another.outcome, Outcome::another);
    EXPECT_EQ(another.id, "a");
    EXPECT_EQ(reader().former(0, 10, 10).jobs.size(), 1U);
    EXPECT_EQ(reader().former(0, 10, 10).jobs[0].dialect, gateway::Dialect::chat);
    EXPECT_EQ(insert_with_key(writer(), 4, "d", "other", "f").outcome, Outcome::stored);
}

TEST_F(JobTable, AKeyIsKnownAsLongAsItsJob) {
    insert_with_key(writer(), 1, "a", "k", "f");
    EXPECT_TRUE(writer().finish("a", JobStatus::completed, "", 10));
    EXPECT_EQ(insert_with_key(writer(), 2, "b", "k", "f", 9).id, "a") << "it has ended";
    EXPECT_EQ(insert_with_key(writer(), 3, "c", "k", "g", 10).id, "c") << "its time is over";
    EXPECT_TRUE(writer().finish("c", JobStatus::failed, "", 20));
    writer().remove_ended(20, 10);
    EXPECT_EQ(insert_with_key(writer(), 4, "d", "k", "f").id, "d") << "it was removed";
}

TEST_F(JobTable, TheOldestKeysAreForgotten) {
    for (int i = 1; i <= 4; ++i) {
        insert_with_key(writer(), i, std::to_string(i), "k" + std::to_string(i), "f");
    }
    EXPECT_EQ(insert_with_key(writer(), 5, "5", "k2", "f").id, "2");
    EXPECT_EQ(insert_with_key(writer(), 6, "6", "k1", "f").id, "6");
    EXPECT_EQ(insert_with_key(writer(), 7, "7", "k2", "f").id, "7");
}

TEST(JobSchema, IsMadeOnceAndKnownAgain) {
    Database database{":memory:", Database::Mode::read_write};
    prepare_schema(database);
    EXPECT_NO_THROW(prepare_schema(database));
}

void expect_refusal(Database& database, const std::string& why) {
    try {
        prepare_schema(database);
        FAIL();
    } catch (const StoreError& error) {
        EXPECT_EQ(error.kind(), StoreError::Kind::unusable);
        EXPECT_NE(std::string{error.what()}.find(why), std::string::npos) << error.what();
    }
}

TEST(JobSchema, OfVersion1IsBroughtUpToDate) {
    Database database{":memory:", Database::Mode::read_write};
    // As version 1 was.
    database.execute(R"(
        CREATE TABLE jobs(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, status INTEGER NOT NULL,
            created INTEGER NOT NULL, ended INTEGER, resumes INTEGER NOT NULL DEFAULT 0, session BLOB NOT NULL,
            request BLOB NOT NULL, result BLOB NOT NULL, CHECK((status = 0) = (ended IS NULL))) STRICT;
        CREATE INDEX jobs_pending ON jobs(number, status) WHERE status = 0;
        CREATE INDEX jobs_ended ON jobs(ended, status) WHERE ended IS NOT NULL;
        INSERT INTO jobs(number, id, status, created, session, request, result) VALUES(7, 'a', 0, 1, x'', x'31', x'');
        PRAGMA application_id = 0x47574a42;
        PRAGMA user_version = 1;)");
    prepare_schema(database);
    EXPECT_NO_THROW(prepare_schema(database));
    JobReader reader{database};
    const FormerJobs former = reader.former(0, 7, 10);
    ASSERT_EQ(former.jobs.size(), 1U);
    EXPECT_EQ(former.jobs[0].id, "a");
    EXPECT_EQ(former.jobs[0].request, "1");
    EXPECT_EQ(former.jobs[0].dialect, gateway::Dialect::gemini);
    PendingJob job;
    job.id = "b";
    job.key = gateway::IdempotencyKey{"k", "f"};
    EXPECT_EQ(JobWriter{database}.insert(8, job, 1, 0, 10).outcome, gateway::Inserted::Outcome::stored);
}

TEST(JobSchema, OfANewerProgramIsRefused) {
    Database database{":memory:", Database::Mode::read_write};
    prepare_schema(database);
    database.execute("PRAGMA user_version = 7");
    expect_refusal(database, "version 7, and this program knows version 2");
}

TEST(JobSchema, OfAnotherProgramIsRefused) {
    Database database{":memory:", Database::Mode::read_write};
    database.execute("CREATE TABLE jobs(mine)");
    expect_refusal(database, "another program");
}

TEST(JobSchema, WithAnotherProgramsMarkIsRefused) {
    Database database{":memory:", Database::Mode::read_write};
    database.execute("PRAGMA application_id = 1");
    expect_refusal(database, "another program");
}

}  // namespace job_table_test
