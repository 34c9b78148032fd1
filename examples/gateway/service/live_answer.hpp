// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_SERVICE_LIVE_ANSWER_HPP
#define GATEWAY_SERVICE_LIVE_ANSWER_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <dispatch/job_report.hpp>
#include <dispatch/stream.hpp>
#include <gateway/base/net.hpp>
#include <gateway/http/failure.hpp>
#include <gateway/service/pending_jobs.hpp>
#include <gateway/upstream/model.hpp>
#include <gateway/upstream/wait_note.hpp>

namespace gateway {

class GenerationService;

/// A job that is not stored has failed. failure() is what the client is told.
class JobFailed : public std::runtime_error {
  public:
    explicit JobFailed(Failure failure) : std::runtime_error{failure.message}, failure_{std::move(failure)} {}
    [[nodiscard]] const Failure& failure() const { return failure_; }

  private:
    Failure failure_;
};

/// An answer that is told in parts, as it comes, and no faster than they are taken. Who destroys it before its end
/// cancels its job. The service must outlive it. One thread at a time.
class LiveAnswer {
  public:
    LiveAnswer(const LiveAnswer&) = delete;
    LiveAnswer& operator=(const LiveAnswer&) = delete;
    ~LiveAnswer();

    /// Of its job.
    [[nodiscard]] const std::string& id() const { return id_; }
    [[nodiscard]] std::size_t worker() const { return report_.worker_id; }
    [[nodiscard]] std::chrono::nanoseconds queued() const { return report_.queued; }

    /// The text of the JSON of the next event, for the client; nothing: that was all.
    ///
    /// Executor: that of the awaiting coroutine. Cancellation: terminal, throws operation_aborted. Throws JobFailed;
    /// there is nothing more then.
    net::awaitable<std::optional<std::string>> next();

    /// The text of the next event, if it is there already.
    std::optional<std::string> try_next();

  private:
    friend GenerationService;

    LiveAnswer(GenerationService& service, std::string id, PendingJobs::Slot slot);

    std::optional<std::string> take(ModelAnswer part);
    /// Says how it ended, unless that was because the awaiting coroutine was cancelled. Throws.
    net::awaitable<void> fail(std::exception_ptr error);
    void end(std::atomic<std::uint64_t>& count, const char* how);

    GenerationService& service_;
    const std::string id_;
    PendingJobs::Slot slot_;
    const Clock::time_point start_ = Clock::now();
    std::shared_ptr<WaitNote> note_ = std::make_shared<WaitNote>();
    dispatch::JobReport report_;
    dispatch::Stream<ModelAnswer> parts_;  // the first to go: it cancels the job
    bool ended_ = false;
};

}  // namespace gateway

#endif  // GATEWAY_SERVICE_LIVE_ANSWER_HPP
