// SPDX-License-Identifier: Apache-2.0
//
// The ledger under real threads: four of a thread pool and four outside do everything at random, in rounds,
// until each of the races that this is for has happened. After each round all must add up.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../simulation/random.hpp"
#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace {

namespace net = dispatch::net;
using namespace std::chrono_literals;

/// The steady clock, which is put forward now and then.
struct Clock {
    using time_point = std::chrono::steady_clock::time_point;
    using duration = time_point::duration;
    using rep = duration::rep;
    using period = duration::period;
    [[maybe_unused]] static constexpr bool is_steady = true;

    static time_point now() { return std::chrono::steady_clock::now() + put_forward_by(); }
    static duration put_forward_by() { return duration{forward}; }
    static void put_forward(duration by) { forward += by.count(); }

    static inline std::atomic<rep> forward{0};
};

}  // namespace

/// The times of jobs and pins are put forward; for how long a worker has had its thread is not.
template <>
struct dispatch::TimeSource<net::any_io_executor> {
    using Clock = std::chrono::steady_clock;
    using Timer = net::basic_waitable_timer<::Clock, net::wait_traits<::Clock>, net::any_io_executor>;
    static Clock::time_point now(const net::any_io_executor& /*executor*/) { return ::Clock::now(); }
};

namespace {

using dispatch::errc;
using dispatch::JobContext;
using dispatch::Overflow;
using sim::Random;
using Strand = net::strand<net::thread_pool::executor_type>;

/// How often each race was won by either side.
struct Races {
    /// A job was cancelled that had not started a moment before, and ...
    std::uint64_t cancelled_before_start = 0;
    std::uint64_t started_nevertheless = 0;
    /// A job was cancelled that had started and not ended a moment before, and ...
    std::uint64_t cancelled_before_completion = 0;
    std::uint64_t completed_nevertheless = 0;
    /// A handler returned a response after the deadline, and its submitter heard ...
    std::uint64_t of_the_deadline = 0;
    std::uint64_t of_the_response = 0;
    /// A job was submitted while stop() came, and ...
    std::uint64_t stopped = 0;
    std::uint64_t not_stopped = 0;
    /// A session moved to another worker while several threads looked it up, or one moved the time on.
    std::uint64_t session_expired = 0;

    bool all_seen() const {
        return cancelled_before_start != 0 && started_nevertheless != 0 && cancelled_before_completion != 0 &&
               completed_nevertheless != 0 && of_the_deadline != 0 && of_the_response != 0 && stopped != 0 &&
               not_stopped != 0 && session_expired != 0;
    }

    friend std::ostream& operator<<(std::ostream& out, const Races& races) {
        return out << "cancel against start: " << races.cancelled_before_start << " : " << races.started_nevertheless
                   << ", cancel against completion: " << races.cancelled_before_completion << " : "
                   << races.completed_nevertheless << ", deadline against completion: " << races.of_the_deadline
                   << " : " << races.of_the_response << ", stop against submit: " << races.stopped << " : "
                   << races.not_stopped << ", expiry against lookup: " << races.session_expired;
    }
};

/// What a job's handler does.
enum class Work : std::uint8_t {
    nothing,
    fails,
    yields,
    spins,       ///< until its deadline, if it has one
    waits,       ///< a moment, or until it is cancelled
    waits_deaf,  ///< a moment
    submits,     ///< another job
};
constexpr std::size_t kinds_of_work = 7;

enum class Heard : std::uint8_t { value, handler_error, aborted, queue_full, deadline_exceeded, stopped, other };
constexpr std::size_t kinds_of_endings = 7;

struct HandlerError : std::runtime_error {
    explicit HandlerError(std::size_t job) : std::runtime_error{std::to_string(job)} {}
};

Heard heard(const std::exception_ptr& error, std::size_t job) {
    if (!error) {
        return Heard::value;
    }
    const std::error_code code = test::code_of(error);
    if (code == test::aborted()) {
        return Heard::aborted;
    }
    if (code == errc::queue_full) {
        return Heard::queue_full;
    }
    if (code == errc::deadline_exceeded) {
        return Heard::deadline_exceeded;
    }
    if (code == errc::stopped) {
        return Heard::stopped;
    }
    return test::is_error<HandlerError>(error, std::to_string(job)) ? Heard::handler_error : Heard::other;
}

/// One job: what it is to do, and what has become of it.
struct Job {
    // Written before it is submitted.
    Work work = Work::nothing;
    bool may_be_rejected = false;
    int session = -1;
    std::optional<Clock::time_point> deadline;
    std::optional<Strand> strand;
    net::cancellation_signal signal;

    // By whoever submits it.
    bool submitted = false;
    bool overtaken_by_stop = false;
    bool overtaken_by_time = false;
    std::uint64_t submit_began = 0;
    std::uint64_t submit_ended = 0;

