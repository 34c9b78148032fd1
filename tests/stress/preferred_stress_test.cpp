// SPDX-License-Identifier: Apache-2.0
//
// Affinity::preferred under real threads: jobs of a few sessions, with miss costs of about what a job takes, wait for
// their homes, lose patience, are cancelled, run late and are stopped, on the four threads of a pool and from three
// others. After each round all must add up.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <latch>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/job_report.hpp>
#include <dispatch/pool.hpp>

#include "../support/pool_fixture.hpp"

namespace preferred_stress_test {

namespace net = dispatch::net;
using namespace std::chrono_literals;
using dispatch::JobReport;
using dispatch::PoolOptions;
using dispatch::SessionVerdict;
using std::chrono::microseconds;

struct Request {
    unsigned dice;
};

using Pool = dispatch::WorkerPool<Request, std::size_t>;

/// A job from its submission to its completion; both on its submitter's strand, where it is cancelled as well.
struct Submission {
    JobReport report{99, SessionVerdict::none, -1s, -1s};
    net::cancellation_signal signal;
    bool completed = false;
};

struct Counts {
    std::atomic<std::uint64_t> returned{0};
    std::atomic<std::uint64_t> moved{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> other{0};
    std::uint64_t sum() const { return returned + refused + other; }
};

net::awaitable<std::size_t> handle(Request request, dispatch::JobContext& job) {
    if (request.dice % 13 == 0) {
        co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
    }
    if (request.dice % 3 != 0) {
        net::steady_timer timer{co_await net::this_coro::executor, microseconds{request.dice % 400}};
        co_await timer.async_wait(net::use_awaitable);
    }
    if (request.dice % 17 == 0) {
        throw std::runtime_error{"the handler's"};
    }
    co_return job.worker_id();
}

using Strand = net::strand<net::thread_pool::executor_type>;

/// One job, submitted and maybe cancelled on strand.
void submit_one(Pool& pool, const Strand& strand, unsigned dice, unsigned other_dice, Counts& counts) {
    const auto job = std::make_shared<Submission>();
    dispatch::SubmitOptions options;
    const std::string session = std::to_string(dice % 6);
    if (dice % 9 != 0) {
        options.session = session;
    }
    if (other_dice % 4 != 0) {
        options.miss_cost = microseconds{other_dice % 300};
    }
    if (other_dice % 5 == 0) {
        options.deadline = std::chrono::steady_clock::now() + microseconds{other_dice % 1'000};
    }
    options.report = &job->report;
    auto handler = [job, &counts](const std::exception_ptr& error, std::size_t worker) {
        EXPECT_FALSE(std::exchange(job->completed, true));
        const JobReport& report = job->report;
        EXPECT_LT(report.worker_id, 99U);
        EXPECT_GE(report.queued, 0s);
        EXPECT_GE(report.ran, 0s);
        if (!error) {
            EXPECT_EQ(report.worker_id, worker);
            ++counts.returned;
        } else if (test::code_of(error) == dispatch::errc::queue_full) {
            ++counts.refused;
        } else {
            ++counts.other;
        }
        if (report.verdict == SessionVerdict::moved) {
            ++counts.moved;
        }
    };
    auto bound = net::bind_executor(strand, net::bind_cancellation_slot(job->signal.slot(), std::move(handler)));
    if (dice % 2 == 0) {
        pool.submit(options, Request{dice / 2}, std::move(bound));
    } else {
        pool.try_submit(options, Request{dice / 2}, std::move(bound));
    }
    if (other_dice % 7 == 0) {
        const auto timer = std::make_shared<net::steady_timer>(strand, microseconds{dice % 700});
        timer->async_wait([timer, job](const test::net_error& /*error*/) {
            if (!job->completed) {
                job->signal.emit(net::cancellation_type::terminal);
            }
        });
    }
}

void play(unsigned round, PoolOptions options, dispatch::Ledger& seen) {
    constexpr std::size_t submitters = 3;
    constexpr std::size_t jobs_each = 1'500;
    SCOPED_TRACE("round " + std::to_string(round));
    Counts counts;
    net::thread_pool threads{4};
    std::optional<Pool> pool{std::in_place,
                             dispatch::spawn_workers<Request, std::size_t>(threads.get_executor(), 4, handle,
                                                                           {.max_concurrency = 2, .queue_capacity = 8}),
                             options};
    std::latch all_there{submitters + 1};
    std::vector<std::thread> outside;
    for (unsigned s = 0; s != submitters; ++s) {
        outside.emplace_back([&, s] {
            const Strand strand = net::make_strand(threads.get_executor());
            std::minstd_rand random{round * 10 + s + 1};
            all_there.arrive_and_wait();
            for (std::size_t i = 0; i != jobs_each; ++i) {
                net::post(strand, [&pool, &counts, strand, dice = static_cast<unsigned>(random()),
                                   other_dice = static_cast<unsigned>(random())] {
                    submit_one(*pool, strand, dice, other_dice, counts);
                });
                if (i % 16 == 0) {
                    std::this_thread::sleep_for(microseconds{random() % 800});
                }
            }
        });
    }
    all_there.arrive_and_wait();
    if (round % 3 == 1) {
        std::this_thread::sleep_for(20ms);
        pool->stop();
    }
    for (std::thread& thread : outside) {
        thread.join();
    }
    threads.join();  // everything has been answered, and every handler has ended
    const dispatch::Ledger ledger = pool->ledger();
    EXPECT_EQ(counts.sum(), submitters * jobs_each);
    EXPECT_EQ(ledger.submitted, submitters * jobs_each);
    EXPECT_EQ(ledger.completed, counts.returned);
    EXPECT_EQ(ledger.rejected, counts.refused);
    test::expect_idle(*pool);
    std::size_t sessions = 0;
    for (const dispatch::WorkerMetrics& row : pool->worker_metrics()) {
        sessions += row.sessions;
    }
    EXPECT_LE(sessions, 6U);
    if (round % 3 != 1) {
        EXPECT_EQ(sessions, 6U);
    }
    seen.moved += counts.moved;
    seen.expired += ledger.expired;
    seen.cancelled += ledger.cancelled;
    seen.stopped += ledger.stopped;
}

TEST(PreferredStress, AllAddsUp) {
    dispatch::Ledger seen;
    for (unsigned round = 0; round != 6; ++round) {
        PoolOptions options{.affinity_ttl = 1h, .affinity = dispatch::Affinity::preferred, .miss_cost = 100us};
        options.patience = round % 2 == 0 ? 1 : 0.25;
        options.overflow = round == 2 ? dispatch::Overflow::reject : dispatch::Overflow::wait;
        play(round, options, seen);
    }
    EXPECT_NE(seen.moved, 0U);
    EXPECT_NE(seen.expired, 0U);
    EXPECT_NE(seen.cancelled, 0U);
    EXPECT_NE(seen.stopped, 0U);
}

/// The context goes while jobs are queued, invited and on their way.
TEST(PreferredStress, TheContextGoesInTheMidst) {
    for (unsigned round = 0; round != 10; ++round) {
        Counts counts;
        std::optional<net::thread_pool> threads{4};
        Pool pool{
            dispatch::spawn_workers<Request, std::size_t>(threads->get_executor(), 3, handle, {.max_concurrency = 1}),
            PoolOptions{.affinity = dispatch::Affinity::preferred, .miss_cost = 200us}};
        {
            const Strand strand = net::make_strand(threads->get_executor());  // it goes before the context
            std::minstd_rand random{round + 1};
            for (std::size_t i = 0; i != 300; ++i) {
                net::post(strand, [&pool, &counts, strand, dice = static_cast<unsigned>(random()),
                                   other_dice = static_cast<unsigned>(random())] {
                    submit_one(pool, strand, dice, other_dice, counts);
                });
            }
        }
        std::this_thread::sleep_for(microseconds{500 * round});
        threads->stop();
        threads.reset();
        EXPECT_LE(counts.sum(), 300U);
    }
}

}  // namespace preferred_stress_test
