// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <semaphore>
#include <set>
#include <sqlite3.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <gateway/conversation/bad_request.hpp>
#include <gateway/service/service.hpp>

#include "support/faulty_vfs.hpp"
#include "support/log_capture.hpp"
#include "support/models.hpp"
#include "support/temporary_directory.hpp"
#include "support/test_gateway.hpp"

namespace service_test {

using namespace std::chrono_literals;
using gateway::JobState;
using gateway::JobStatus;
using gateway::Outcome;
using gateway::Refused;
using gateway::UpstreamError;
using test::EchoModel;
using test::FaultyVfs;
using test::Gate;
using test::GatedModel;
using test::LogCapture;
using test::make;
using test::prompt;
using test::TemporaryDirectory;
using test::TestGateway;
using test::TestGatewayOptions;
using test::ThrowingModel;

/// Why a job was refused; nothing, if it was not.
template <typename T>
std::optional<Refused::Why> refusal(std::future<T> job) {
    try {
        job.get();
        return std::nullopt;
    } catch (const Refused& refused) {
        return refused.why();
    }
}

/// Gates have an executor of their own, which outlives the gateway.
class ServiceTest : public testing::Test {
  protected:
    gateway::net::io_context context;
    std::shared_ptr<Gate> gate = std::make_shared<Gate>(context.get_executor());
    LogCapture log;
};

TEST_F(ServiceTest, KeepsWhatTheModelSays) {
    TestGateway gateway{make<EchoModel>()};
    const std::string id = gateway.start(gateway.service().accept({"", prompt("hello")})).get();
    const JobState state = gateway.await_end(id);
    EXPECT_EQ(state.status, JobStatus::completed);
    EXPECT_EQ(state.result, prompt("hello"));
    EXPECT_EQ(gateway.start(gateway.service().find("no uuid")).get().has_value(), false);
    EXPECT_EQ(gateway.drain().completed, 1U);
    EXPECT_EQ(gateway.service().counters().accepted, 1U);
    EXPECT_EQ(gateway.service().counters().completed, 1U);
    EXPECT_EQ(gateway.service().counters().pending, 0U);
    EXPECT_EQ(gateway.service().counters().pending_bytes, 0U);
}

TEST_F(ServiceTest, TellsWhoWaitedForItWhoRanIt) {
    TestGateway gateway{make<EchoModel>()};
    std::set<std::optional<std::size_t>> workers;
    for (int i = 0; i < 10; ++i) {
        const Outcome outcome = gateway.accept_and_wait("me", prompt("hello")).get();
        EXPECT_EQ(outcome.state.status, JobStatus::completed);
        EXPECT_EQ(gateway.await_end(outcome.id).result, outcome.state.result);
        workers.insert(outcome.worker);
    }
    EXPECT_EQ(workers.size(), 1U) << "a session stays on its worker";
    EXPECT_TRUE(workers.begin()->has_value());
}

TEST_F(ServiceTest, ASessionsJobWaitsForItsWorkerAsLongAsItsPromptIsWorth) {
    for (const bool worth : {false, true}) {
        TestGatewayOptions options;
        options.workers = 2;
        options.worker.max_concurrency = 1;
        options.pool.affinity = dispatch::Affinity::preferred;
        options.service.prefill_rate = worth ? 1e-6 : 0;  // tokens a second: a miss takes hours, or nothing
        TestGateway gateway{make<GatedModel>(gate), options};
        std::future<Outcome> first = gateway.accept_and_wait("me", prompt("1"));
        gate->await_one();
        std::future<Outcome> second = gateway.accept_and_wait("me", prompt("2"));
        if (worth) {
            const auto queued = [&] {
                const std::vector<dispatch::WorkerMetrics> workers = gateway.metrics().workers;
                return workers.at(0).queue_len + workers.at(1).queue_len;
            };
            while (queued() == 0) {
                std::this_thread::yield();
            }
        } else {
            gate->await_one();
        }
        gate->let_one_go();
        gate->let_one_go();
        EXPECT_EQ(first.get().worker == second.get().worker, worth);
    }
}

TEST_F(ServiceTest, AJobThatIsQueuedIsCancelled) {
    TestGatewayOptions options;
    options.workers = 1;
    options.worker.max_concurrency = 1;
    TestGateway gateway{make<GatedModel>(gate), options};
    std::future<Outcome> runs = gateway.accept_and_wait("", prompt("1"));
    gate->await_one();
    const std::string id = gateway.start(gateway.service().accept({"", prompt("2")})).get();
    const auto watched = gateway.start(gateway.service().cancel(id)).get();
    ASSERT_TRUE(watched.has_value());
    EXPECT_EQ(watched->id(), id);
    const std::optional<gateway::JobEnd> end = gateway.start(watched->end()).get();
    EXPECT_EQ(gateway::read_failure(end->outcome.state.result),
              (gateway::Failure{409, "cancelled", "the job was cancelled with DELETE /jobs/" + id, false, {}}));
    EXPECT_EQ(gateway.await_end(id).status, JobStatus::failed);
    gate->let_one_go();
    EXPECT_EQ(runs.get().state.status, JobStatus::completed);
    EXPECT_EQ(gateway.service().counters().cancelled, 1U);
    EXPECT_TRUE(gateway.service().latest_failures().empty());
}

TEST_F(ServiceTest, AJobOfAFormerRunIsCancelledBeforeItIsTakenUp) {
    const TemporaryDirectory directory;
    TestGatewayOptions options;
    options.store.path = (directory.path() / "jobs.db").string();
    std::vector<std::string> ids;
    {
        TestGateway gateway{make<GatedModel>(gate), options};
        for (const char* const text : {"1", "2"}) {
            ids.push_back(gateway.start(gateway.service().accept({"", prompt(text)})).get());
            gate->await_one();
        }
        gateway.drain(0s);
    }
    options.service.max_pending = 1;
    TestGateway gateway{make<GatedModel>(gate), options};
    gate->await_one();
    const auto watched = gateway.start(gateway.service().cancel(ids[1])).get();
    ASSERT_TRUE(watched.has_value());
    const std::optional<gateway::JobEnd> end = gateway.start(watched->end()).get();
    EXPECT_EQ(gateway::read_failure(end->outcome.state.result).code, "cancelled");
    gate->let_one_go();
    EXPECT_EQ(gateway.await_end(ids[0]).status, JobStatus::completed);
    EXPECT_EQ(gateway::read_failure(gateway.await_end(ids[1]).result).code, "cancelled");
    EXPECT_EQ(gateway.drain().submitted, 1U) << "it was not run";
}

TEST_F(ServiceTest, AFailureOfTheModelIsTheResult) {
    TestGateway gateway{make<ThrowingModel<UpstreamError>>(UpstreamError{"it is asleep"})};
    const Outcome outcome = gateway.accept_and_wait("", prompt("hello")).get();
    EXPECT_EQ(outcome.state.status, JobStatus::failed);
    EXPECT_EQ(gateway::read_failure(outcome.state.result),
              (gateway::Failure{502, "upstream_failed", "it is asleep", true, std::nullopt}));
    EXPECT_EQ(gateway.await_end(outcome.id).result, outcome.state.result);
    EXPECT_EQ(gateway.service().counters().failed, 1U);
    const std::vector<gateway::FailedJob> failures = gateway.service().latest_failures();
    ASSERT_EQ(failures.size(), 1U);
    EXPECT_EQ(failures[0].id, outcome.id);
    EXPECT_EQ(failures[0].failure, gateway::read_failure(outcome.state.result));
}

TEST_F(ServiceTest, AFailureOfItsOwnIsLoggedAndNotTold) {
    TestGateway gateway{make<ThrowingModel<std::runtime_error>>(std::runtime_error{"a secret"})};
    const Outcome outcome = gateway.accept_and_wait("", prompt("hello")).get();
    EXPECT_EQ(
        gateway::read_failure(outcome.state.result),
        (gateway::Failure{500, "internal_server_error", "the gateway failed to run the job", false, std::nullopt}));
    bool logged = false;
    for (const std::string& line : log.lines()) {
        logged = logged || line.find("a secret") != std::string::npos;
    }
    EXPECT_TRUE(logged);
}

TEST_F(ServiceTest, AFailureThatMayQuoteTheRequestIsLoggedWithWhereToReadIt) {
    const gateway::Failure failure{502, "upstream_answer_not_understood", "it says: a secret", false, std::nullopt};
    TestGateway gateway{make<ThrowingModel<gateway::UpstreamError>>(gateway::UpstreamError{failure})};
    const Outcome outcome = gateway.accept_and_wait("", prompt("hello")).get();
    EXPECT_EQ(gateway::read_failure(outcome.state.result), failure);
    std::string told;
    for (const std::string& line : log.lines()) {
        EXPECT_EQ(line.find("a secret"), std::string::npos) << line;
        told = line.find("job failed") != std::string::npos ? line : told;
    }
    EXPECT_NE(told.find("see GET /jobs/" + outcome.id), std::string::npos) << told;
}

TEST_F(ServiceTest, AJobHasItsTime) {
    TestGatewayOptions options;
    options.service.job_timeout = 20ms;
    TestGateway gateway{make<GatedModel>(gate), options};
    const Outcome outcome = gateway.accept_and_wait("", prompt("hello")).get();
    EXPECT_EQ(outcome.state.status, JobStatus::failed);
    EXPECT_EQ(gateway::read_failure(outcome.state.result),
              (gateway::Failure{504, "deadline_exceeded", "the job was not done within 20 ms", true, std::nullopt}));
}

TEST_F(ServiceTest, RefusesWhatIsOverItsBounds) {
    TestGatewayOptions options;
    options.service.max_pending = 2;
    options.service.max_pending_bytes = 10'000;
    TestGateway gateway{make<GatedModel>(gate), options};
    EXPECT_EQ(refusal(gateway.start(gateway.service().accept({"", std::string(10'001, ' ')}))), Refused::Why::full);
    const std::string first = gateway.start(gateway.service().accept({"", prompt("1")})).get();
    EXPECT_EQ(refusal(gateway.start(gateway.service().accept({"", std::string(2'000, ' ')}))), Refused::Why::full);
    const std::string second = gateway.start(gateway.service().accept({"", prompt("2")})).get();
    EXPECT_EQ(refusal(gateway.start(gateway.service().accept({"", prompt("3")}))), Refused::Why::full);
    EXPECT_EQ(gateway.service().counters().pending, 2U);
    gate->let_one_go();
    gate->let_one_go();
    gateway.await_end(first);
    gateway.await_end(second);
    while (gateway.service().counters().pending > 0) {
        std::this_thread::yield();
    }
    gate->let_one_go();
    gateway.await_end(gateway.start(gateway.service().accept({"", prompt("4")})).get());
    EXPECT_EQ(gateway.service().counters().refused_full, 3U);
}

TEST_F(ServiceTest, DrainsWhatItHasAcceptedAndTakesNoMore) {
    TestGateway gateway{make<GatedModel>(gate)};
    std::future<Outcome> waiting = gateway.accept_and_wait("", prompt("1"));
    gate->await_one();
    std::future<void> drained = gateway.start(gateway.service().drain(30s));
    while (!gateway.service().draining()) {
        std::this_thread::yield();
    }
    EXPECT_EQ(refusal(gateway.start(gateway.service().accept({"", prompt("2")}))), Refused::Why::shutting_down);
    EXPECT_EQ(drained.wait_for(0s), std::future_status::timeout);
    gate->let_one_go();
    EXPECT_EQ(waiting.get().state.status, JobStatus::completed);
    drained.get();
    EXPECT_EQ(gateway.start(gateway.service().finish()).get().completed, 1U);
}

TEST_F(ServiceTest, WhatIsNotDoneInTimeStaysStoredAndIsResumed) {
    const TemporaryDirectory directory;
    TestGatewayOptions options;
    options.store.path = directory.file("jobs.db");
    std::string background;
    std::string waited_for;
    {
        TestGateway gateway{make<GatedModel>(gate), options};
        background = gateway.start(gateway.service().accept({"me", prompt("1")})).get();
        std::future<Outcome> waiting = gateway.accept_and_wait("", prompt("2"));
        gate->await_one();
        gate->await_one();
        const dispatch::Ledger ledger = gateway.drain(1ms);
        EXPECT_EQ(ledger.stopped, 2U);
        const Outcome outcome = waiting.get();
        EXPECT_EQ(outcome.state.status, JobStatus::pending);
        waited_for = outcome.id;
    }
    TestGateway gateway{make<EchoModel>(), options};
    EXPECT_EQ(gateway.await_end(background).result, prompt("1"));
    EXPECT_EQ(gateway.await_end(waited_for).result, prompt("2"));
    EXPECT_EQ(gateway.service().counters().resumed, 2U);
    EXPECT_EQ(gateway.service().counters().accepted, 0U);
}

/// Takes no tools, and echoes what it has made of the rest.
class PreparingModel : public EchoModel {
  public:
    gateway::SharedText prepare(gateway::Dialect, gateway::Delivery, const gateway::Json& request,
                                const gateway::SharedText& text) const override {
        if (request.contains("tools")) {
            throw gateway::BadRequest{"no tools here"};
        }
        return "prepared " + std::string{text.view()};
    }
};

TEST_F(ServiceTest, TheModelGetsWhatItHasPreparedAndTheStoreTheRequest) {
    const TemporaryDirectory directory;
    TestGatewayOptions options;
    options.store.path = directory.file("jobs.db");
    std::string id;
    {
        TestGateway gateway{make<GatedModel>(gate), options};
        id = gateway.start(gateway.service().accept({"", prompt("1"), "prepared before"})).get();
        gateway.drain(1ms);
    }
    TestGateway gateway{make<PreparingModel>(), options};
    EXPECT_EQ(gateway.await_end(id).result, "prepared " + prompt("1")) << "resumed, from its text";
    id = gateway.start(gateway.service().accept({"", prompt("2"), "prepared on arrival"})).get();
    EXPECT_EQ(gateway.await_end(id).result, "prepared on arrival");
}

TEST_F(ServiceTest, AFormerJobThatTheModelCannotBeGivenFails) {
    TestGateway gateway{make<PreparingModel>()};
    for (const char* const request : {R"({"tools":[]})", "no JSON"}) {
        const std::string id = gateway.start(gateway.service().accept({"", request})).get();
        const gateway::Failure failure = gateway::read_failure(gateway.await_end(id).result);
        EXPECT_EQ(failure.status, 400U);
        EXPECT_EQ(failure.code, "bad_request");
    }
}

TEST_F(ServiceTest, ManyFormerJobsAreResumedWithinTheBounds) {
    const TemporaryDirectory directory;
    TestGatewayOptions options;
    options.store.path = directory.file("jobs.db");
    std::vector<std::string> ids;
    {
        TestGateway gateway{make<GatedModel>(gate), options};
        for (int i = 0; i < 200; ++i) {
            ids.push_back(gateway.start(gateway.service().accept({"", prompt(std::to_string(i))})).get());
        }
        gateway.drain(1ms);
    }
    options.service.max_pending = 3;
    TestGateway gateway{make<EchoModel>(), options};
    for (std::size_t i = 0; i < ids.size(); ++i) {
        EXPECT_EQ(gateway.await_end(ids[i]).result, prompt(std::to_string(i)));
    }
}

TEST_F(ServiceTest, AnOrderlyEndIsNoCrash) {
    const TemporaryDirectory directory;
    TestGatewayOptions options;
    options.store.path = directory.file("jobs.db");
    options.service.max_resumes = 1;
    std::string id;
    {
        TestGateway gateway{make<GatedModel>(gate), options};
        id = gateway.start(gateway.service().accept({"", prompt("1")})).get();
        gateway.drain(1ms);
    }
    for (int end = 0; end < 3; ++end) {
        TestGateway gateway{make<GatedModel>(gate), options};
        gateway.drain(1ms);
    }
    TestGateway gateway{make<EchoModel>(), options};
    EXPECT_EQ(gateway.await_end(id).result, prompt("1"));
}

TEST_F(ServiceTest, FormerJobsFailWhereThatIsWanted) {
    const TemporaryDirectory directory;
    TestGatewayOptions options;
    options.store.path = directory.file("jobs.db");
    std::string id;
    {
        TestGateway gateway{make<GatedModel>(gate), options};
        id = gateway.start(gateway.service().accept({"", prompt("1")})).get();
        gateway.drain(1ms);
    }
    options.service.on_restart = gateway::RestartPolicy::fail;
    TestGateway gateway{make<EchoModel>(), options};
    const JobState state = gateway.await_end(id);
    EXPECT_EQ(state.status, JobStatus::failed);
    EXPECT_EQ(gateway::read_failure(state.result),
              (gateway::Failure{503, "interrupted", "the gateway was restarted before the job was done", true,
                                std::nullopt}));
}

TEST_F(ServiceTest, ResultsGoWhenTheirTimeIsOver) {
    TestGatewayOptions options;
    options.store.ttl = 50ms;
    options.service.job_ttl = 50ms;
    TestGateway gateway{make<EchoModel>(), options};
    const std::string id = gateway.accept_and_wait("", prompt("1")).get().id;
    while (gateway.start(gateway.service().find(id)).get() || gateway.store().counters().jobs.completed > 0) {
        std::this_thread::yield();
    }
}

TEST_F(ServiceTest, IsReadyWhenItsStoreCanWriteAndAsksItItself) {
    FaultyVfs disk;
    const TemporaryDirectory directory;
    TestGatewayOptions options;
    options.store.path = directory.file("jobs.db");
    options.service.probe_interval = 1ms;
    TestGateway gateway{make<EchoModel>(), options};
    EXPECT_TRUE(gateway.service().ready());
    for (int i = 0; i < 3; ++i) {
        disk.break_at(FaultyVfs::Call::write, 1, FaultyVfs::Until::repaired, SQLITE_FULL);
        EXPECT_EQ(refusal(gateway.start(gateway.service().accept({"", prompt("1")}))), Refused::Why::not_stored);
        EXPECT_FALSE(gateway.service().ready()) << "with the first failure";
        disk.repair();
        while (!gateway.service().ready()) {
            std::this_thread::yield();  // nobody but the service itself writes
        }
        gateway.await_end(gateway.start(gateway.service().accept({"", prompt("2")})).get());
    }
    gateway.drain();
    EXPECT_FALSE(gateway.service().ready());
}

TEST_F(ServiceTest, WhoWaitsHearsTheAnswerThoughItCannotBeStored) {
    FaultyVfs disk;
    const TemporaryDirectory directory;
    TestGatewayOptions options;
    options.store.path = directory.file("jobs.db");
    TestGateway gateway{make<GatedModel>(gate), options};
    std::future<Outcome> waiting = gateway.accept_and_wait("", prompt("1"));
    gate->await_one();
    disk.break_at(FaultyVfs::Call::write, 1, FaultyVfs::Until::repaired, SQLITE_FULL);
    gate->let_one_go();
    const Outcome outcome = waiting.get();  // while the disk is full
    EXPECT_EQ(outcome.state.status, JobStatus::completed);
    EXPECT_EQ(outcome.state.result, prompt("1"));
    EXPECT_FALSE(outcome.stored);
    EXPECT_EQ(gateway.start(gateway.service().find(outcome.id)).get()->status, JobStatus::pending);
    disk.repair();
    EXPECT_EQ(gateway.await_end(outcome.id).result, prompt("1"));
    gate->let_one_go();
    EXPECT_TRUE(gateway.accept_and_wait("", prompt("2")).get().stored);
}

/// Stops the store's writing thread at its next look at the clock.
class StoppedClock {
  public:
    std::int64_t operator()() const {
        if (stopped_) {
            began_.release();
            stopped_.wait(true);
        }
        return 1;
    }
    void stop() { stopped_ = true; }
    void await() const { began_.acquire(); }
    void go_on() {
        stopped_ = false;
        stopped_.notify_all();
    }

  private:
    std::atomic<bool> stopped_{false};
    mutable std::counting_semaphore<1'000> began_{0};
};

TEST_F(ServiceTest, WhoWaitsHearsTheAnswerThoughTheDiskDoesNotReply) {
    StoppedClock clock;
    const TemporaryDirectory directory;
    TestGatewayOptions options;
    options.store.path = directory.file("jobs.db");
    options.store.now_ms = [&] { return clock(); };
    options.store.write_patience = 1ms;
    options.service.job_timeout = 2s;
    TestGateway gateway{make<GatedModel>(gate), options};
    std::future<Outcome> waiting = gateway.accept_and_wait("", prompt("1"));
    gate->await_one();
    clock.stop();
    gate->let_one_go();
    clock.await();
    const Outcome outcome = waiting.get();
    EXPECT_EQ(outcome.state.result, prompt("1"));
    EXPECT_FALSE(outcome.stored);
    EXPECT_FALSE(gateway.service().ready());
    EXPECT_EQ(refusal(gateway.start(gateway.service().accept({"", prompt("2")}))), Refused::Why::not_stored)
        << "it would only wait, too";
    clock.go_on();
    EXPECT_EQ(gateway.await_end(outcome.id).result, prompt("1"));
    while (!gateway.service().ready()) {
        std::this_thread::yield();
    }
}

TEST_F(ServiceTest, AJobThatCannotBeStoredIsRefusedAndAnEndIsKeptOnceTheDiskIsWell) {
    FaultyVfs disk;
    const TemporaryDirectory directory;
    TestGatewayOptions options;
    options.store.path = directory.file("jobs.db");
    TestGateway gateway{make<GatedModel>(gate), options};
    const std::string id = gateway.start(gateway.service().accept({"", prompt("1")})).get();
    gate->await_one();
    disk.break_at(FaultyVfs::Call::write, 1, FaultyVfs::Until::repaired, SQLITE_FULL);
    EXPECT_EQ(refusal(gateway.start(gateway.service().accept({"", prompt("2")}))), Refused::Why::not_stored);
    gate->let_one_go();
    for (bool failed = false; !failed; std::this_thread::yield()) {
        for (const std::string& line : log.lines()) {
            failed = failed || line.find("the end of a job could not be stored") != std::string::npos;
        }
    }
    EXPECT_EQ(gateway.start(gateway.service().find(id)).get()->status, JobStatus::pending);
    disk.repair();
    EXPECT_EQ(gateway.await_end(id).result, prompt("1"));
}

}  // namespace service_test
