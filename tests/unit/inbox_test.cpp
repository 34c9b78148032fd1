// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <latch>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/base/intrusive_list.hpp>
#include <dispatch/detail/queue/inbox.hpp>
#include <dispatch/detail/route/worker_load.hpp>

namespace inbox_test {

using dispatch::Ledger;
using dispatch::detail::Tally;

enum class State : std::uint8_t { queued, running, replied };

struct Job : dispatch::detail::ListHook {
    Job() = default;
    explicit Job(int wanted_deadline) : deadline{wanted_deadline} {}

    State state = State::queued;
    int ticket = 0;
    std::optional<int> deadline;
    std::size_t deadline_index = 0;
    int splits = 0;

    void add_owner() noexcept { ++splits; }
};

/// The alarm clock: for when it is set, and whether setting it fails.
struct Clock {
    std::optional<int> set_for;
    bool broken = false;
};

struct Alarm {
    Clock* clock;
    void set(int time) {
        if (clock->broken) {
            throw std::runtime_error{"no timer"};
        }
        clock->set_for = time;
    }
    void clear() noexcept { clock->set_for.reset(); }
};

Ledger ledger_of(const Tally::Counter& submitted, const Tally& tally) {
    Ledger ledger{.submitted = submitted};
    tally.add_to(ledger);
    return ledger;
}

struct Fixture : testing::Test {
    Tally::Counter submitted{0};
    Tally tally;
    Clock clock;
    dispatch::detail::Inbox<Job, Alarm> inbox{submitted, tally, Alarm{&clock}};
    int wakes = 0;

    bool push(Job& job) {
        return inbox.push(job, [this] { ++wakes; });
    }

    /// The state that a withdrawal finds.
    State withdraw(Job& job, int* ticket = nullptr) {
        int found = 0;
        const State was = inbox.withdraw(job, found);
        if (ticket != nullptr) {
            *ticket = found;
        }
        return was;
    }

