// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_SERVICE_SERVICE_HPP
#define GATEWAY_SERVICE_SERVICE_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include <gateway/base/alarms.hpp>
#include <gateway/base/net.hpp>
#include <gateway/base/trace_context.hpp>
#include <gateway/config/config.hpp>
#include <gateway/http/failure.hpp>
#include <gateway/jobs/job.hpp>
#include <gateway/jobs/job_store.hpp>
#include <gateway/service/generation.hpp>
#include <gateway/service/job_figures.hpp>
#include <gateway/service/latest_failures.hpp>
#include <gateway/service/live_answer.hpp>
#include <gateway/service/pending_jobs.hpp>
#include <gateway/service/running_jobs.hpp>
#include <gateway/service/watched_job.hpp>
#include <gateway/upstream/wait_note.hpp>

namespace gateway {

/// A job was not accepted; what() is what the client is told.
class Refused : public std::runtime_error {
  public:
    enum class Why : std::uint8_t {
        full,           ///< as many jobs are pending as may be; later there will be room
        shutting_down,  ///< this gateway takes no more
        not_stored,     ///< the store is overloaded, or cannot write
        key_reused,     ///< its idempotency key is that of another request
    };

    Refused(Why why, const std::string& what) : std::runtime_error{what}, why_{why} {}
    [[nodiscard]] Why why() const { return why_; }

  private:
    Why why_;
};

/// What a client asks for.
struct JobRequest {
    std::string session = {};  ///< empty: none
    SharedText request;        ///< the text of its JSON
    /// What Model::prepare() made of request; empty, that is left to whoever runs it.
    SharedText prepared = {};
    Dialect dialect = Dialect::gemini;
    /// Of an answer in parts: see ModelRequest.
    bool usage_wanted = false;
    /// What was asked for before with the same key is not done again.
    std::optional<IdempotencyKey> key = {};
    /// It is not stored: a job that is resumed has a new one.
    TraceContext trace = {};
};

struct ServiceOptions {
    std::size_t max_pending = 10'000;
    std::uint64_t max_pending_bytes = std::uint64_t{256} << 20;
    std::chrono::milliseconds job_timeout = std::chrono::minutes{30};
    std::chrono::milliseconds job_ttl = std::chrono::hours{1};
    RestartPolicy on_restart = RestartPolicy::resume;
    /// How often a job is resumed after a crash; then it fails, as it may be what brings the gateway down.
    std::size_t max_resumes = 3;
    /// How often a store that cannot write is asked whether it can.
    std::chrono::milliseconds probe_interval{200};
    /// Tokens of a prompt that the upstream reads in a second, if it has none of them in a cache: what it costs when a
    /// session's job runs on a worker that does not know the session. 0: nothing.
    double prefill_rate = 0;
};

/// Counted since the start.
struct ServiceCounters {
    std::uint64_t accepted = 0;
    std::uint64_t streamed = 0;  ///< among them: those whose answer was told as it came
    std::uint64_t resumed = 0;
    std::uint64_t completed = 0;
    std::uint64_t failed = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t refused_full = 0;
    std::uint64_t refused_shutting_down = 0;
    std::uint64_t refused_not_stored = 0;
    /// At present.
    std::uint64_t pending = 0;
    std::uint64_t pending_bytes = 0;
};

/// The gateway without HTTP: keeps a job, has the pool run it, keeps what becomes of it.
///
/// A job accepted is a job kept: its id is handed out when the store has it on disk. It is run at least once: after
/// a crash, one whose end was not stored yet runs again.
///
/// Thread-safe. pool, store and figures must outlive the service, and the service the threads that run executor.
class GenerationService {
  public:
    GenerationService(const net::any_io_executor& executor, GenerationPool& pool, JobStore& store, JobFigures& figures,
                      ServiceOptions options);
    GenerationService(const GenerationService&) = delete;
    GenerationService& operator=(const GenerationService&) = delete;

    /// Takes up (or gives up, as ServiceOptions::on_restart says) the jobs that a former run left, and begins to
    /// remove expired ones. Completes when the former jobs are known, which is before any are run. Once, before
    /// jobs are accepted.
    net::awaitable<void> start();

    /// Stores a job and has it run in the background; its id, or that of the job that has its key. Throws Refused.
    ///
    /// Executor: that of the awaiting coroutine, which must be a strand. The job's coroutine, which does little but
    /// wait, runs there as well.
    net::awaitable<std::string> accept(JobRequest request);

    /// The same, for who waits for its end. If it has the key of a job of a former run, which is pending and not taken
    /// up yet, the wait ends at once, with nothing. Throws Refused, and StoreError, if what became of the job that has
    /// its key cannot be read.
    net::awaitable<WatchedJob> accept_and_watch(JobRequest request);

    /// Has a job run that is not stored, as its answer is told in parts while it comes. Completes when the first one is
    /// there. Who leaves before that cancels it (terminal: operation_aborted), and so does who destroys what this
    /// returns. Throws Refused and JobFailed.
    ///
    /// Executor: that of the awaiting coroutine, which must be a strand.
    net::awaitable<std::unique_ptr<LiveAnswer>> stream(JobRequest request);