    // On its worker's strand.
    std::size_t worker = 0;
    bool returned = false;
    bool returned_late = false;
    std::atomic<bool> started{false};
    std::atomic<bool> ended{false};

    // On its own strand.
    bool cancelled = false;
    bool cancelled_before_start = false;
    bool cancelled_while_running = false;
    int completions = 0;
    Heard heard = Heard::other;
    bool heard_right = false;
};

/// A pool, its context with four threads, and four threads that use it.
class Round {
  public:
    explicit Round(std::uint64_t seed) : random_{seed} {
        worker_options_.max_concurrency = random_.pick<std::size_t>({1, 2, 4});
        worker_options_.queue_capacity = random_.pick<std::size_t>({1, 4, 64});
        pool_options_.overflow = random_.pick({Overflow::wait, Overflow::wait, Overflow::reject});
        pool_options_.affinity_ttl = random_.pick({short_ttl, long_ttl});
        pool_options_.affinity_expiry =
            random_.pick({dispatch::AffinityExpiry::fixed, dispatch::AffinityExpiry::sliding});
        ending_ = random_.pick({Ending::drain, Ending::stop, Ending::stop, Ending::destroy});
        for (Job& job : jobs_) {
            job.strand.emplace(net::make_strand(threads_.get_executor()));
        }
        handles_ = dispatch::spawn_workers<std::size_t, std::size_t>(
            threads_.get_executor(), workers,
            [this](std::size_t job, JobContext& context) { return handle(job, context.worker_id()); }, worker_options_);
        pool_.emplace(handles_, pool_options_);
    }

    /// Everything happens here. What was wrong is a failure of the test.
    void run(Races& races) {
        std::vector<std::thread> outside;
        for (std::size_t i = 0; i != threads_outside; ++i) {
            outside.emplace_back([this, i, seed = random_.next()] { work_outside(i == 0, Random{seed}); });
        }
        for (std::thread& thread : outside) {
            thread.join();
        }
        closing_ = true;
        if (ending_ == Ending::destroy) {
            stopping_ = true;
            pool_.reset();
        } else {
            pool_->drain(net::use_future).get();
        }
        threads_.join();
        check_jobs();
        check_sessions();
        check_figures();
        count(races);
    }

  private:
    enum class Ending : std::uint8_t { drain, stop, destroy };
    using Pool = dispatch::WorkerPool<std::size_t, std::size_t>;
    using Handle = dispatch::WorkerHandle<std::size_t, std::size_t>;

    static constexpr std::size_t workers = 3;
    static constexpr std::size_t threads_outside = 4;
    static constexpr std::size_t operations = 250;
    static constexpr std::size_t most_jobs = 2 * threads_outside * operations;
    static constexpr std::size_t sessions = 4;
    /// A round takes less than a minute.
    static constexpr std::chrono::nanoseconds short_ttl = 1h;
    static constexpr std::chrono::nanoseconds long_ttl = 100'000h;

    net::awaitable<std::size_t> handle(std::size_t number, std::size_t worker) {
        Job& job = jobs_[number];
        job.worker = worker;
        job.started = true;
        if (++running_[worker] > worker_options_.max_concurrency) {
            too_many_at_a_time_ = true;
        }
        try {
            co_await work(job);
            if (job.work == Work::fails) {
                throw HandlerError{number};
            }
        } catch (...) {
            end(job);
            throw;
        }
        job.returned = true;
        job.returned_late = job.deadline && Clock::now() >= *job.deadline;
        end(job);
        co_return number;
    }

    void end(Job& job) {
        --running_[job.worker];
        job.ended = true;
    }

    net::awaitable<void> work(Job& job) {
        switch (job.work) {
            case Work::nothing:
            case Work::fails:
                break;
            case Work::yields:
                co_await net::post(net::use_awaitable);
                co_await net::post(net::use_awaitable);
                break;
            case Work::spins:
                while (job.deadline && Clock::now() < *job.deadline) {
                }
                break;
            case Work::waits_deaf:
                co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
                [[fallthrough]];
            case Work::waits: {
                const net::any_io_executor executor = co_await net::this_coro::executor;
                net::steady_timer timer{executor, 20us};
                co_await timer.async_wait(net::use_awaitable);
                break;
            }
            case Work::submits:
                // Nobody may use the pool while it is destroyed.
                if (ending_ != Ending::destroy) {
                    submit(Work::nothing, -1, std::nullopt, true);
                }
                break;
        }
    }

