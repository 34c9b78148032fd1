// SPDX-License-Identifier: Apache-2.0
//
// PoolOptions::late_binding under real threads: jobs move while others are cancelled, expire, are stopped, or lose
// their pool. In rounds, until what this is for has happened.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../simulation/random.hpp"
#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace late_binding_stress_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;

using dispatch::errc;
using dispatch::JobContext;
using dispatch::Ledger;
using sim::Random;
using Clock = std::chrono::steady_clock;
using Strand = net::strand<net::thread_pool::executor_type>;

/// What a job's handler does.
enum class Work : std::uint8_t { nothing, fails, yields, spins, waits, waits_deaf };
constexpr std::size_t kinds_of_work = 6;

enum class Heard : std::uint8_t { nothing, value, handler_error, aborted, deadline_exceeded, stopped, other };
constexpr std::size_t kinds_of_endings = 7;

Heard heard(const std::exception_ptr& error) {
    const std::error_code code = test::code_of(error);
    return !error                            ? Heard::value
           : code == test::aborted()         ? Heard::aborted
           : code == errc::deadline_exceeded ? Heard::deadline_exceeded
           : code == errc::stopped           ? Heard::stopped
           : code == test::no_code()         ? Heard::handler_error
                                             : Heard::other;
}

/// What has happened to jobs that had moved.
struct Moves {
    std::uint64_t completed = 0;
    std::uint64_t failed = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t expired = 0;
    std::uint64_t stopped = 0;

    bool all_seen() const { return completed != 0 && failed != 0 && cancelled != 0 && expired != 0 && stopped != 0; }
};

/// One job. What several threads look at is atomic, the rest is read when all is over.
struct Job {
    Work work = Work::nothing;
    std::optional<Strand> strand;
    net::cancellation_signal signal;
    std::atomic<int> starts{0};
    std::atomic<int> ends{0};
    std::atomic<bool> moved{false};
    /// The strand's.
    int completions = 0;
    Heard hears = Heard::nothing;
};

using Pool = dispatch::WorkerPool<std::size_t, std::size_t, dispatch::RoundRobin>;
using Handle = dispatch::WorkerHandle<std::size_t, std::size_t>;

/// A pool on a thread pool, and threads that use it.
class Round {
  public:
    explicit Round(std::uint64_t seed) : random_{seed} {
        worker_options_.max_concurrency = random_.pick<std::size_t>({1, 1, 1, 2});
        worker_options_.queue_capacity = random_.pick<std::size_t>({1, 64});
        ending_ = random_.pick({Ending::drain, Ending::stop, Ending::destroy, Ending::destroy_all});
        for (Job& job : jobs_) {
            job.strand.emplace(net::make_strand(threads_.get_executor()));
        }
        handles_ = dispatch::spawn_workers<std::size_t, std::size_t>(
            threads_.get_executor(), workers,
            [this](std::size_t job, JobContext& context) { return handle(jobs_[job], context); }, worker_options_);
        pool_.emplace(handles_);
    }

    void run(Moves& moves) {
        std::vector<std::thread> outside;
        for (std::size_t i = 0; i != threads_outside; ++i) {
            outside.emplace_back([this, i, seed = random_.next()] { work_outside(i, Random{seed}); });
        }
        for (std::thread& thread : outside) {
            thread.join();
        }
        if (ending_ == Ending::destroy_all) {
            handles_.clear();
        }
        if (ending_ == Ending::drain || ending_ == Ending::stop) {
            pool_->drain(net::use_future).get();
        } else {
            pool_.reset();
        }
        threads_.join();
        check(moves);
    }

  private:
    enum class Ending : std::uint8_t { drain, stop, destroy, destroy_all };

    static constexpr std::size_t workers = 3;
    static constexpr std::size_t threads_outside = 3;
    static constexpr std::size_t jobs_each = 100;

