// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <sqlite3.h>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/jobs/database.hpp>
#include <gateway/jobs/job_store.hpp>

#include "support/child_process.hpp"
#include "support/faulty_vfs.hpp"
#include "support/store_operations.hpp"
#include "support/temporary_directory.hpp"

namespace job_store_test {

using namespace gateway;
using namespace test;

/// Stops the writing thread at its next insert, until it is opened.
class Gate {
  public:
    void open() { opened_.set_value(); }
    void pass() const { passed_.wait(); }

  private:
    std::promise<void> opened_;
    std::shared_future<void> passed_ = opened_.get_future().share();
};

/// In a file, or in memory.
class JobStoreTest : public testing::TestWithParam<bool> {
  protected:
    JobStoreTest() {
        options.path = GetParam() ? directory.file("jobs.db") : ":memory:";
        options.ttl = std::chrono::milliseconds{1'000};
        options.now_ms = [this] { return now.load(); };
    }

    JobStore& store() {
        if (!store_) {
            store_ = std::make_unique<JobStore>(options);
        }
        return *store_;
    }
    void close() { store_.reset(); }

    TemporaryDirectory directory;
    JobStoreOptions options;
    std::atomic<std::int64_t> now{1'000'000};

  private:
    std::unique_ptr<JobStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Kept, JobStoreTest, testing::Values(true, false),
                         [](const auto& parameter) { return parameter.param ? "InAFile" : "InMemory"; });

TEST_P(JobStoreTest, KnowsWhatBecameOfAJob) {
    EXPECT_FALSE(find(store(), "a"));
    insert(store(), "a");
    EXPECT_EQ(find(store(), "a")->status, JobStatus::pending);
    EXPECT_EQ(find(store(), "a")->result, "");
    EXPECT_TRUE(complete(store(), "a", "{\"text\": \"\xc3\xa4\"}"));
    EXPECT_EQ(find(store(), "a")->status, JobStatus::completed);
    EXPECT_EQ(find(store(), "a")->result, "{\"text\": \"\xc3\xa4\"}");
    insert(store(), "b");
    EXPECT_TRUE(fail(store(), "b", "why"));
    EXPECT_EQ(find(store(), "b")->status, JobStatus::failed);
    EXPECT_EQ(find(store(), "b")->result, "why");
}

TEST_P(JobStoreTest, AJobEndsOnce) {
    insert(store(), "a");
    EXPECT_FALSE(complete(store(), "unknown"));
    EXPECT_TRUE(complete(store(), "a"));
    EXPECT_FALSE(fail(store(), "a", "late"));
    EXPECT_EQ(find(store(), "a")->status, JobStatus::completed);
}

TEST_P(JobStoreTest, AnIdThatExistsIsRefusedAndTheJobIsAsItWas) {
    insert(store(), "a");
    complete(store(), "a", "result");
    try {
        insert(store(), "a");
        FAIL();
    } catch (const StoreError& error) {
        EXPECT_EQ(error.kind(), StoreError::Kind::failed);
        EXPECT_NE(std::string{error.what()}.find("could not insert a job"), std::string::npos) << error.what();
    }
    EXPECT_EQ(find(store(), "a")->result, "result");
    EXPECT_EQ(store().counters().jobs.pending, 0U);
}

TEST_P(JobStoreTest, AnEndedJobIsForgottenAfterItsTime) {
    insert(store(), "pending");
    insert(store(), "done");
    complete(store(), "done");
    insert(store(), "failed");
    fail(store(), "failed", "why");
    now += 999;
    EXPECT_TRUE(find(store(), "done"));
    EXPECT_EQ(run_awaitable(store().remove_expired(10)), 0U);
    now += 1;
    EXPECT_FALSE(find(store(), "done"));  // though it is still there
    EXPECT_EQ(store().counters().jobs.completed, 1U);
    EXPECT_EQ(run_awaitable(store().remove_expired(1)), 1U);
    EXPECT_EQ(run_awaitable(store().remove_expired(10)), 1U);
    EXPECT_EQ(run_awaitable(store().remove_expired(10)), 0U);
    now += 1'000'000;
    EXPECT_TRUE(find(store(), "pending"));  // however long it takes
    EXPECT_EQ(store().counters().jobs.pending, 1U);
    EXPECT_EQ(store().counters().jobs.completed, 0U);
    EXPECT_EQ(store().counters().jobs.failed, 0U);
}

gateway::Inserted insert_with_key(JobStore& store, std::string id, std::string key, std::string fingerprint = "f") {
    PendingJob job = make_job(std::move(id));
    job.key = IdempotencyKey{std::move(key), std::move(fingerprint)};
    return run_awaitable(store.insert(std::move(job)));
}

TEST_P(JobStoreTest, AKeyStandsForItsJobAsLongAsThatIsKept) {
    using Outcome = gateway::Inserted::Outcome;
    const std::string key{"a key of any bytes: \0\xff", 22};
    EXPECT_EQ(insert_with_key(store(), "a", key).outcome, Outcome::stored);
    const gateway::Inserted again = insert_with_key(store(), "b", key);
    EXPECT_EQ(again.outcome, Outcome::known);
    EXPECT_EQ(again.id, "a");
    EXPECT_FALSE(find(store(), "b"));
    const gateway::Inserted another = insert_with_key(store(), "c", key, "of another request");
    EXPECT_EQ(another.outcome, Outcome::another);
    EXPECT_EQ(another.id, "a");
    EXPECT_EQ(insert_with_key(store(), "d", "another key").outcome, Outcome::stored);
    EXPECT_EQ(store().counters().jobs.pending, 2U);

    complete(store(), "a");
    now += 999;
    EXPECT_EQ(insert_with_key(store(), "e", key).id, "a");
    now += 1;
    EXPECT_EQ(insert_with_key(store(), "f", key, "of another request").outcome, Outcome::stored);
    EXPECT_EQ(insert_with_key(store(), "g", key, "of another request").id, "f");
    EXPECT_EQ(run_awaitable(store().remove_expired(10)), 1U);
    EXPECT_EQ(insert_with_key(store(), "h", key, "of another request").id, "f");
}

TEST_P(JobStoreTest, TheOldestKeyIsForgottenForOneTooMany) {
    options.max_keys = 2;
    for (const char* const id : {"a", "b", "c"}) {
        insert_with_key(store(), id, std::string{"key of "} + id);
    }
    EXPECT_EQ(insert_with_key(store(), "d", "key of c").id, "c");
    EXPECT_EQ(insert_with_key(store(), "e", "key of b").id, "b");
    EXPECT_EQ(insert_with_key(store(), "f", "key of a").id, "f");
    EXPECT_EQ(insert_with_key(store(), "g", "key of b").id, "g") << "it is the oldest since";
    EXPECT_EQ(store().counters().jobs.pending, 5U) << "no job is";
}

TEST_P(JobStoreTest, JobsAreRemovedInTheOrderInWhichTheyEnded) {
    constexpr int jobs = 1'000;  // more than a table holds that does not grow
    for (int i = 0; i < jobs; ++i) {
        insert(store(), std::to_string(i));
    }
    for (int i = jobs - 1; i >= 0; --i, ++now) {
        complete(store(), std::to_string(i), "result of " + std::to_string(i));
    }
    // The first to end, which was the last to come, did so as long ago as ended jobs are kept.
    for (int i = jobs - 1; i > jobs - 10; --i, ++now) {
        EXPECT_EQ(run_awaitable(store().remove_expired(10)), 1U);
        EXPECT_FALSE(find(store(), std::to_string(i)));
        EXPECT_EQ(find(store(), std::to_string(i - 1))->result, "result of " + std::to_string(i - 1));
    }
    now += jobs;
    EXPECT_EQ(run_awaitable(store().remove_expired(jobs)), static_cast<std::size_t>(jobs - 9));
    EXPECT_EQ(store().counters().jobs.completed, 0U);
}

TEST_P(JobStoreTest, ThereAreNoFormerJobsAmongThoseOfThisRun) {
    insert(store(), "a");
    EXPECT_TRUE(run_awaitable(store().former(0, 10)).jobs.empty());
    EXPECT_EQ(run_awaitable(store().fail_pending("restart")), 0U);
    EXPECT_EQ(find(store(), "a")->status, JobStatus::pending);
}

net::awaitable<void> whole_life(JobStore& store, int client, int jobs, std::atomic<int>& wrong) {
    for (int i = 0; i < jobs; ++i) {
        PendingJob job = make_job(std::to_string(client) + "/" + std::to_string(i));
        const std::string id = job.id;
        co_await store.insert(std::move(job));
        const std::optional<JobState> before = co_await store.find(id);
        const bool fails = i % 4 == 0;
        std::string result = "result of " + id;
        const bool changed =
            co_await store.finish(id, fails ? JobStatus::failed : JobStatus::completed, std::move(result));
        const std::optional<JobState> after = co_await store.find(id);
        const bool right = before && before->status == JobStatus::pending && changed && after &&
                           after->status == (fails ? JobStatus::failed : JobStatus::completed) &&
                           after->result == "result of " + id;
        wrong += right ? 0 : 1;
    }
}

TEST_P(JobStoreTest, ManyAtATimeSeeWhatTheyWrote) {
    constexpr int clients = 100;
    constexpr int jobs = 40;
    std::atomic<int> wrong{0};
    net::thread_pool threads{4};
    std::vector<std::future<void>> ends;
    for (int i = 0; i < clients; ++i) {
        ends.push_back(net::co_spawn(threads, whole_life(store(), i, jobs, wrong), net::use_future));
    }
    for (auto& end : ends) {
        end.get();
    }
    EXPECT_EQ(wrong, 0);
    const JobStoreCounters counters = store().counters();
    EXPECT_EQ(counters.jobs.pending, 0U);
    EXPECT_EQ(counters.jobs.completed, 3'000U);
    EXPECT_EQ(counters.jobs.failed, 1'000U);
    EXPECT_EQ(counters.queued, 0U);
    close();
}

net::awaitable<int> steps_off_executor(JobStore& store, net::strand<net::thread_pool::executor_type> strand) {
    int off = 0;
    PendingJob job = make_job("a");
    co_await store.insert(std::move(job));
    off += strand.running_in_this_thread() ? 0 : 1;
    std::string id = "a";
    co_await store.find(std::move(id));
    off += strand.running_in_this_thread() ? 0 : 1;
    PendingJob again = make_job("a");
    try {
        co_await store.insert(std::move(again));
    } catch (const StoreError&) {
        off += strand.running_in_this_thread() ? 0 : 1;
        co_return off;
    }
    co_return -1;
}

TEST_P(JobStoreTest, CompletesOnTheExecutorOfWhoAwaits) {
    net::thread_pool threads{2};
    const auto strand = net::make_strand(threads);
    EXPECT_EQ(net::co_spawn(strand, steps_off_executor(store(), strand), net::use_future).get(), 0);
    close();
}

TEST_P(JobStoreTest, OutlivesAJoinedThreadPool) {
    for (int i = 0; i < 200; ++i) {
        net::thread_pool threads{1};
        auto end =
            net::co_spawn(net::make_strand(threads), store().insert(make_job(std::to_string(i))), net::use_future);
        threads.join();
        EXPECT_NO_THROW(end.get());
    }
}

TEST_P(JobStoreTest, AValueThatCannotBeUsedIsNamed) {
    const auto refused = [&](const JobStoreOptions& wrong) -> std::string {
        try {
            const JobStore opened{wrong};
        } catch (const std::invalid_argument& error) {
            return error.what();
        }
        return {};
    };
    JobStoreOptions wrong = options;
    wrong.ttl = std::chrono::milliseconds{0};
    EXPECT_EQ(refused(wrong), "JobStoreOptions::ttl must be positive, and is 0 ms");
    wrong = options;
    wrong.max_queued = 0;
    EXPECT_EQ(refused(wrong), "JobStoreOptions::max_queued must be positive");
    wrong = options;
    wrong.path.clear();
    EXPECT_NE(refused(wrong).find("JobStoreOptions::path"), std::string::npos);
}

/// What waits for the disk.
class JobStoreQueue : public JobStoreTest {};

INSTANTIATE_TEST_SUITE_P(Kept, JobStoreQueue, testing::Values(true),
                         [](const auto& /*parameter*/) { return "InAFile"; });

TEST_P(JobStoreQueue, AnOperationFailsAloneInItsBatch) {
    Gate gate;
    options.now_ms = [&] {
        gate.pass();
        return now.load();
    };
    net::thread_pool threads{2};
    std::vector<std::future<gateway::Inserted>> ends;
    for (int i = 0; i < 20; ++i) {  // every fifth id is there already
        ends.push_back(
            net::co_spawn(threads, store().insert(make_job(std::to_string(i % 5 == 4 ? 0 : i))), net::use_future));
        while (store().counters().queued <= static_cast<std::size_t>(i)) {
            std::this_thread::yield();  // they are asked for in this order
        }
    }
    gate.open();
    for (int i = 0; i < 20; ++i) {
        if (i % 5 == 4) {
            EXPECT_THROW(ends[static_cast<std::size_t>(i)].get(), StoreError);
        } else {
            EXPECT_NO_THROW(ends[static_cast<std::size_t>(i)].get());
        }
    }
    EXPECT_EQ(store().counters().jobs.pending, 16U);
    EXPECT_TRUE(find(store(), "18"));
    close();
}

TEST_P(JobStoreQueue, MoreThanMayWaitIsRefused) {
    Gate gate;
    options.max_queued = 3;
    options.now_ms = [&] {
        gate.pass();
        return now.load();
    };
    net::thread_pool threads{2};
    std::vector<std::future<gateway::Inserted>> ends;
    for (int i = 0; i < 3; ++i) {
        ends.push_back(net::co_spawn(threads, store().insert(make_job(std::to_string(i))), net::use_future));
    }
    while (store().counters().queued < 3) {
        std::this_thread::yield();
    }
    try {
        insert(store(), "one too many");
        FAIL();
    } catch (const StoreError& error) {
        EXPECT_EQ(error.kind(), StoreError::Kind::overloaded);
    }
    gate.open();
    for (auto& end : ends) {
        EXPECT_NO_THROW(end.get());
    }
    insert(store(), "later there is room");
    EXPECT_FALSE(find(store(), "one too many"));
    close();
}

TEST_P(JobStoreQueue, WhatWasHandedOverIsCarriedOutWhenCancelled) {
    Gate gate;
    options.now_ms = [&] {
        gate.pass();
        return now.load();
    };
    net::thread_pool threads{1};
    net::cancellation_signal signal;
    std::future<gateway::Inserted> end = net::co_spawn(threads, store().insert(make_job("a")),
                                                       net::bind_cancellation_slot(signal.slot(), net::use_future));
    while (store().counters().queued < 1) {
        std::this_thread::yield();
    }
    net::post(threads, [&] { signal.emit(net::cancellation_type::terminal); });
    gate.open();
    EXPECT_NO_THROW(end.get());
    EXPECT_TRUE(find(store(), "a"));
    threads.join();
    close();
}

TEST_P(JobStoreQueue, IsDestroyedWhenAllThatWasAskedForIsDone) {
    Gate gate;
    options.now_ms = [&] {
        gate.pass();
        return now.load();
    };
    net::thread_pool threads{2};
    std::vector<std::future<gateway::Inserted>> ends;
    for (int i = 0; i < 100; ++i) {
        ends.push_back(net::co_spawn(threads, store().insert(make_job(std::to_string(i))), net::use_future));
    }
    while (store().counters().queued < 100) {
        std::this_thread::yield();
    }
    gate.open();
    close();
    for (auto& end : ends) {
        EXPECT_NO_THROW(end.get());
    }
    EXPECT_EQ(store().counters().jobs.pending, 100U);
}

class JobStoreFile : public testing::Test {
  protected:
    static std::unique_ptr<JobStore> open(const std::string& path) {
        JobStoreOptions options;
        options.path = path;
        return std::make_unique<JobStore>(options);
    }

    /// Why it cannot be opened; empty if it can.
    static std::string refusal(const std::string& path) {
        try {
            open(path);
        } catch (const StoreError& error) {
            EXPECT_EQ(error.kind(), StoreError::Kind::unusable);
            EXPECT_NE(std::string{error.what()}.find("'" + path + "'"), std::string::npos) << error.what();
            return error.what();
        }
        return {};
    }

    TemporaryDirectory directory;
    const std::string path = directory.file("jobs.db");
};

TEST_F(JobStoreFile, KeepsJobsFromRunToRun) {
    {
        const auto store = open(path);
        for (int i = 0; i < 10; ++i) {
            insert(*store, std::to_string(i));
        }
        complete(*store, "3", "result");
        fail(*store, "4", "why");
    }
    const auto store = open(path);
    EXPECT_EQ(store->counters().jobs.pending, 8U);
    EXPECT_EQ(store->counters().jobs.completed, 1U);
    EXPECT_EQ(store->counters().jobs.failed, 1U);
    EXPECT_EQ(find(*store, "3")->result, "result");
    EXPECT_EQ(find(*store, "4")->result, "why");

    insert(*store, "new");
    std::vector<std::string> ids;
    std::int64_t after = 0;
    for (FormerJobs page = run_awaitable(store->former(after, 3)); !page.jobs.empty();
         page = run_awaitable(store->former(after, 3))) {
        EXPECT_LE(page.jobs.size(), 3U);
        after = page.last;
        for (const PendingJob& job : page.jobs) {
            ids.push_back(job.id);
            EXPECT_EQ(job.session, "session of " + job.id);
            EXPECT_EQ(job.request, "rrrrrrrrrr");
            complete(*store, job.id);  // as they are run
        }
    }
    EXPECT_EQ(ids, (std::vector<std::string>{"0", "1", "2", "5", "6", "7", "8", "9"}));
    EXPECT_EQ(find(*store, "new")->status, JobStatus::pending);
}

TEST_F(JobStoreFile, GivesUpTheJobsOfAFormerRun) {
    {
        const auto store = open(path);
        insert(*store, "a");
        insert(*store, "b");
        complete(*store, "b");
    }
    const auto store = open(path);
    insert(*store, "new");
    EXPECT_EQ(run_awaitable(store->fail_pending("restarted")), 1U);
    EXPECT_EQ(find(*store, "a")->status, JobStatus::failed);
    EXPECT_EQ(find(*store, "a")->result, "restarted");
    EXPECT_EQ(find(*store, "new")->status, JobStatus::pending);
    EXPECT_EQ(store->counters().jobs.pending, 1U);
    EXPECT_EQ(store->counters().jobs.failed, 1U);
}

TEST_F(JobStoreFile, GivesUpJobsThatWerePendingAtTooManyCrashes) {
    {
        const auto store = open(path);
        insert(*store, "a");
    }
    for (int crash = 0; crash < 2; ++crash) {
        const auto store = open(path);
        EXPECT_EQ(run_awaitable(store->resume_pending(2, "too often")), 0U);
    }
    {
        const auto store = open(path);
        run_awaitable(store->forget_resumes());  // an orderly end
    }
    for (int crash = 0; crash < 2; ++crash) {
        const auto store = open(path);
        EXPECT_EQ(run_awaitable(store->resume_pending(2, "too often")), 0U);
        EXPECT_EQ(store->counters().jobs.pending, 1U);
    }
    const auto store = open(path);
    insert(*store, "new");
    EXPECT_EQ(run_awaitable(store->resume_pending(2, "too often")), 1U);
    EXPECT_EQ(find(*store, "a")->result, "too often");
    EXPECT_EQ(find(*store, "new")->status, JobStatus::pending);
    EXPECT_EQ(store->counters().jobs.pending, 1U);
    EXPECT_EQ(store->counters().jobs.failed, 1U);
}

TEST_F(JobStoreFile, ANewJobIsNotFormerThoughTheLastOnesWereRemoved) {
    std::atomic<std::int64_t> now{0};
    JobStoreOptions options;
    options.path = path;
    options.ttl = std::chrono::milliseconds{10};
    options.now_ms = [&] { return now.load(); };
    {
        JobStore store{options};
        for (const char* const id : {"a", "b", "c"}) {
            insert(store, id);
        }
        complete(store, "c");
    }
    JobStore store{options};
    now = 1'000;
    EXPECT_EQ(run_awaitable(store.remove_expired(10)), 1U);  // the highest number is free again
    insert(store, "new");
    EXPECT_EQ(run_awaitable(store.former(0, 10)).jobs.size(), 2U);
    EXPECT_EQ(run_awaitable(store.former(2, 10)).jobs.size(), 0U);
}

TEST_F(JobStoreFile, IsWholeInOneFileWhenClosed) {
    insert(*open(path), "a");
    EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
    EXPECT_FALSE(std::filesystem::exists(path + "-shm"));
}

TEST_F(JobStoreFile, IsForItsOwnerAlone) {
    const mode_t former = umask(0);
    const auto store = open(path);
    insert(*store, "a");
    for (const char* const suffix : {"", "-wal", "-shm", ".lock"}) {
        struct stat status{};
        ASSERT_EQ(stat((path + suffix).c_str(), &status), 0) << suffix;
        EXPECT_EQ(status.st_mode & 0777U, 0600U) << suffix;
    }
    umask(former);
}

TEST_F(JobStoreFile, IsSyncedOnceForAllThatWaits) {
    FaultyVfs disk;
    Gate gate;
    JobStoreOptions options;
    options.path = path;
    options.now_ms = [&] {
        gate.pass();
        return std::int64_t{1};
    };
    net::thread_pool threads{2};
    auto store = std::make_unique<JobStore>(options);
    const std::uint64_t before = disk.syncs();
    std::vector<std::future<gateway::Inserted>> ends;
    for (int i = 0; i < 500; ++i) {
        ends.push_back(net::co_spawn(threads, store->insert(make_job(std::to_string(i))), net::use_future));
    }
    while (store->counters().queued < 500) {
        std::this_thread::yield();
    }
    gate.open();
    for (auto& end : ends) {
        end.get();
    }
    const std::uint64_t syncs = disk.syncs() - before;
    EXPECT_GE(syncs, 1U);
    EXPECT_LE(syncs, 4U);  // the WAL's head, the batch of the first, and that of all others
    store.reset();
}

TEST_F(JobStoreFile, HasOneStoreAtATime) {
    auto store = open(path);
    EXPECT_NE(refusal(path).find("process " + std::to_string(getpid()) + " has it open"), std::string::npos);
    const std::string link = directory.file("link.db");
    std::filesystem::create_symlink(path, link);
    EXPECT_NE(refusal(link), "");
    store.reset();
    EXPECT_EQ(refusal(link), "");
}

TEST_F(JobStoreFile, HasOneProcessAtATimeWhateverItsName) {
    open(path);
    const std::string other = directory.file("other.db");
    std::filesystem::create_hard_link(path, other);
    ChildProcess child{[&](const ChildProcess::Tell& tell) {
        const auto store = open(path);
        tell("open");
        pause();
    }};
    ASSERT_EQ(child.next_line(), "open");
    EXPECT_NE(refusal(other).find("another process has it open: stop that gateway"), std::string::npos);
    child.kill();
    EXPECT_EQ(refusal(other), "");
}

class JobStoreFileGone : public JobStoreFile, public testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(Whichever, JobStoreFileGone, testing::Values("", "-wal"),
                         [](const auto& parameter) { return *parameter.param == 0 ? "Database" : "Wal"; });

TEST_P(JobStoreFileGone, IsNoticed) {
    const std::string file = path + GetParam();
    const std::string away = directory.file("away");
    const auto store = open(path);
    insert(*store, "a");
    EXPECT_EQ(store->health(), StoreHealth::well);
    for (const bool replaced : {false, true}) {
        std::filesystem::rename(file, away);
        if (replaced) {
            std::filesystem::copy_file(away, file);
        }
        try {
            insert(*store, replaced ? "c" : "b");
            ADD_FAILURE() << "a job was accepted that nobody will find again";
        } catch (const StoreError& error) {
            EXPECT_EQ(error.kind(), StoreError::Kind::failed);
            EXPECT_NE(std::string{error.what()}.find("'" + file + "' was removed or replaced"), std::string::npos)
                << error.what();
        }
        EXPECT_EQ(store->health(), StoreHealth::failing);
        EXPECT_TRUE(find(*store, "a"));  // who has it open can read on
        std::filesystem::rename(away, file);
        run_awaitable(store->probe());
        EXPECT_EQ(store->health(), StoreHealth::well);
    }
    insert(*store, "d");
    EXPECT_EQ(store->counters().jobs.pending, 2U);
}

TEST_P(JobStoreFileGone, IsNoticedWhenItIsTruncated) {
    const std::string file = path + GetParam();
    const std::string copy = directory.file("copy");
    const auto store = open(path);
    for (const bool emptied : {true, false}) {
        const auto known = std::filesystem::file_size(file);
        insert(*store, emptied ? "a" : "b");  // which sees that the file is so long
        const auto left = emptied ? 0 : known - 1;
        std::filesystem::copy_file(file, copy, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::resize_file(file, left);
        try {
            insert(*store, "c");
            ADD_FAILURE() << "a job was accepted in a file that was cut to " << left << " bytes";
        } catch (const StoreError& error) {
            EXPECT_EQ(error.kind(), StoreError::Kind::failed);
            EXPECT_NE(std::string{error.what()}.find("'" + file + "' was truncated"), std::string::npos)
                << error.what();
        }
        EXPECT_EQ(store->health(), StoreHealth::failing);
        std::ofstream{file, std::ios::in | std::ios::binary} << std::ifstream{copy, std::ios::binary}.rdbuf();
        run_awaitable(store->probe());
        EXPECT_EQ(store->health(), StoreHealth::well);
    }
    insert(*store, "d");
}

TEST_F(JobStoreFile, KnowsWhetherItCanWrite) {
    FaultyVfs disk;
    auto store = open(path);
    insert(*store, "a");
    EXPECT_THROW(insert(*store, "a"), StoreError);
    EXPECT_EQ(store->health(), StoreHealth::well) << "an id that exists is no fault of the disk";
    for (const auto& [call, code] :
         {std::pair{FaultyVfs::Call::write, SQLITE_FULL}, {FaultyVfs::Call::sync, SQLITE_IOERR_FSYNC}}) {
        disk.break_at(call, 1, FaultyVfs::Until::repaired, code);
        EXPECT_THROW(insert(*store, "b"), StoreError);
        EXPECT_EQ(store->health(), StoreHealth::failing);
        EXPECT_THROW(run_awaitable(store->probe()), StoreError) << "a probe writes";
        EXPECT_EQ(store->health(), StoreHealth::failing);
        disk.repair();
        run_awaitable(store->probe());
        EXPECT_EQ(store->health(), StoreHealth::well);
        EXPECT_EQ(store->counters().health, StoreHealth::well);
    }
    store.reset();
}

TEST_F(JobStoreFile, KnowsThatTheDiskDoesNotAnswer) {
    Gate gate;
    JobStoreOptions options;
    options.path = path;
    options.write_patience = std::chrono::milliseconds{1};
    options.now_ms = [&] {
        gate.pass();
        return std::int64_t{1};
    };
    net::thread_pool threads{1};
    JobStore store{options};
    std::future<gateway::Inserted> end = net::co_spawn(threads, store.insert(make_job("a")), net::use_future);
    while (store.health() != StoreHealth::stalled) {
        std::this_thread::yield();
    }
    gate.open();
    end.get();
    while (store.health() != StoreHealth::well) {
        std::this_thread::yield();
    }
}

TEST_F(JobStoreFile, HasOneProcessAtATimeAndOutlivesIt) {
    ChildProcess child{[&](const ChildProcess::Tell& tell) {
        const auto store = open(path);
        insert(*store, "a");
        tell("open");
        pause();
    }};
    ASSERT_EQ(child.next_line(), "open");
    EXPECT_NE(refusal(path).find("process " + std::to_string(child.id()) + " has it open"), std::string::npos);
    child.kill();
    EXPECT_TRUE(find(*open(path), "a"));
}

TEST_F(JobStoreFile, InADirectoryThatIsMissing) {
    EXPECT_NE(refusal(directory.file("missing/jobs.db")).find("directory does not exist: create it"),
              std::string::npos);
}

TEST_F(JobStoreFile, ThatIsADirectory) {
    std::filesystem::create_directory(path);
    EXPECT_NE(refusal(path).find("it is a directory"), std::string::npos);
}

TEST_F(JobStoreFile, ThatIsNoDatabase) {
    std::ofstream{path} << std::string(10'000, 'x');
    EXPECT_NE(refusal(path).find("not an SQLite database"), std::string::npos);
}

TEST_F(JobStoreFile, ThatIsDamaged) {
    {
        const auto store = open(path);
        for (int i = 0; i < 100; ++i) {
            insert(*store, std::to_string(i));
        }
    }
    {
        std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(4096);
        const std::string garbage(static_cast<std::size_t>(std::filesystem::file_size(path)) - 4096, '\x5a');
        file.write(garbage.data(), static_cast<std::streamsize>(garbage.size()));
    }
    EXPECT_NE(refusal(path).find("it is damaged"), std::string::npos);
}

TEST_F(JobStoreFile, ThatIsCutShort) {
    {
        const auto store = open(path);
        for (int i = 0; i < 100; ++i) {
            insert(*store, std::to_string(i));
        }
    }
    std::filesystem::resize_file(path, 4096);
    EXPECT_NE(refusal(path).find("it is damaged"), std::string::npos);
}

TEST_F(JobStoreFile, OfAnotherProgramIsLeftAsItIs) {
    {
        Database database{path, Database::Mode::read_write};
        database.execute("CREATE TABLE theirs(number)");
    }
    const auto size = std::filesystem::file_size(path);
    EXPECT_NE(refusal(path).find("another program"), std::string::npos);
    EXPECT_EQ(std::filesystem::file_size(path), size);
    EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
}

TEST_F(JobStoreFile, OfANewerGateway) {
    open(path);
    {
        Database database{path, Database::Mode::read_write};
        database.execute("PRAGMA user_version = 3");
    }
    EXPECT_NE(refusal(path).find("version 3, and this program knows version 2"), std::string::npos);
}

TEST_F(JobStoreFile, ThatMayNotBeWritten) {
    open(path);
    std::filesystem::permissions(path, std::filesystem::perms{0444});
    std::filesystem::permissions(path + ".lock", std::filesystem::perms{0666});
    const auto as_nobody = [&](const std::string& name) {
        ChildProcess child{[&](const ChildProcess::Tell& tell) {
            if (geteuid() == 0 && setuid(65534) != 0) {  // permissions do not bind root
                tell("cannot change the user");
            }
            tell(refusal(name));
        }};
        return child.next_line().value_or("nothing");
    };
    const std::string file = as_nobody(path);
    EXPECT_NE(file.find("Permission denied: make it and its directory writable"), std::string::npos) << file;
    std::filesystem::permissions(directory.path(), std::filesystem::perms{0555});
    const std::string other = as_nobody(directory.file("other.db"));
    EXPECT_NE(other.find("Permission denied: make it and its directory writable"), std::string::npos) << other;
    std::filesystem::permissions(directory.path(), std::filesystem::perms{0755});
}

}  // namespace job_store_test