    /// The number of the job.
    std::size_t submit(Work work, int session, std::optional<Clock::time_point> deadline, bool trying) {
        const std::size_t number = next_job_++;
        Job& job = jobs_.at(number);
        job.work = work;
        job.session = session;
        job.deadline = deadline;
        job.may_be_rejected = trying || pool_options_.overflow == Overflow::reject;
        job.submitted = true;
        dispatch::SubmitOptions options;
        options.deadline = deadline;
        const std::string name = std::to_string(session);
        if (session >= 0) {
            options.session = name;
        }
        auto handler = net::bind_cancellation_slot(
            job.signal.slot(),
            net::bind_executor(*job.strand,
                               [this, number, tracer = tracer_](const std::exception_ptr& error, std::size_t response) {
                                   complete(number, error, response);
                               }));
        job.submit_began = ++ticks_;
        const bool stopping = stopping_;
        const Clock::duration forward = Clock::put_forward_by();
        const bool outer = std::exchange(submitting, true);
        if (trying) {
            pool_->try_submit(options, number, std::move(handler));
        } else {
            pool_->submit(options, number, std::move(handler));
        }
        submitting = outer;
        job.overtaken_by_stop = !stopping && stopping_;
        job.overtaken_by_time = forward != Clock::put_forward_by();
        job.submit_ended = ++ticks_;
        return number;
    }

    void complete(std::size_t number, const std::exception_ptr& error, std::size_t response) {
        Job& job = jobs_[number];
        ++job.completions;
        job.heard = heard(error, number);
        job.heard_right =
            !submitting && job.strand->running_in_this_thread() && may_hear(job) && response == (error ? 0 : number);
    }

    /// Whether job's submitter may hear at this moment what it hears.
    bool may_hear(const Job& job) const {
        switch (job.heard) {
            case Heard::value:
                return job.ended && job.returned;
            case Heard::handler_error:
                return job.ended && job.work == Work::fails;
            case Heard::aborted:
                return job.cancelled || stopping_;
            case Heard::queue_full:
                return job.may_be_rejected && !job.started;
            case Heard::deadline_exceeded:
                return job.deadline && Clock::now() >= *job.deadline;
            case Heard::stopped:
                return closing_ && !job.started;
            case Heard::other:
                break;
        }
        return false;
    }

    /// A signal is emitted on the associated executor of the job's handler.
    void cancel(std::size_t number, net::cancellation_type_t type) {
        net::post(*jobs_[number].strand, [this, number, type] {
            Job& job = jobs_[number];
            if (job.completions == 0) {
                job.cancelled = true;
                const bool ended = job.ended;
                const bool started = job.started;
                job.cancelled_before_start |= !started;
                job.cancelled_while_running |= started && !ended;
                job.signal.emit(type);
            }
        });
    }

    /// What each of the threads does; the one that stops does that as well.
    void work_outside(bool stops, Random random) {
        const std::size_t when_to_stop = operations / 2 + random.below(operations / 2);
        std::vector<std::size_t> mine;
        for (std::size_t i = 0; i != operations; ++i) {
            std::optional<Clock::time_point> deadline;
            if (random.chance(30)) {
                deadline = Clock::now() + std::chrono::microseconds{random.between(-1, 200)};
            }
            const int session = random.chance(50) ? static_cast<int>(random.below(sessions)) : -1;
            mine.push_back(
                submit(static_cast<Work>(random.below(kinds_of_work)), session, deadline, random.chance(20)));
            if (random.chance(50)) {
                // The latest may not have started; those before it may just be at work.
                cancel(mine[mine.size() - 1 - random.below(std::min<std::size_t>(mine.size(), 8))],
                       random.pick({net::cancellation_type::total, net::cancellation_type::partial,
                                    net::cancellation_type::terminal}));
            }
            if (random.chance(20)) {
                Clock::put_forward(short_ttl / 2);
            }
            if (random.chance(5)) {
                static_cast<void>(pool_->worker_metrics());
                static_cast<void>(pool_->ledger());
            }
            if (stops && ending_ == Ending::stop && i == when_to_stop) {
                closing_ = true;
                stopping_ = true;
                pool_->stop();
            }
        }
    }

    std::size_t submitted() const { return next_job_; }

    void check_jobs() const {
        for (std::size_t number = 0; number != submitted(); ++number) {
            const Job& job = jobs_[number];
            EXPECT_EQ(job.completions, 1) << "job " << number;
            EXPECT_TRUE(job.heard_right) << "job " << number << " heard " << static_cast<int>(job.heard);
            EXPECT_EQ(job.started.load(), job.ended.load()) << "job " << number;
        }
        EXPECT_FALSE(too_many_at_a_time_) << "a worker ran more than max_concurrency jobs at a time";
        EXPECT_EQ(tracer_.use_count(), 1) << "completion handlers are left";
    }