    Ledger ledger() const { return ledger_of(submitted, tally); }
};
using Inbox = Fixture;

/// Empties list.
std::vector<Job*> all(dispatch::detail::IntrusiveList<Job>&& list) {
    std::vector<Job*> jobs;
    while (Job* job = list.pop_front()) {
        jobs.push_back(job);
    }
    return jobs;
}

TEST_F(Inbox, GivesJobsInTheOrderInWhichTheyCame) {
    Job a, b, c;
    EXPECT_TRUE(push(a));
    EXPECT_TRUE(push(b));
    EXPECT_TRUE(push(c));
    EXPECT_EQ(inbox.pop(1), &a);
    EXPECT_EQ(inbox.pop(2), &b);
    EXPECT_EQ(inbox.pop(3), &c);
    EXPECT_EQ(inbox.pop(4), nullptr);
    EXPECT_EQ(b.state, State::running);
    EXPECT_EQ(b.ticket, 2);
    EXPECT_EQ(ledger(), (Ledger{.submitted = 3}));
}

TEST_F(Inbox, WakesAWorkerThatIsAsleepOnce) {
    Job a, b, c, d;
    push(a);
    EXPECT_EQ(wakes, 1) << "it is asleep at first";
    push(b);
    EXPECT_EQ(wakes, 1);
    EXPECT_FALSE(inbox.try_sleep()) << "there are jobs";
    inbox.pop(1);
    inbox.pop(2);
    push(c);
    EXPECT_EQ(wakes, 1) << "it has not seen the inbox empty";
    inbox.pop(3);
    EXPECT_EQ(inbox.pop(4), nullptr);
    push(d);
    EXPECT_EQ(wakes, 2);
    inbox.pop(5);
    EXPECT_TRUE(inbox.try_sleep());
    Job e;
    push(e);
    EXPECT_EQ(wakes, 3);
}

TEST_F(Inbox, AJobIsNotInItWhenWakingFails) {
    Job a{5};
    ASSERT_TRUE(inbox.try_sleep());
    const auto broken = [] { throw std::runtime_error{"no strand"}; };
    EXPECT_THROW(inbox.push(a, broken), std::runtime_error);
    EXPECT_EQ(inbox.pop(1), nullptr);
    EXPECT_EQ(clock.set_for, std::nullopt);
    EXPECT_EQ(ledger(), Ledger{});
    EXPECT_TRUE(all(inbox.take_overdue(10).queued).empty());
    Job b;
    push(b);
    EXPECT_EQ(wakes, 1) << "it is still asleep";
}

TEST_F(Inbox, AJobIsNotInItWhenTheAlarmFails) {
    Job a{5};
    inbox.try_sleep();
    clock.broken = true;
    EXPECT_THROW(push(a), std::runtime_error);
    EXPECT_EQ(wakes, 0);
    EXPECT_EQ(inbox.pop(1), nullptr);
    EXPECT_EQ(ledger(), Ledger{});
    EXPECT_TRUE(all(inbox.take_overdue(10).queued).empty());
}

TEST_F(Inbox, AQueuedJobIsWithdrawnFromTheMidst) {
    Job a, b, c;
    push(a);
    push(b);
    push(c);
    EXPECT_EQ(withdraw(b), State::queued);
    EXPECT_EQ(b.state, State::replied);
    EXPECT_EQ(inbox.pop(1), &a);
    EXPECT_EQ(inbox.pop(1), &c);
    EXPECT_EQ(ledger(), (Ledger{.submitted = 3, .cancelled = 1}));
    EXPECT_EQ(withdraw(b), State::replied) << "the second time there is nothing to do";
    EXPECT_EQ(ledger().cancelled, 1U);
}

TEST_F(Inbox, ARunningJobSaysWhereItRuns) {
    Job a;
    push(a);
    inbox.pop(42);
    int ticket = 0;
    EXPECT_EQ(withdraw(a, &ticket), State::running);
    EXPECT_EQ(ticket, 42);
    EXPECT_EQ(a.state, State::running);
    EXPECT_EQ(ledger().cancelled, 0U);
}

TEST_F(Inbox, TheAlarmIsSetForTheEarliestDeadline) {
    Job a{30}, b{10}, c{20};
    push(a);
    EXPECT_EQ(clock.set_for, 30);
    push(b);
    EXPECT_EQ(clock.set_for, 10);
    push(c);
    EXPECT_EQ(clock.set_for, 10);
    withdraw(b);
    auto overdue = inbox.take_overdue(15);
    EXPECT_TRUE(overdue.queued.empty());
    EXPECT_EQ(clock.set_for, 20);
    withdraw(a);
    withdraw(c);
    EXPECT_EQ(clock.set_for, std::nullopt) << "nothing to wait for";
}

TEST_F(Inbox, OverdueJobsAreTakenWhereverTheyAre) {
    Job queued{10}, later{20}, running{10}, carefree;
    push(running);
    push(queued);
    push(later);
    push(carefree);
    ASSERT_EQ(inbox.pop(7), &running);
    auto overdue = inbox.take_overdue(10);
    EXPECT_EQ(all(std::move(overdue.queued)), (std::vector<Job*>{&queued}));
    EXPECT_EQ(all(std::move(overdue.running)), (std::vector<Job*>{&running}));
    EXPECT_EQ(running.splits, 1) << "its lane owns it as well";
    EXPECT_EQ(queued.splits, 0);
    EXPECT_EQ(queued.state, State::replied);
    EXPECT_EQ(running.state, State::replied);
    EXPECT_EQ(ledger(), (Ledger{.submitted = 4, .expired = 2}));
    EXPECT_EQ(clock.set_for, 20);
    EXPECT_EQ(inbox.pop(8), &later);
    EXPECT_EQ(inbox.pop(8), &carefree);
}

TEST_F(Inbox, AReplyIsOwedUntilTheDeadlineHasGivenIt) {
    Job in_time{10}, late{10};
    push(in_time);
    push(late);
    inbox.pop(1);
    inbox.pop(2);
    EXPECT_TRUE(inbox.claim_reply(in_time));
    EXPECT_TRUE(inbox.claim_reply(in_time)) << "may be asked again";
    auto overdue = inbox.take_overdue(10);
    EXPECT_EQ(all(std::move(overdue.running)), (std::vector<Job*>{&late}));
    EXPECT_FALSE(inbox.claim_reply(late));
}

TEST_F(Inbox, AnAlarmThatFailsLaterLosesNoJob) {
    Job a{10}, b{20};
    push(a);
    push(b);
    clock.broken = true;
    auto overdue = inbox.take_overdue(10);
    EXPECT_EQ(all(std::move(overdue.queued)), (std::vector<Job*>{&a}));
    EXPECT_EQ(inbox.pop(1), &b);
}

TEST_F(Inbox, CloseTurnsAwayWhatIsQueuedAndWhatComes) {
    Job running, queued, timed{10}, late;
    push(running);
    push(queued);
    push(timed);
    inbox.pop(1);
    auto left = inbox.close();
    EXPECT_EQ(all(std::move(left)), (std::vector<Job*>{&queued, &timed}));
    EXPECT_EQ(queued.state, State::replied);
    EXPECT_EQ(clock.set_for, std::nullopt);
    EXPECT_FALSE(push(late));
    EXPECT_EQ(ledger(), (Ledger{.submitted = 4, .stopped = 3}));
    EXPECT_TRUE(all(inbox.take_overdue(100).queued).empty());
    auto again = inbox.close();
    EXPECT_TRUE(again.empty());
    EXPECT_EQ(running.state, State::running) << "it may end";
}

TEST_F(Inbox, AJobThatWasTurnedAwayCannotBeCancelledAsWell) {
    inbox.close();
    Job job;
    EXPECT_FALSE(push(job));
    EXPECT_EQ(withdraw(job), State::replied);
    EXPECT_EQ(ledger(), (Ledger{.submitted = 1, .stopped = 1}));
}

TEST(InboxThreads, EachJobHasOneEnd) {
    // Two producers, a consumer, a canceller and a clock; the inbox is closed in the midst of it, once each of
    // them has had its way. Whoever decides how a job ends counts it: with one too few the test never ends, with
    // one too many the sums differ.
    constexpr std::size_t producers = 2;
    constexpr std::size_t jobs_each = 4000;
    Ledger seen;
    const auto all_seen = [&] { return seen.completed && seen.expired && seen.cancelled && seen.stopped; };
    for (unsigned round = 0; round != 500 && (round < 5 || !all_seen()); ++round) {
        Tally::Counter submitted{0};
        Tally tally;
        Clock clock;
        dispatch::detail::Inbox<Job, Alarm> inbox{submitted, tally, Alarm{&clock}};
        std::array<std::deque<Job>, producers> jobs;
        for (std::deque<Job>& of_producer : jobs) {
            for (std::size_t i = 0; i != jobs_each; ++i) {
                i % 2 == 0 ? of_producer.emplace_back() : of_producer.emplace_back(static_cast<int>(i % 100));
            }
        }
        std::array<std::atomic<std::size_t>, producers> pushed{};
        std::atomic<std::size_t> ended{0};
        std::atomic<bool> done{false};
        std::latch all_there{producers + 3};
        const auto count_all = [&](dispatch::detail::IntrusiveList<Job>&& list) {
            ended += all(std::move(list)).size();
        };

        std::vector<std::thread> threads;
        for (std::size_t p = 0; p != producers; ++p) {
            threads.emplace_back([&, p] {
                all_there.arrive_and_wait();
                for (Job& job : jobs[p]) {
                    ended += inbox.push(job, [] {}) ? 0U : 1U;
                    if (++pushed[p] % 16 == 0) {
                        std::this_thread::yield();
                    }
                }
            });
        }
        threads.emplace_back([&] {
            all_there.arrive_and_wait();
            std::minstd_rand random{round};
            while (!done) {
                Job* const job = inbox.pop(1);
                if (job != nullptr && inbox.claim_reply(*job)) {
                    Tally::count(tally.completed);
                    ++ended;
                }
                if (job == nullptr || random() % 8 == 0) {
                    std::this_thread::yield();
                }
            }
        });
        threads.emplace_back([&] {
            all_there.arrive_and_wait();
            std::minstd_rand random{round};
            while (!done) {
                const std::size_t p = random() % producers;
                if (const std::size_t there = pushed[p]; there != 0) {
                    int ticket = 0;
                    Job& job = jobs[p][there - 1 - random() % std::min<std::size_t>(there, 8)];
                    ended += inbox.withdraw(job, ticket) == State::queued ? 1U : 0U;
                }
                if (random() % 16 == 0) {
                    std::this_thread::yield();
                }
            }
        });
        threads.emplace_back([&] {
            all_there.arrive_and_wait();
            std::minstd_rand random{round};
            while (!done) {
                auto overdue = inbox.take_overdue(static_cast<int>(random() % 100));
                count_all(std::move(overdue.queued));
                count_all(std::move(overdue.running));
                std::this_thread::yield();
            }
        });
        const auto may_close = [&] {
            const std::size_t count = pushed[0] + pushed[1];
            return count == producers * jobs_each ||
                   (count >= producers * jobs_each / 2 && tally.completed && tally.expired && tally.cancelled);
        };
        while (!may_close()) {
            std::this_thread::yield();
        }
        auto left = inbox.close();
        count_all(std::move(left));
        while (ended < producers * jobs_each) {
            std::this_thread::yield();
        }
        done = true;
        for (std::thread& thread : threads) {
            thread.join();
        }
        const Ledger ledger = ledger_of(submitted, tally);
        EXPECT_EQ(ended, producers * jobs_each);
        EXPECT_EQ(ledger.submitted, producers * jobs_each);
        EXPECT_EQ(ledger.submitted, ledger.completed + ledger.expired + ledger.cancelled + ledger.stopped);
        seen.completed += ledger.completed;
        seen.expired += ledger.expired;
        seen.cancelled += ledger.cancelled;
        seen.stopped += ledger.stopped;
    }
    EXPECT_TRUE(all_seen()) << "no race took place; completed, expired, cancelled, stopped: " << seen.completed << ", "
                            << seen.expired << ", " << seen.cancelled << ", " << seen.stopped;
}

}  // namespace inbox_test
