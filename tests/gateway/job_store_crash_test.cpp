// SPDX-License-Identifier: Apache-2.0
// What is kept whatever happens: SIGKILL, a disk that fails, a loss of power.
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <random>
#include <set>
#include <sqlite3.h>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gtest/gtest.h>

#include <gateway/jobs/database.hpp>
#include <gateway/jobs/job_store.hpp>
#include <gateway/jobs/uuid.hpp>

#include "support/child_process.hpp"
#include "support/faulty_vfs.hpp"
#include "support/store_operations.hpp"
#include "support/temporary_directory.hpp"

namespace job_store_crash_test {

using namespace gateway;
using namespace test;
using Call = FaultyVfs::Call;
using Until = FaultyVfs::Until;

std::unique_ptr<JobStore> open(const std::string& path) {
    JobStoreOptions options;
    options.path = path;
    return std::make_unique<JobStore>(options);
}

std::string integrity(const std::string& path) {
    Database database{path, Database::Mode::read_write};
    Statement statement{database, "check the database", "PRAGMA integrity_check"};
    Statement::Rows rows = statement.rows();
    return rows.next() ? rows.bytes(0) : "no answer";
}

std::string result_of(const std::string& id) { return "{\"of\": \"" + id + "\"}"; }

/// Inserts jobs, and ends every second one, for ever; tells of each step that was acknowledged.
net::awaitable<void> work_for_ever(JobStore& store, const ChildProcess::Tell& tell) {
    for (bool ends = false;; ends = !ends) {
        PendingJob job = make_job(make_uuid(), 3'000);
        const std::string id = job.id;
        co_await store.insert(std::move(job));
        tell("+" + id);
        if (ends) {
            std::string result = result_of(id);
            co_await store.finish(id, JobStatus::completed, std::move(result));
            tell("-" + id);
        }
    }
}

TEST(JobStoreKilled, KeepsAllThatItAcknowledged) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("jobs.db");
    const std::uint32_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    std::set<std::string> inserted;
    std::set<std::string> ended;
    for (int round = 0; round < 12; ++round) {
        ChildProcess child{[&](const ChildProcess::Tell& tell) {
            JobStoreOptions options;
            options.path = path;
            JobStore store{options};
            net::thread_pool threads{2};
            for (int i = 0; i < 16; ++i) {
                net::co_spawn(threads, work_for_ever(store, tell), net::detached);
            }
            threads.join();
        }};
        auto steps = std::uniform_int_distribution<>{0, 400}(random);
        while (const std::optional<std::string> line = child.next_line()) {
            ASSERT_TRUE(line->front() == '+' || line->front() == '-') << *line;
            (line->front() == '+' ? inserted : ended).insert(line->substr(1));
            if (steps-- == 0) {
                child.kill();  // and read what it still told
            }
        }
        const auto store = open(path);  // the dead one's lock is gone
        for (const std::string& id : inserted) {
            const std::optional<JobState> state = find(*store, id);
            ASSERT_TRUE(state) << id;
            if (ended.contains(id)) {
                ASSERT_EQ(state->status, JobStatus::completed);
                ASSERT_EQ(state->result, result_of(id));
            }
        }
        const JobCounts counts = store->counters().jobs;
        EXPECT_GE(counts.completed, ended.size());
        EXPECT_GE(counts.pending + counts.completed, inserted.size());
    }
    EXPECT_GT(ended.size(), 0U);
    EXPECT_EQ(integrity(path), "ok");
}

TEST(JobStorePowerLoss, KeepsAllThatItAcknowledged) {
    const TemporaryDirectory directory;
    FaultyVfs disk;
    const auto store = open(directory.file("jobs.db"));
    std::vector<std::string> inserted;
    std::set<std::string> ended;
    const auto check = [&] {
        const TemporaryDirectory after;
        disk.save_synced(directory.path(), after.path());
        const auto survivor = open(after.file("jobs.db"));
        for (const std::string& id : inserted) {
            const std::optional<JobState> state = find(*survivor, id);
            ASSERT_TRUE(state) << id;
            ASSERT_EQ(state->status, ended.contains(id) ? JobStatus::completed : JobStatus::pending);
        }
    };
    // Large enough that the WAL is moved into the database on the way, more than once.
    for (int i = 0; i < 30; ++i) {
        inserted.push_back("job " + std::to_string(i));
        insert(*store, inserted.back(), 300'000);
        ASSERT_NO_FATAL_FAILURE(check());
        if (i % 2 == 0) {
            complete(*store, inserted.back());
            ended.insert(inserted.back());
            ASSERT_NO_FATAL_FAILURE(check());
        }
    }
}

struct Fault {
    const char* name;
    Call call;
    Until until;
    int code;

    friend void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }
};

class JobStoreFault : public testing::TestWithParam<Fault> {
  protected:
    /// What was acknowledged, and what was reported as failed.
    struct Known {
        std::set<std::string> pending, completed, not_inserted;
    };

    void try_insert(JobStore& store, const std::string& id, std::size_t size) {
        try {
            insert(store, id, size);
            known.pending.insert(id);
        } catch (const StoreError& error) {
            EXPECT_EQ(error.kind(), StoreError::Kind::failed);
            known.not_inserted.insert(id);
        }
    }