    /// Nothing expires in an hour.
    void check_sessions() const {
        if (pool_options_.affinity_ttl == short_ttl) {
            return;
        }
        std::array<std::optional<std::size_t>, sessions> homes;
        for (const Job& job : jobs_) {
            if (job.session >= 0 && job.started) {
                auto& home = homes[static_cast<std::size_t>(job.session)];
                EXPECT_EQ(home.value_or(job.worker), job.worker) << "session " << job.session << " has moved";
                home = job.worker;
            }
        }
    }

    void check_figures() const {
        for (const Handle& handle : handles_) {
            EXPECT_EQ(handle.load(), 0U) << "worker " << handle.id();
        }
        if (!pool_) {
            return;
        }
        test::expect_idle(*pool_);
        std::array<std::uint64_t, kinds_of_endings> endings{};
        for (std::size_t number = 0; number != submitted(); ++number) {
            ++endings[static_cast<std::size_t>(jobs_[number].heard)];
        }
        const auto heard = [&](Heard ending) { return endings[static_cast<std::size_t>(ending)]; };
        const dispatch::Ledger ledger = pool_->ledger();
        EXPECT_EQ(ledger.submitted, submitted());
        EXPECT_EQ(ledger.completed, heard(Heard::value));
        EXPECT_EQ(ledger.rejected, heard(Heard::queue_full));
        EXPECT_EQ(ledger.expired, heard(Heard::deadline_exceeded));
        EXPECT_GE(ledger.stopped, heard(Heard::stopped));
        EXPECT_LE(ledger.failed, heard(Heard::handler_error));
        EXPECT_EQ(ledger.failed + ledger.cancelled + ledger.stopped,
                  heard(Heard::handler_error) + heard(Heard::aborted) + heard(Heard::stopped));
    }

    void count(Races& races) const {
        for (std::size_t number = 0; number != submitted(); ++number) {
            const Job& job = jobs_[number];
            const bool hears_cancellation = job.work == Work::waits || job.work == Work::yields;
            races.cancelled_before_start += job.cancelled_before_start && !job.started && job.heard == Heard::aborted;
            races.started_nevertheless += job.cancelled_before_start && job.started;
            races.cancelled_before_completion += job.cancelled_while_running && job.heard == Heard::aborted;
            races.completed_nevertheless +=
                job.cancelled_while_running && hears_cancellation && job.heard == Heard::value;
            races.of_the_deadline += job.returned_late && job.heard == Heard::deadline_exceeded;
            races.of_the_response += job.returned_late && job.heard == Heard::value;
            races.stopped += job.overtaken_by_stop && job.heard == Heard::stopped;
            races.not_stopped += job.overtaken_by_stop && job.heard != Heard::stopped;
            if (pool_options_.affinity_ttl == short_ttl) {
                races.session_expired += session_moved_meanwhile(number);
            }
        }
    }

    /// Whether the job's session moved to another worker while the job was being submitted: another thread
    /// looked it up at the same time, or moved the time on.
    bool session_moved_meanwhile(std::size_t number) const {
        const Job& job = jobs_[number];
        for (std::size_t other = number; job.session >= 0 && job.started && other-- != 0;) {
            const Job& before = jobs_[other];
            if (before.session == job.session && before.started) {
                return before.worker != job.worker &&
                       (job.overtaken_by_time ||
                        (before.submit_began < job.submit_ended && job.submit_began < before.submit_ended));
            }
        }
        return false;
    }

    static inline thread_local bool submitting = false;

    Random random_;
    dispatch::WorkerOptions worker_options_;
    dispatch::PoolOptions pool_options_;
    Ending ending_ = Ending::drain;
    net::thread_pool threads_{4};
    std::vector<Job> jobs_ = std::vector<Job>(most_jobs);
    const std::shared_ptr<int> tracer_ = std::make_shared<int>();
    std::array<std::atomic<std::size_t>, workers> running_{};
    std::atomic<bool> too_many_at_a_time_{false};
    std::atomic<bool> closing_{false};
    std::atomic<bool> stopping_{false};
    std::atomic<std::size_t> next_job_{0};
    std::atomic<std::uint64_t> ticks_{0};
    std::vector<Handle> handles_;
    std::optional<Pool> pool_;
};

TEST(Stress, EveryJobIsAccountedForWhateverRaces) {
    constexpr std::uint64_t least_rounds = 20;
    constexpr std::uint64_t most_rounds = 20'000;
    Races races;
    for (std::uint64_t round = 0; round < least_rounds || (round < most_rounds && !races.all_seen()); ++round) {
        SCOPED_TRACE(round);
        std::make_unique<Round>(round)->run(races);
        if (HasFailure()) {
            break;
        }
    }
    std::cout << races << '\n';
    EXPECT_TRUE(races.all_seen()) << "not every race has happened";
}

}  // namespace
