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

#include <boost/asio/steady_timer.hpp>

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
    JobFailed(std::string id, Failure failure)
        : std::runtime_error{failure.message}, id_{std::move(id)}, failure_{std::move(failure)} {}

    [[nodiscard]] const std::string& id() const { return id_; }
    [[nodiscard]] const Failure& failure() const { return failure_; }

  private:
    std::string id_;
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

    struct Next {
        enum class What : std::uint8_t {
            part,
            silence,  ///< there was no part for as long as was waited
            end,      ///< there will be none
        };
        What what = What::end;
        std::string text;  ///< of the JSON of an event, for the client
    };

    /// The next part; waits for it for so long.
    ///
    /// Executor: that of the awaiting coroutine, which must be a strand, and the same for all of an answer.
    /// Cancellation: terminal, throws operation_aborted. Throws JobFailed; there is nothing more then.
    net::awaitable<Next> next(Clock::duration patience);

    /// The text of the next part, if it is there already.
    std::optional<std::string> try_next();

  private:
    friend GenerationService;

    /// A next() of the stream that waits; it goes on when who waited for it gives up. Used on the strand of who awaits
    /// the parts, alone; its handler owns it too.
    struct Wait {
        explicit Wait(const net::any_io_executor& executor) : timer{executor} {}

        net::steady_timer timer;  ///< ends when a part is there
        bool over = false;
        std::exception_ptr error;
        std::optional<ModelAnswer> part;
    };

    void begin_wait(const net::any_io_executor& executor);
    LiveAnswer(GenerationService& service, std::string id, std::string trace_id, PendingJobs::Slot slot);

    std::optional<std::string> take(ModelAnswer part);
    /// Says how it ended, unless that was because the awaiting coroutine was cancelled. Throws.
    net::awaitable<void> fail(std::exception_ptr error);
    /// It has ended, and its place is free: what is left of it is the client's to take. Returns how long it took.
    Clock::duration end(std::atomic<std::uint64_t>& count);

    GenerationService& service_;
    const std::string id_;
    const std::string trace_id_;
    std::optional<PendingJobs::Slot> slot_;  // until it ends
    const Clock::time_point start_ = Clock::now();
    std::shared_ptr<WaitNote> note_ = std::make_shared<WaitNote>();
    dispatch::JobReport report_;
    std::shared_ptr<Wait> wait_;
    dispatch::Stream<ModelAnswer> parts_;  // the first to go: it cancels the job
};

}  // namespace gateway

#endif  // GATEWAY_SERVICE_LIVE_ANSWER_HPP