    void try_complete(JobStore& store, const std::string& id) {
        try {
            const bool done = complete(store, id, result_of(id));
            EXPECT_EQ(done, known.pending.contains(id)) << id;
            if (done) {
                known.pending.erase(id);
                known.completed.insert(id);
            }
        } catch (const StoreError& error) {
            EXPECT_EQ(error.kind(), StoreError::Kind::failed);
        }
    }

    void check(JobStore& store) {
        for (const std::string& id : known.pending) {
            const std::optional<JobState> state = find(store, id);
            ASSERT_TRUE(state) << id;
            EXPECT_EQ(state->status, JobStatus::pending) << id;
        }
        for (const std::string& id : known.completed) {
            const std::optional<JobState> state = find(store, id);
            ASSERT_TRUE(state) << id;
            EXPECT_EQ(state->result, result_of(id));
        }
        for (const std::string& id : known.not_inserted) {
            EXPECT_FALSE(find(store, id)) << id;
        }
        const JobCounts counts = store.counters().jobs;
        EXPECT_EQ(counts.pending, known.pending.size());
        EXPECT_EQ(counts.completed, known.completed.size());
    }

    /// A store lives through a fault at the nth call; whether there were that many.
    bool survives(int nth, std::size_t request_size) {
        SCOPED_TRACE("call " + std::to_string(nth));
        const TemporaryDirectory directory;
        const std::string path = directory.file("jobs.db");
        FaultyVfs disk;
        known = {};
        auto store = open(path);
        try_insert(*store, "before", request_size);
        disk.break_at(GetParam().call, nth, GetParam().until, GetParam().code);
        for (int i = 0; i < 6; ++i) {
            const std::string id = "job " + std::to_string(i);
            try_insert(*store, id, request_size);
            try_complete(*store, id);
        }
        const bool broke = disk.broke();
        disk.repair();
        try_insert(*store, "after", request_size);
        EXPECT_TRUE(known.pending.contains("after"));
        check(*store);
        store.reset();
        check(*open(path));
        EXPECT_EQ(integrity(path), "ok");
        return broke;
    }

    Known known;
};

TEST_P(JobStoreFault, LosesNothingAndGoesOn) {
    int nth = 1;
    while (survives(nth, 100) && !HasFailure()) {
        ++nth;
    }
    EXPECT_GE(nth, 12);  // each change is written and synced
}

TEST_P(JobStoreFault, LosesNothingWhileTheWalIsMoved) {
    const int step = GetParam().call == Call::write ? 307 : 1;
    int nth = 1;
    while (survives(nth, 1'000'000) && !HasFailure()) {
        nth += step;
    }
    EXPECT_GT(nth, step);
}

TEST_P(JobStoreFault, LosesNothingAtTheEnd) {
    for (int nth = 1, broke = 1; broke != 0 && !HasFailure(); ++nth) {
        const TemporaryDirectory directory;
        const std::string path = directory.file("jobs.db");
        FaultyVfs disk;
        known = {};
        auto store = open(path);
        for (int i = 0; i < 4; ++i) {
            try_insert(*store, "job " + std::to_string(i), 5'000);
        }
        disk.break_at(GetParam().call, nth, GetParam().until, GetParam().code);
        store.reset();
        broke = disk.broke() ? 1 : 0;
        disk.repair();
        ASSERT_TRUE(broke != 0 || nth > 1);
        check(*open(path));
        EXPECT_EQ(integrity(path), "ok");
    }
}

TEST_P(JobStoreFault, AtTheBeginningIsReported) {
    const TemporaryDirectory directory;
    FaultyVfs disk;
    int refused = 0;
    for (int nth = 1, broke = 1; broke != 0 && !HasFailure(); ++nth) {
        const std::string path = directory.file("jobs" + std::to_string(nth) + ".db");
        disk.break_at(GetParam().call, nth, GetParam().until, GetParam().code);
        try {
            open(path);
        } catch (const StoreError& error) {
            EXPECT_EQ(error.kind(), StoreError::Kind::unusable);
            EXPECT_NE(std::string{error.what()}.find(path), std::string::npos);
            ++refused;
        }
        broke = disk.broke() ? 1 : 0;
        disk.repair();
        insert(*open(path), "job");  // another attempt finds nothing in its way
        EXPECT_EQ(integrity(path), "ok");
    }
    EXPECT_GT(refused, 0);
}

INSTANTIATE_TEST_SUITE_P(All, JobStoreFault,
                         testing::Values(Fault{"WriteFailsOnce", Call::write, Until::once, SQLITE_IOERR_WRITE},
                                         Fault{"WritesFail", Call::write, Until::repaired, SQLITE_IOERR_WRITE},
                                         Fault{"DiskFullOnce", Call::write, Until::once, SQLITE_FULL},
                                         Fault{"DiskFull", Call::write, Until::repaired, SQLITE_FULL},
                                         Fault{"SyncFailsOnce", Call::sync, Until::once, SQLITE_IOERR_FSYNC},
                                         Fault{"SyncsFail", Call::sync, Until::repaired, SQLITE_IOERR_FSYNC}),
                         [](const auto& parameter) { return std::string{parameter.param.name}; });

}  // namespace job_store_crash_test