    net::awaitable<std::size_t> handle(Job& job, JobContext& context) {
        ++job.starts;
        job.moved = context.moved();
        moved_ += context.moved() ? 1 : 0;
        if (++running_[context.worker_id()] > worker_options_.max_concurrency) {
            too_many_at_a_time_ = true;
        }
        const std::shared_ptr<void> at_end{&job, [this, worker = context.worker_id()](Job* ended) {
                                               --running_[worker];
                                               ++ended->ends;
                                           }};
        const net::any_io_executor executor = co_await net::this_coro::executor;
        switch (job.work) {
            case Work::nothing:
                break;
            case Work::fails:
                throw std::runtime_error{"thrown"};
            case Work::yields:
                for (int i = 0; i != 4; ++i) {
                    co_await net::post(executor, net::use_awaitable);
                }
                break;
            case Work::spins:
                for (const auto end = Clock::now() + 20us; Clock::now() < end;) {
                }
                break;
            case Work::waits_deaf:
                co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
                [[fallthrough]];
            case Work::waits: {
                net::steady_timer timer{executor, 50us};
                co_await timer.async_wait(net::use_awaitable);
                break;
            }
        }
        co_return static_cast<std::size_t>(&job - jobs_.data());
    }

    void submit(std::size_t number, Random& random) {
        Job& job = jobs_[number];
        job.work = static_cast<Work>(random.below(kinds_of_work));
        dispatch::SubmitOptions options;
        if (random.chance(30)) {
            options.deadline = Clock::now() + std::chrono::microseconds{random.between(-1, 300)};
        }
        const auto complete = [this, number](const std::exception_ptr& error, std::size_t response) {
            Job& completed = jobs_[number];
            ++completed.completions;
            completed.hears = error || response == number ? heard(error) : Heard::other;
        };
        pool_->submit(options, number,
                      net::bind_cancellation_slot(job.signal.slot(), net::bind_executor(*job.strand, complete)));
    }

    void work_outside(std::size_t thread, Random random) {
        const std::size_t first = thread * jobs_each;
        for (std::size_t i = 0; i != jobs_each; ++i) {
            submit(first + i, random);
            if (random.chance(40)) {
                const std::size_t target = first + i - random.below(std::min<std::size_t>(i + 1, 8));
                net::post(*jobs_[target].strand, [&job = jobs_[target]] {
                    if (job.completions == 0) {
                        job.signal.emit(net::cancellation_type::terminal);
                    }
                });
            }
            if (random.chance(5)) {
                std::this_thread::sleep_for(100us);
            }
            if (ending_ == Ending::stop && thread == 0 && i == jobs_each / 2) {
                pool_->stop();
            }
        }
    }

    void check(Moves& moves) const {
        std::array<std::uint64_t, kinds_of_endings> endings{};
        for (const Job& job : jobs_) {
            EXPECT_EQ(job.completions, 1);
            EXPECT_LE(job.starts, 1);
            EXPECT_EQ(job.starts, job.ends);
            EXPECT_NE(job.hears, Heard::other);
            ++endings[static_cast<std::size_t>(job.hears)];
            if (job.moved) {
                moves.completed += job.hears == Heard::value;
                moves.failed += job.hears == Heard::handler_error;
                moves.cancelled += job.hears == Heard::aborted && ending_ == Ending::drain;
                moves.expired += job.hears == Heard::deadline_exceeded;
                moves.stopped += job.hears == Heard::aborted && ending_ != Ending::drain;
            }
        }
        EXPECT_FALSE(too_many_at_a_time_) << "a worker ran more than max_concurrency jobs at a time";
        for (const Handle& handle : handles_) {
            EXPECT_EQ(handle.load(), 0U) << "worker " << handle.id();
        }
        if (!pool_) {
            return;
        }
        test::expect_idle(*pool_);
        const auto count = [&](Heard ending) { return endings[static_cast<std::size_t>(ending)]; };
        const Ledger ledger = pool_->ledger();
        EXPECT_EQ(ledger.submitted, jobs_.size());
        EXPECT_EQ(ledger.completed, count(Heard::value));
        EXPECT_EQ(ledger.expired, count(Heard::deadline_exceeded));
        EXPECT_EQ(ledger.failed + ledger.cancelled + ledger.stopped,
                  count(Heard::handler_error) + count(Heard::aborted) + count(Heard::stopped));
        EXPECT_EQ(ledger.moved, moved_);
        std::uint64_t moved = 0;
        for (const dispatch::WorkerMetrics& row : pool_->worker_metrics()) {
            moved += row.moved;
        }
        EXPECT_EQ(moved, moved_);
    }

