// SPDX-License-Identifier: Apache-2.0
#include <gateway/service/service.hpp>

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>

#include <dispatch/job_report.hpp>
#include <gateway/jobs/uuid.hpp>
#include <gateway/log/log.hpp>

namespace gateway {

namespace {

std::string in_words(std::chrono::milliseconds duration) {
    const bool whole = duration.count() % 1'000 == 0;
    return std::to_string(whole ? duration.count() / 1'000 : duration.count()) + (whole ? " s" : " ms");
}

Failure failure_of_cancellation(const std::string& id) {
    return {409, "cancelled", "the job was cancelled with DELETE /jobs/" + id, false, std::nullopt};
}

}  // namespace

GenerationService::GenerationService(const net::any_io_executor& executor, GenerationPool& pool, JobStore& store,
                                     JobFigures& figures, ServiceOptions options)
    : executor_{executor},
      pool_{pool},
      store_{store},
      figures_{figures},
      options_{options},
      pending_{executor, options.max_pending, options.max_pending_bytes},
      housekeeping_{net::make_strand(executor)},
      pause_{housekeeping_},
      probe_pause_{housekeeping_},
      alarms_{executor} {}

net::awaitable<void> GenerationService::start() {
    if (options_.on_restart == RestartPolicy::fail) {
        std::string why =
            failure_text({503, "interrupted", "the gateway was restarted before the job was done", true, std::nullopt});
        if (const std::size_t count = co_await store_.fail_pending(std::move(why)); count > 0) {
            log::warn("gave up the jobs of a former run", {{"jobs", count}});
        }
    } else {
        std::string why = failure_text({500, "crashed_too_often",
                                        "the gateway crashed " + std::to_string(options_.max_resumes + 1) +
                                            " times before the job was done: it is not tried again",
                                        false, std::nullopt});
        if (const std::size_t count = co_await store_.resume_pending(options_.max_resumes, std::move(why)); count > 0) {
            log::error("gave up jobs that were pending at too many crashes", {{"jobs", count}});
        }
        net::co_spawn(housekeeping_, resume(), net::detached);
    }
    net::co_spawn(housekeeping_, remove_expired(), net::detached);
    net::co_spawn(housekeeping_, watch_store(), net::detached);
}

net::awaitable<std::string> GenerationService::accept(JobRequest request) {
    Slot slot = admit_stored(request);
    Job job = co_await store_new(std::move(request));
    std::string id = job.id;
    if (job.running) {
        run_in_background(std::move(job), std::move(slot));
    }
    co_return id;
}

net::awaitable<WatchedJob> GenerationService::accept_and_watch(JobRequest request) {
    Slot slot = admit_stored(request);
    Job job = co_await store_new(std::move(request));
    if (!job.running) {
        co_return co_await watch(std::move(job.id));
    }
    WatchedJob watched = job.running->watch();
    run_in_background(std::move(job), std::move(slot));
    co_return watched;
}

/// Of a job that there was a moment ago.
net::awaitable<WatchedJob> GenerationService::watch(std::string id) {
    if (const std::shared_ptr<RunningJob> running = running_.find(id)) {
        co_return running->watch();
    }
    WatchedJob watched{id, executor_};
    JobEnd end;
    end.outcome.id = id;
    if (std::optional<JobState> state = co_await store_.find(std::move(id))) {
        end.outcome.state = std::move(*state);
    }
    if (end.outcome.state.status == JobStatus::pending) {
        watched.give_up();
    } else {
        watched.tell(end);
    }
    co_return watched;
}

net::awaitable<std::optional<WatchedJob>> GenerationService::cancel(std::string id) {
    if (!is_uuid(id)) {
        co_return std::nullopt;
    }
    if (const std::shared_ptr<RunningJob> running = running_.find(id)) {
        WatchedJob watched = running->watch();
        running->cancel();
        co_return watched;
    }
    const std::optional<JobState> state = co_await store_.find(id);
    if (!state) {
        co_return std::nullopt;
    }
    if (state->status == JobStatus::pending) {  // one of a former run, which waits to be taken up
        SharedText why = failure_text(failure_of_cancellation(id));
        const bool ended = co_await store_.finish(id, JobStatus::failed, std::move(why));
        counts_.cancelled += ended ? 1 : 0;
    }
    co_return co_await watch(std::move(id));
}

net::awaitable<std::optional<JobState>> GenerationService::find(std::string id) {
    if (!is_uuid(id)) {
        co_return std::nullopt;
    }
    co_return co_await store_.find(std::move(id));
}

net::awaitable<void> GenerationService::drain(std::chrono::milliseconds limit) {
    draining_ = true;
    pending_.cancel_waiting();
    net::post(housekeeping_, [this] {
        pause_.cancel();
        probe_pause_.cancel();
    });
    if (const bool done = co_await pending_.wait_until_none(Clock::now() + limit); !done) {
        log::warn("the time for draining is over: jobs stay stored as pending, and streams end",
                  {{"jobs", pending_.jobs()}});
        stopping_ = true;
        pool_.stop();
    }
}

net::awaitable<dispatch::Ledger> GenerationService::finish() {
    co_await pending_.wait_until_none(Clock::time_point::max());
    const dispatch::Ledger ledger = co_await pool_.drain(net::use_awaitable);
    try {
        co_await store_.forget_resumes();
    } catch (const StoreError& error) {
        log::error("this end will count as a crash", {{"error", error.what()}});
    }
    co_return ledger;
}

ServiceCounters GenerationService::counters() const {
    ServiceCounters counters;
    counters.accepted = counts_.accepted;
    counters.streamed = counts_.streamed;
    counters.resumed = counts_.resumed;
    counters.completed = counts_.completed;
    counters.failed = counts_.failed;
    counters.cancelled = counts_.cancelled;
    counters.refused_full = counts_.refused_full;
    counters.refused_shutting_down = counts_.refused_shutting_down;
    counters.refused_not_stored = counts_.refused_not_stored;
    counters.pending = pending_.jobs();
    counters.pending_bytes = pending_.bytes();
    return counters;
}

std::uint64_t GenerationService::size_of(std::string_view session, std::string_view request,
                                         std::string_view prepared) {
    constexpr std::uint64_t besides = 4096;
    return besides + session.size() + std::max(request.size(), prepared.size());  // it keeps one of them
}

PendingJobs::Slot GenerationService::admit_stored(const JobRequest& request) {
    if (!draining_ && store_.health() == StoreHealth::stalled) {  // it would only wait with the others
        ++counts_.refused_not_stored;
        throw Refused{Refused::Why::not_stored, "the store does not answer: try again later"};
    }
    return admit(request);
}

PendingJobs::Slot GenerationService::admit(const JobRequest& request) {
    if (draining_) {
        ++counts_.refused_shutting_down;
        throw Refused{Refused::Why::shutting_down, "the gateway is shutting down"};
    }
    std::optional<Slot> slot = pending_.try_enter(size_of(request.session, request.request, request.prepared));
    if (!slot) {
        ++counts_.refused_full;
        throw Refused{Refused::Why::full, "too many jobs are pending: try again later"};
    }
    return std::move(*slot);
}

net::awaitable<GenerationService::Job> GenerationService::store_new(JobRequest request) {
    Job job;
    job.id = make_uuid();
    job.session = std::move(request.session);
    job.generation.id = job.id;
    job.generation.dialect = request.dialect;
    job.generation.prepared = !request.prepared.empty();
    job.generation.request = job.generation.prepared ? std::move(request.prepared) : request.request;
    job.generation.trace = std::move(request.trace);
    const std::string& trace_id = job.generation.trace.id;
    const std::size_t bytes = request.request.size();
    PendingJob stored{job.id, job.session, std::move(request.request), request.dialect, std::move(request.key)};
    job.running = running_.add(job.id, co_await net::this_coro::executor);  // first: whoever has its key finds it
    Inserted inserted;
    try {
        inserted = co_await store_.insert(std::move(stored));
    } catch (const StoreError& error) {
        running_.remove(job.id);
        ++counts_.refused_not_stored;
        log::error("a job could not be stored", {{"job_id", job.id}, {"trace_id", trace_id}, {"error", error.what()}});
        throw Refused{Refused::Why::not_stored, "the job could not be stored: try again later"};
    } catch (...) {
        running_.remove(job.id);
        throw;
    }
    if (inserted.outcome == Inserted::Outcome::stored) {
        ++counts_.accepted;
        log::debug("job accepted", {{"job_id", job.id}, {"trace_id", trace_id}, {"bytes", bytes}});
        co_return job;
    }
    running_.remove(job.id);
    if (inserted.outcome == Inserted::Outcome::another) {
        throw Refused{Refused::Why::key_reused,
                      "the Idempotency-Key came with another request before: use a new key for a new request"};
    }
    job.running = nullptr;
    job.id = std::move(inserted.id);
    co_return job;
}

void GenerationService::run_in_background(Job job, Slot slot) {
    const std::shared_ptr<RunningJob> running = job.running;
    auto ended = [this, running](const std::exception_ptr& error, Outcome outcome) {
        running_.remove(running->id());
        running->tell(JobEnd{error, std::move(outcome)});
        try {
            if (error) {
                std::rethrow_exception(error);
            }
        } catch (const std::exception& exception) {
            log::error("a job was left as it is", {{"job_id", running->id()}, {"error", reason(exception)}});
        }
    };
    net::co_spawn(running->strand(), run(std::move(job), std::move(slot)), std::move(ended));
}

net::awaitable<Outcome> GenerationService::run(Job job, Slot slot) {
    const std::shared_ptr<RunningJob> running = job.running;
    const Slot held = std::move(slot);  // until the end is stored
    const std::string trace_id = job.generation.trace.id;
    const Clock::time_point start = Clock::now();
    const Clock::time_point deadline = start + options_.job_timeout;
    Outcome outcome = co_await generate(std::move(job), deadline);
    if (outcome.state.status == JobStatus::pending) {
        co_return outcome;
    }
    if (const bool kept = co_await keep_by(
            std::max<Clock::time_point>(deadline, Clock::now() + std::chrono::seconds{1}), outcome, *running);
        !kept) {
        outcome.state = JobState{};
        co_return outcome;
    }
    const Clock::duration took = Clock::now() - start;
    const bool completed = outcome.state.status == JobStatus::completed;
    ++(completed ? counts_.completed : running->cancelled() ? counts_.cancelled : counts_.failed);
    figures_.ended(took);
    if (completed || running->cancelled()) {
        report_ended(completed ? "job completed" : "job cancelled", outcome.id, took, trace_id);
    } else {
        report_failed(outcome.id, read_failure(outcome.state.result), took, trace_id);
    }
    co_return outcome;
}

void GenerationService::report_ended(const char* how, const std::string& id, Clock::duration took,
                                     const std::string& trace_id) {
    log::info(how, {{"job_id", id},
                    {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()},
                    {"trace_id", trace_id}});
}

void GenerationService::report_failed(const std::string& id, Failure failure, Clock::duration took,
                                      const std::string& trace_id) {
    if (may_quote_request(failure)) {
        failure.message = "not told here, as it may quote the request or its answer: see GET /jobs/" + id;
    }
    log::info("job failed", {{"job_id", id},
                             {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()},
                             {"trace_id", trace_id},
                             {"code", failure.code},
                             {"error", failure.message}});
    latest_failures_.add({id, std::move(failure), took, std::chrono::system_clock::now()});
}

net::awaitable<Outcome> GenerationService::generate(Job job, Clock::time_point deadline) {
    RunningJob* const running = job.running.get();
    Outcome outcome;
    outcome.id = job.id;
    if (running->cancelled()) {
        outcome.state = {JobStatus::failed, failure_text(failure_of_cancellation(job.id))};
        co_return outcome;
    }
    dispatch::SubmitOptions options = submit_options(job.session, job.generation.request.size(), deadline);
    job.generation.note = std::make_shared<WaitNote>();
    const std::shared_ptr<const WaitNote> note = job.generation.note;
    dispatch::JobReport report;
    options.report = &report;
    try {
        auto answer = co_await pool_.submit(options, std::move(job.generation),
                                            net::bind_cancellation_slot(running->slot(), net::use_awaitable));
        ModelAnswer whole = (co_await answer.next()).value();
        outcome.state.status = JobStatus::completed;
        outcome.state.result = std::move(whole.text);
        outcome.worker = report.worker_id;
        outcome.queued = std::chrono::duration_cast<std::chrono::microseconds>(report.queued);
        figures_.spent(whole.usage);
    } catch (...) {
        const std::optional<Failure> why =
            running->cancelled() ? failure_of_cancellation(job.id) : failure(job.id, std::current_exception(), *note);
        if (why) {
            outcome.state.status = JobStatus::failed;
            outcome.state.result = failure_text(*why);
        }
    }
    co_return outcome;
}

dispatch::SubmitOptions GenerationService::submit_options(const std::string& session, std::size_t bytes,
                                                          Clock::time_point deadline) const {
    dispatch::SubmitOptions options;
    if (!session.empty()) {
        options.session = session;
    }
    options.deadline = deadline;
    options.miss_cost = miss_cost(bytes);
    return options;
}

/// Tokens have some four bytes.
std::chrono::nanoseconds GenerationService::miss_cost(std::size_t bytes) const {
    constexpr double bytes_in_token = 4;
    if (options_.prefill_rate <= 0) {
        return {};
    }
    const std::chrono::duration<double> cost{static_cast<double>(bytes) / bytes_in_token / options_.prefill_rate};
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::min<decltype(cost)>(cost, std::chrono::hours{1}));
}

std::optional<Failure> GenerationService::failure(const std::string& id, const std::exception_ptr& error,
                                                  const WaitNote& note) const {
    try {
        std::rethrow_exception(error);
    } catch (const UpstreamError& exception) {
        return exception.failure();
    } catch (const std::system_error& exception) {
        if (exception.code() == dispatch::errc::deadline_exceeded) {
            return out_of_time(note);
        }
        if (stopping_ || exception.code() == dispatch::errc::stopped) {
            return std::nullopt;
        }
        log::error("a job failed for a reason of the gateway's own", {{"job_id", id}, {"error", reason(exception)}});
    } catch (const std::exception& exception) {
        if (stopping_) {
            return std::nullopt;
        }
        log::error("a job failed for a reason of the gateway's own", {{"job_id", id}, {"error", reason(exception)}});
    }
    return failure_of_status(500, "the gateway failed to run the job");
}

Failure GenerationService::out_of_time(const WaitNote& note) const {
    const std::string what = "the job was not done within " + in_words(options_.job_timeout);
    const std::optional<Clock::time_point> limited_until = note.limited();
    if (!limited_until) {
        return {504, "deadline_exceeded", what, true, std::nullopt};
    }
    const auto wait = std::chrono::ceil<std::chrono::seconds>(*limited_until - Clock::now());
    return {429, "upstream_rate_limited", what + ", as the upstream limits the rate of requests", true,
            std::max(wait, std::chrono::seconds{1})};
}

/// Who waits takes the first that comes: the outcome, or, when the store could not keep it or has not by then, that it
/// is not stored yet.
net::awaitable<bool> GenerationService::keep_by(Clock::time_point then, const Outcome& outcome, RunningJob& running) {
    const auto tell_unstored = [&outcome, &running] {
        Outcome unstored = outcome;
        unstored.stored = false;
        running.tell(JobEnd{nullptr, std::move(unstored)});
    };
    const Alarms::Alarm alarm{alarms_, running.strand(), then, tell_unstored};  // for a store that does not answer
    co_return co_await keep(outcome, tell_unstored);
}

/// False: the store could not, and there is no time left. The job stays pending. Calls failed, unless it is empty,
/// whenever the store could not.
net::awaitable<bool> GenerationService::keep(const Outcome& outcome, const std::function<void()>& failed) {
    // An answer was paid for. While the store cannot write (a full disk), the job keeps its slot and tries again, so
    // that a store that is gone for good stops the intake instead of losing answers.
    net::steady_timer pause{executor_};
    for (std::chrono::milliseconds wait{500};; wait = std::min<std::chrono::milliseconds>(2 * wait, max_keep_pause)) {
        try {
            co_await store_.finish(outcome.id, outcome.state.status, outcome.state.result);
            co_return true;
        } catch (const StoreError& error) {
            log::error("the end of a job could not be stored", {{"job_id", outcome.id}, {"error", error.what()}});
        }
        if (failed) {
            failed();
        }
        for (const Clock::time_point end = Clock::now() + wait; Clock::now() < end;) {
            if (stopping_) {
                co_return false;
            }
            pause.expires_after(std::min<Clock::duration>(end - Clock::now(), std::chrono::milliseconds{500}));
            co_await pause.async_wait(net::use_awaitable);
        }
    }
}

}  // namespace gateway