    /// Cancels a job, for who waits for its end: it fails with the code "cancelled", unless it has ended, or is about
    /// to. Nothing, if there is no such job. Throws StoreError.
    net::awaitable<std::optional<WatchedJob>> cancel(std::string id);

    /// What is known of a job; nothing, if there is none. Throws StoreError.
    net::awaitable<std::optional<JobState>> find(std::string id);

    /// Accepts no more jobs, and waits up to limit for those that are pending. Then the rest are stopped: those that
    /// are stored stay so, as pending, and answers that are streamed end with an error. Once.
    net::awaitable<void> drain(std::chrono::milliseconds limit);

    /// Waits until nothing is pending or runs any more, and returns the pool's ledger. After drain(), and when the
    /// clients have been dropped: one that reads slowly keeps its stream. Once.
    net::awaitable<dispatch::Ledger> finish();

    /// Whether it takes jobs: it is not draining, and the store can write.
    [[nodiscard]] bool ready() const { return !draining_ && store_.health() == StoreHealth::well; }

    /// Bodies of requests that arrive count as those of pending jobs do.
    [[nodiscard]] BodyBound& bodies() { return pending_; }

    /// drain has begun.
    [[nodiscard]] bool draining() const { return draining_; }

    [[nodiscard]] ServiceCounters counters() const;

    /// The jobs that failed last, of those whose end is stored; the latest first. Cancelled ones are not among them.
    [[nodiscard]] std::vector<FailedJob> latest_failures() const { return latest_failures_.snapshot(); }

  private:
    using Slot = PendingJobs::Slot;

    /// A job that is stored, and is to be run.
    struct Job {
        std::string id;
        std::string session;
        Generation generation;
        std::shared_ptr<RunningJob> running = nullptr;  ///< null: another job has its key, whose id this is
    };

    friend LiveAnswer;

    /// Bytes that a pending job holds: its texts, and what there is of it in the pool, the store and on its way.
    static std::uint64_t size_of(std::string_view session, std::string_view request, std::string_view prepared = {});
    /// Throws Refused.
    Slot admit(const JobRequest& request);
    Slot admit_stored(const JobRequest& request);
    /// The job that was stored, or the id of that which has its key.
    net::awaitable<Job> store_new(JobRequest request);
    net::awaitable<Outcome> run(Job job, Slot slot);
    net::awaitable<Outcome> generate(Job job, Clock::time_point deadline);
    void run_in_background(Job job, Slot slot);
    net::awaitable<WatchedJob> watch(std::string id);
    /// For the log, and of a failure for who looks at the latest: no text of the job's request or answer.
    static void report_ended(const char* how, const std::string& id, Clock::duration took, const std::string& trace_id);
    void report_failed(const std::string& id, Failure failure, Clock::duration took, const std::string& trace_id);
    net::awaitable<bool> keep_by(Clock::time_point then, const Outcome& outcome, RunningJob& running);
    net::awaitable<bool> keep(const Outcome& outcome, const std::function<void()>& failed);
    /// session: referred to.
    [[nodiscard]] dispatch::SubmitOptions submit_options(const std::string& session, std::size_t bytes,
                                                         Clock::time_point deadline) const;
    [[nodiscard]] std::chrono::nanoseconds miss_cost(std::size_t bytes) const;
    /// What the client is told; nothing, if the job did not fail but was stopped.
    std::optional<Failure> failure(const std::string& id, const std::exception_ptr& error, const WaitNote& note) const;
    Failure out_of_time(const WaitNote& note) const;

    net::awaitable<void> resume();
    net::awaitable<void> resume(PendingJob job, Slot slot);
    net::awaitable<void> remove_expired();
    net::awaitable<void> watch_store();

    static constexpr std::size_t resume_page = 64;      // jobs read at a time
    static constexpr std::size_t expired_batch = 1000;  // jobs removed at a time
    static constexpr std::size_t failures_kept = 20;
    static constexpr std::chrono::milliseconds max_keep_pause = std::chrono::seconds{30};

    struct Counts {
        std::atomic<std::uint64_t> accepted, streamed, resumed, completed, failed, cancelled, refused_full,
            refused_shutting_down, refused_not_stored;
    };

    net::any_io_executor executor_;
    GenerationPool& pool_;
    JobStore& store_;
    JobFigures& figures_;
    const ServiceOptions options_;
    PendingJobs pending_;
    RunningJobs running_;
    std::atomic<bool> draining_{false};
    std::atomic<bool> stopping_{false};  // the time for draining is over
    Counts counts_{};
    LatestFailures latest_failures_{failures_kept};
    net::any_io_executor housekeeping_;  // a strand
    net::steady_timer pause_;            // used on it alone, as is the next one
    net::steady_timer probe_pause_;
    Alarms alarms_;
};

}  // namespace gateway

#endif  // GATEWAY_SERVICE_SERVICE_HPP
