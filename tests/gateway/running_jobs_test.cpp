// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <gateway/service/running_jobs.hpp>

#include "support/run_awaitable.hpp"

namespace running_jobs_test {

using gateway::JobEnd;
using gateway::RunningJob;
using gateway::RunningJobs;
using gateway::WatchedJob;
namespace net = gateway::net;

JobEnd end_of(const std::string& result) {
    JobEnd end;
    end.outcome.state = {gateway::JobStatus::completed, result};
    return end;
}

std::string told(const WatchedJob& job) {
    const std::optional<JobEnd> end = test::run_awaitable(job.end());
    return end ? std::string{end->outcome.state.result.view()} : "given up";
}

TEST(RunningJobs, AreFoundWhileTheyRun) {
    net::io_context context;
    RunningJobs jobs;
    EXPECT_EQ(jobs.find("a"), nullptr);
    const std::shared_ptr<RunningJob> job = jobs.add("a", context.get_executor());
    EXPECT_EQ(jobs.find("a"), job);
    jobs.remove("a");
    EXPECT_EQ(jobs.find("a"), nullptr);
}

TEST(RunningJobs, AllWhoWaitAreToldTheFirstEndThatComes) {
    net::io_context context;
    RunningJobs jobs;
    const std::shared_ptr<RunningJob> job = jobs.add("a", context.get_executor());
    const WatchedJob first = job->watch();
    const WatchedJob second = job->watch();
    const WatchedJob gone = job->watch();
    gone.give_up();
    job->tell(end_of("1"));
    const WatchedJob between = job->watch();
    job->tell(end_of("2"));
    EXPECT_EQ(told(first), "1");
    EXPECT_EQ(told(second), "1");
    EXPECT_EQ(told(between), "1");
    EXPECT_EQ(told(job->watch()), "2");
    EXPECT_EQ(told(gone), "given up");
}

TEST(RunningJobs, ACancellationComesByTheStrand) {
    net::io_context context;
    RunningJobs jobs;
    const std::shared_ptr<RunningJob> job = jobs.add("a", context.get_executor());
    bool emitted = false;
    job->slot().assign([&](net::cancellation_type type) { emitted = type == net::cancellation_type::terminal; });
    EXPECT_FALSE(job->cancelled());
    job->cancel();
    EXPECT_TRUE(job->cancelled());
    EXPECT_FALSE(emitted);
    context.run();
    EXPECT_TRUE(emitted);
}

}  // namespace running_jobs_test