    Random random_;
    dispatch::WorkerOptions worker_options_;
    Ending ending_ = Ending::drain;
    net::thread_pool threads_{3};
    std::vector<Job> jobs_ = std::vector<Job>(threads_outside * jobs_each);
    std::array<std::atomic<std::size_t>, workers> running_{};
    std::atomic<bool> too_many_at_a_time_{false};
    std::atomic<std::uint64_t> moved_{0};
    std::vector<Handle> handles_;
    std::optional<Pool> pool_;
};

TEST(LateBindingStress, EveryJobEndsOnceWhereverItRuns) {
    constexpr std::uint64_t least_rounds = 40;
    constexpr std::uint64_t most_rounds = 5000;
    Moves moves;
    for (std::uint64_t round = 0; round < least_rounds || (round < most_rounds && !moves.all_seen()); ++round) {
        SCOPED_TRACE(round);
        std::make_unique<Round>(round)->run(moves);
        if (testing::Test::HasFailure()) {
            break;
        }
    }
    std::cout << "moved jobs: completed " << moves.completed << ", failed " << moves.failed << ", cancelled "
              << moves.cancelled << ", expired " << moves.expired << ", stopped " << moves.stopped << '\n';
    EXPECT_TRUE(moves.all_seen()) << "not everything has happened";
}

TEST(LateBindingStress, NoJobWaitsWhileAPermitIsFree) {
    // In each round there are as many jobs as workers that return only when all of them run, among others that do not
    // take long: with a job that waits although a worker is free, the round would not end.
    constexpr std::size_t workers = 3;
    constexpr int rounds = 400;
    net::thread_pool threads{3};
    for (int round = 0; round != rounds; ++round) {
        const auto met = std::make_shared<std::atomic<std::size_t>>(0);
        const test::Gate gate;
        Pool pool{dispatch::spawn_workers<std::size_t, std::size_t>(
            threads.get_executor(), workers,
            [met, gate](std::size_t request) -> net::awaitable<std::size_t> {
                if (request == 0) {
                    if (++*met == workers) {
                        gate.open();
                    }
                    co_await gate.pass();
                } else if (request % 2 == 0) {
                    co_await net::post(co_await net::this_coro::executor, net::use_awaitable);
                }
                co_return request;
            },
            {.max_concurrency = 1})};
        std::vector<std::thread> outside;
        for (std::size_t thread = 0; thread != 2; ++thread) {
            outside.emplace_back([&, thread] {
                Random random{static_cast<std::uint64_t>(round) * 2 + thread};
                // One thread submits two of those that wait for one another, the other one the third.
                std::size_t waiting = 2 - thread;
                for (std::size_t i = 0; i != 16; ++i) {
                    const bool waits = waiting != 0 && (16 - i <= waiting || random.chance(15));
                    waiting -= waits ? 1 : 0;
                    pool.submit(std::nullopt, waits ? 0 : 1 + random.below(4), net::detached);
                }
            });
        }
        for (std::thread& thread : outside) {
            thread.join();
        }
        auto drained = pool.drain(net::use_future);
        ASSERT_EQ(drained.wait_for(20s), std::future_status::ready)
            << "round " << round << ": " << *met << " of " << workers << " jobs run, the others wait";
        EXPECT_EQ(drained.get().completed, 32U);
    }
    threads.join();
}

}  // namespace late_binding_stress_test
