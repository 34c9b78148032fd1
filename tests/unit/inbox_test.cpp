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
#include <dispatch/detail/job/deadline_place.hpp>
#include <dispatch/detail/job/patience.hpp>
#include <dispatch/detail/queue/inbox.hpp>
#include <dispatch/detail/route/worker_load.hpp>

namespace inbox_test {

using dispatch::Ledger;
using dispatch::detail::Tally;
using dispatch::detail::WorkerLoad;

enum class State : std::uint8_t { queued, running, replied };

struct Job;
using Patience = dispatch::detail::Patience<Job, int>;
using Place = dispatch::detail::DeadlinePlace<Job, int>;

struct Job : dispatch::detail::ListHook {
    Job() = default;
    explicit Job(int wanted_deadline) : deadline{wanted_deadline}, place{std::in_place, *this, wanted_deadline} {}

    State state = State::queued;
    int ticket = 0;
    std::optional<int> deadline;
    std::optional<Place> place;
    bool may_move = false;
    std::uint64_t order = 0;
    std::uint64_t age = 0;
    int splits = 0;
    std::optional<Patience> waits;

    bool is_plain() const noexcept { return !deadline && !waits; }
    Patience* patience() noexcept { return waits ? &*waits : nullptr; }
    Place& deadline_place() noexcept { return *place; }
    void add_owner() noexcept { ++splits; }
};

/// The alarm clock: for when it is set, how often it was, whether it cannot be made, and whether a look is to be
/// called. And what is listed, and for which age; and which jobs are invited.
struct Clock {
    std::optional<int> set_for;
    int sets = 0;
    bool broken = false;
    bool look_is_due = false;
    std::uint64_t age = 0;
    std::optional<std::uint64_t> listed;
    bool defers = false;
    std::vector<Patience*> guests;
};

struct Host {
    Clock* clock;
    void prepare_alarm() const {
        if (clock->broken) {
            throw std::runtime_error{"no timer"};
        }
    }
    void set_alarm(int time) noexcept {
        clock->set_for = time;
        ++clock->sets;
    }
    void look_later() noexcept {
        EXPECT_FALSE(clock->look_is_due) << "two looks at a time";
        clock->look_is_due = true;
    }
    void clear_alarm() noexcept { clock->set_for.reset(); }
    bool defers() const noexcept { return clock->defers; }
    std::uint64_t next_age() noexcept { return ++clock->age; }
    void list(std::uint64_t age) noexcept { clock->listed = age; }
    void unlist() noexcept { clock->listed.reset(); }
    void invite(Patience& guest) noexcept { clock->guests.push_back(&guest); }
    void uninvite(Patience& guest) noexcept {
        EXPECT_EQ(std::erase(clock->guests, &guest), 1U) << "it was not invited";
    }
};

using Queue = dispatch::detail::Inbox<Job, Host>;

Ledger ledger_of(const WorkerLoad& load) {
    Ledger ledger;
    load.add_to(ledger);
    return ledger;
}

struct Fixture : testing::Test {
    WorkerLoad load{{.max_concurrency = 1}};
    Clock clock;
    Queue inbox{load, Host{&clock}};
    int wakes = 0;

    Queue::Push push(Job& job) {
        return inbox.push(job, [this] { ++wakes; });
    }

    bool accepts(Job& job) { return push(job) != Queue::Push::closed; }

    /// The state that a withdrawal finds.
    State withdraw(Job& job, int* ticket = nullptr) {
        return inbox.withdraw(job, [&](const Job& running) {
            if (ticket != nullptr) {
                *ticket = running.ticket;
            }
        });
    }

    /// What take_overdue gives one by one.
    struct Overdue {
        std::vector<Job*> queued;
        std::vector<Job*> running;
        std::vector<const Job*> found_running;
    };

    Overdue take_overdue(int now) {
        Overdue overdue;
        for (;;) {
            const auto taken = inbox.take_overdue(now, [&](const Job& job) { overdue.found_running.push_back(&job); });
            if (taken.job == nullptr) {
                return overdue;
            }
            (taken.was == State::queued ? overdue.queued : overdue.running).push_back(taken.job);
        }
    }

    /// A moment passes: a look takes place, if one is due.
    void moment() {
        if (std::exchange(clock.look_is_due, false)) {
            clock.look_is_due = inbox.look();
        }
    }

    /// For when the alarm is set, a few moments later.
    std::optional<int> alarm() {
        for (int moments = 0; clock.look_is_due; ++moments) {
            EXPECT_LT(moments, 2) << "it looks for ever";
            moment();
        }
        return clock.set_for;
    }

    Ledger ledger() const { return ledger_of(load); }
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
    EXPECT_TRUE(accepts(a));
    EXPECT_TRUE(accepts(b));
    EXPECT_TRUE(accepts(c));
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
    EXPECT_EQ(alarm(), std::nullopt);
    EXPECT_EQ(ledger(), Ledger{});
    EXPECT_TRUE(take_overdue(10).queued.empty());
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
    EXPECT_TRUE(take_overdue(10).queued.empty());
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
    EXPECT_EQ(alarm(), 30);
    push(b);
    EXPECT_EQ(alarm(), 10);
    push(c);
    EXPECT_EQ(alarm(), 10);
    withdraw(b);
    const Overdue overdue = take_overdue(15);
    EXPECT_TRUE(overdue.queued.empty());
    EXPECT_EQ(alarm(), 20);
    withdraw(a);
    withdraw(c);
    EXPECT_EQ(alarm(), std::nullopt) << "nothing to wait for";
}

TEST_F(Inbox, OverdueJobsAreTakenWhereverTheyAre) {
    Job queued{10}, later{20}, running{10}, carefree;
    push(running);
    push(queued);
    push(later);
    push(carefree);
    ASSERT_EQ(inbox.pop(7), &running);
    const Overdue overdue = take_overdue(10);
    EXPECT_EQ(overdue.queued, (std::vector<Job*>{&queued}));
    EXPECT_EQ(overdue.running, (std::vector<Job*>{&running}));
    EXPECT_EQ(overdue.found_running, (std::vector<const Job*>{&running}));
    EXPECT_EQ(running.splits, 1) << "its lane owns it as well";
    EXPECT_EQ(queued.splits, 0);
    EXPECT_EQ(queued.state, State::replied);
    EXPECT_EQ(running.state, State::replied);
    EXPECT_EQ(ledger(), (Ledger{.submitted = 4, .expired = 2}));
    EXPECT_EQ(alarm(), 20);
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
    const Overdue overdue = take_overdue(10);
    EXPECT_EQ(overdue.running, (std::vector<Job*>{&late}));
    EXPECT_FALSE(inbox.claim_reply(late));
}

TEST_F(Inbox, AJobThatEndsWithinAMomentNeedsNoAlarm) {
    Job a{10};
    push(a);
    EXPECT_TRUE(clock.look_is_due);
    EXPECT_EQ(clock.sets, 0);
    ASSERT_EQ(inbox.pop(1), &a);
    EXPECT_TRUE(inbox.claim_reply(a));
    EXPECT_EQ(alarm(), std::nullopt);
    EXPECT_EQ(clock.sets, 0);
}

TEST_F(Inbox, TheLookComesBehindTheWorkerThatWasWoken) {
    Job a{10};
    bool woken = false;
    inbox.push(a, [&] {
        woken = true;
        EXPECT_FALSE(clock.look_is_due);
    });
    EXPECT_TRUE(woken);
    EXPECT_TRUE(clock.look_is_due);
}

TEST_F(Inbox, AnAlarmThatIsEarlyEnoughIsLeftAsItIs) {
    Job a{10}, b{20}, c{10};
    push(a);
    EXPECT_EQ(alarm(), 10);
    push(b);
    EXPECT_FALSE(clock.look_is_due);
    push(c);
    EXPECT_FALSE(clock.look_is_due);
    withdraw(a);
    withdraw(c);
    EXPECT_FALSE(clock.look_is_due) << "b is still there";
    EXPECT_EQ(clock.sets, 1);
    EXPECT_TRUE(take_overdue(10).queued.empty()) << "it rings in vain, once";
    EXPECT_EQ(alarm(), 20);
    EXPECT_EQ(take_overdue(20).queued, (std::vector<Job*>{&b}));
    EXPECT_EQ(alarm(), std::nullopt);
}

TEST_F(Inbox, TheAlarmIsCalledOffUnlessTheNextJobComesSoon) {
    Job a{10}, b{20}, c{30};
    push(a);
    EXPECT_EQ(alarm(), 10);
    withdraw(a);
    EXPECT_EQ(clock.set_for, 10) << "at once";
    moment();
    EXPECT_EQ(clock.set_for, 10);
    push(b);
    moment();
    EXPECT_FALSE(clock.look_is_due);
    EXPECT_EQ(clock.set_for, 10) << "early enough for b";
    EXPECT_EQ(clock.sets, 1);
    withdraw(b);
    moment();
    moment();
    EXPECT_EQ(clock.set_for, std::nullopt);
    EXPECT_FALSE(clock.look_is_due);
    push(c);
    EXPECT_EQ(alarm(), 30);
}

TEST_F(Inbox, AfterItsEndTheAlarmIsCalledOffAtOnce) {
    Job a{10};
    push(a);
    EXPECT_EQ(alarm(), 10);
    ASSERT_EQ(inbox.pop(1), &a);
    inbox.close();
    EXPECT_EQ(clock.set_for, 10) << "a runs";
    EXPECT_TRUE(inbox.claim_reply(a));
    EXPECT_FALSE(clock.look_is_due) << "its context may be gone";
    EXPECT_EQ(clock.set_for, std::nullopt);
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
    EXPECT_EQ(alarm(), std::nullopt);
    EXPECT_FALSE(accepts(late));
    EXPECT_EQ(ledger(), (Ledger{.submitted = 4, .stopped = 3}));
    EXPECT_TRUE(take_overdue(100).queued.empty());
    auto again = inbox.close();
    EXPECT_TRUE(again.empty());
    EXPECT_EQ(running.state, State::running) << "it may end";
}

TEST_F(Inbox, AJobThatWasTurnedAwayCannotBeCancelledAsWell) {
    inbox.close();
    Job job;
    EXPECT_FALSE(accepts(job));
    EXPECT_EQ(withdraw(job), State::replied);
    EXPECT_EQ(ledger(), (Ledger{.submitted = 1, .stopped = 1}));
}

/// A worker with one permit whose jobs may be lent.
struct LendingInbox : Fixture {
    LendingInbox() { load.lend(true); }

    /// Counts job, and queues it.
    Queue::Push submit(Job& job, bool may_move = true) {
        job.may_move = may_move;
        load.reserve();
        return push(job);
    }

    /// Takes a job for another worker.
    Job* lend(std::uint64_t age, bool has_permit = true) {
        return inbox.lend(age, [&](Job& job) {
            job.ticket = 9;
            return has_permit;
        });
    }
};

TEST_F(LendingInbox, IsListedForTheFirstJobThatWaitsForAPermit) {
    Job a, b, c;
    EXPECT_EQ(submit(a), Queue::Push::queued) << "there is a permit for it";
    EXPECT_EQ(clock.listed, std::nullopt);
    EXPECT_EQ(submit(b), Queue::Push::listed);
    EXPECT_EQ(clock.listed, b.age);
    EXPECT_EQ(submit(c), Queue::Push::queued) << "it is listed";
    EXPECT_EQ(a.age, 0U);
    EXPECT_LT(b.age, c.age);
}

TEST_F(LendingInbox, IsListedLaterWhereItsWorkerIsAboutToStartAJob) {
    clock.defers = true;
    Job a, b, c, d;
    submit(a);
    EXPECT_EQ(submit(b), Queue::Push::deferred);
    EXPECT_EQ(submit(c), Queue::Push::queued) << "once is enough";
    EXPECT_EQ(clock.listed, std::nullopt);
    EXPECT_TRUE(inbox.list_deferred());
    EXPECT_EQ(clock.listed, b.age) << "though a has not started yet";
    EXPECT_EQ(submit(d), Queue::Push::queued) << "it is listed";
    EXPECT_FALSE(inbox.list_deferred()) << "it was listed";
    EXPECT_EQ(clock.listed, b.age);
}

TEST_F(LendingInbox, IsNotListedLaterWhenItsWorkerHasTakenTheJobs) {
    clock.defers = true;
    Job a, b, c, d;
    submit(a);
    EXPECT_EQ(submit(b), Queue::Push::deferred);
    inbox.pop(1);
    inbox.pop(1);
    EXPECT_FALSE(inbox.list_deferred());
    EXPECT_EQ(clock.listed, std::nullopt);
    load.release(2);
    submit(c);
    EXPECT_EQ(submit(d), Queue::Push::deferred) << "anew";
}

TEST_F(LendingInbox, IsListedAtOnceWhereAllThatItsWorkerMayRunHasStarted) {
    clock.defers = true;
    Job a, pinned, b;
    submit(a);
    inbox.pop(1);
    submit(pinned, false);
    EXPECT_EQ(submit(b), Queue::Push::listed) << "the pinned job waits for a permit as well";
}

TEST_F(LendingInbox, IsListedLaterWhereItsWorkerIsAboutToStartAPinnedJob) {
    clock.defers = true;
    Job pinned, b;
    submit(pinned, false);
    EXPECT_EQ(submit(b), Queue::Push::deferred);
}

TEST_F(LendingInbox, IsNotListedForJobsThatMayNotMove) {
    Job a, b;
    submit(a, false);
    EXPECT_EQ(submit(b, false), Queue::Push::queued);
    EXPECT_EQ(clock.listed, std::nullopt);
    EXPECT_EQ(lend(b.age), nullptr);
}

TEST_F(LendingInbox, IsNotListedUnlessItLends) {
    WorkerLoad own{{.max_concurrency = 1}};
    Queue keeping{own, Host{&clock}};
    Job a, b;
    a.may_move = b.may_move = true;
    own.reserve();
    own.reserve();
    EXPECT_EQ(keeping.push(a, [] {}), Queue::Push::queued);
    EXPECT_EQ(keeping.push(b, [] {}), Queue::Push::queued);
    EXPECT_EQ(clock.listed, std::nullopt);
}

TEST_F(LendingInbox, LendsTheOldestThatMayMove) {
    Job own, fixed, a, b;
    submit(own);
    submit(fixed, false);
    submit(a);
    submit(b);
    EXPECT_EQ(clock.listed, a.age) << "own has a permit: it is about to start";
    EXPECT_EQ(lend(own.age), nullptr);
    EXPECT_EQ(lend(a.age), &a);
    EXPECT_EQ(a.state, State::running);
    EXPECT_EQ(a.ticket, 9);
    EXPECT_EQ(clock.listed, b.age);
    EXPECT_EQ(lend(b.age), &b);
    EXPECT_EQ(clock.listed, std::nullopt);
    EXPECT_EQ(inbox.pop(2), &own);
    EXPECT_EQ(inbox.pop(2), &fixed);
    EXPECT_EQ(inbox.pop(2), nullptr);
}

TEST_F(LendingInbox, KeepsAJobForWhichThereIsNoPermitAfterAll) {
    Job own, a;
    submit(own);
    submit(a);
    ASSERT_EQ(inbox.pop(1), &own);
    EXPECT_EQ(lend(a.age, false), nullptr);
    EXPECT_EQ(a.state, State::queued);
    EXPECT_EQ(clock.listed, a.age);
    EXPECT_EQ(inbox.pop(1), &a);
}

TEST_F(LendingInbox, FindsOutLateThatItsOwnWorkerHasTakenTheJobs) {
    Job own, a;
    submit(own);
    submit(a);
    inbox.pop(1);
    inbox.pop(1);
    ASSERT_NE(clock.listed, std::nullopt) << "its own worker pays nothing for it";
    EXPECT_EQ(lend(*clock.listed), nullptr);
    EXPECT_EQ(clock.listed, std::nullopt);
    Job b;
    EXPECT_EQ(submit(b), Queue::Push::listed) << "listed anew";
}

TEST_F(LendingInbox, IsListedAnewForTheOldestThatIsLeft) {
    Job own, a, b;
    submit(own);
    submit(a);
    submit(b);
    ASSERT_EQ(inbox.pop(1), &own);
    ASSERT_EQ(inbox.pop(1), &a);
    EXPECT_EQ(lend(a.age), nullptr) << "another worker's jobs may be older than b";
    EXPECT_EQ(clock.listed, b.age);
    EXPECT_EQ(lend(b.age), &b);
}

TEST_F(LendingInbox, GivesItsOwnWorkerTheJobsInTheOrderInWhichTheyCame) {
    Job a, b, c, d;
    submit(a, false);
    submit(b, true);
    submit(c, false);
    submit(d, true);
    EXPECT_EQ(inbox.pop(1), &a);
    EXPECT_EQ(inbox.pop(1), &b);
    EXPECT_EQ(inbox.pop(1), &c);
    EXPECT_EQ(inbox.pop(1), &d);
    EXPECT_EQ(inbox.pop(1), nullptr);
}

TEST_F(LendingInbox, AWithdrawnOrOverdueJobIsNotLent) {
    Job own, cancelled, overdue{10};
    submit(own);
    submit(cancelled);
    submit(overdue);
    ASSERT_EQ(inbox.pop(1), &own);
    EXPECT_EQ(withdraw(cancelled), State::queued);
    EXPECT_EQ(take_overdue(10).queued, (std::vector<Job*>{&overdue}));
    EXPECT_EQ(lend(cancelled.age), nullptr);
    EXPECT_EQ(clock.listed, std::nullopt);
}

TEST_F(LendingInbox, ALentJobIsStillDecidedHere) {
    Job own, lent{10};
    submit(own);
    submit(lent);
    ASSERT_EQ(inbox.pop(1), &own);
    ASSERT_EQ(lend(lent.age), &lent);
    int ticket = 0;
    EXPECT_EQ(withdraw(lent, &ticket), State::running);
    EXPECT_EQ(ticket, 9);
    EXPECT_TRUE(inbox.claim_reply(lent));
    inbox.end_lent(lent);
    EXPECT_EQ(withdraw(lent), State::replied);
    EXPECT_TRUE(take_overdue(10).running.empty());
}

TEST_F(LendingInbox, ClosingUnlistsIt) {
    Job own, a;
    submit(own);
    submit(a);
    inbox.close();
    EXPECT_EQ(clock.listed, std::nullopt);
    EXPECT_EQ(lend(a.age), nullptr);
}

TEST_F(LendingInbox, WakesASleeper) {
    const auto wake = [this] { ++wakes; };
    EXPECT_TRUE(inbox.wake_sleeper(wake)) << "it is asleep at first";
    EXPECT_FALSE(inbox.wake_sleeper(wake)) << "it is awake";
    EXPECT_EQ(wakes, 1);
    EXPECT_EQ(inbox.pop(1), nullptr);
    EXPECT_THROW(inbox.wake_sleeper([] { throw std::runtime_error{"no strand"}; }), std::runtime_error);
    EXPECT_TRUE(inbox.wake_sleeper(wake)) << "it was still asleep";
    inbox.try_sleep();
    inbox.close();
    EXPECT_FALSE(inbox.wake_sleeper(wake)) << "it is closed";
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
        WorkerLoad load{{}};
        Clock clock;
        Queue inbox{load, Host{&clock}};
        const Tally& tally = load.tally;
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
                    ended += inbox.push(job, [] {}) == Queue::Push::closed ? 1U : 0U;
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
                    Tally::count(load.tally.completed);
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
                    Job& job = jobs[p][there - 1 - random() % std::min<std::size_t>(there, 8)];
                    ended += inbox.withdraw(job, [](const Job&) {}) == State::queued ? 1U : 0U;
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
                const auto now = static_cast<int>(random() % 100);
                while (inbox.take_overdue(now, [](const Job&) {}).job != nullptr) {
                    ++ended;
                }
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
        const Ledger ledger = ledger_of(load);
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

/// A worker with one permit, which a job has, and jobs that wait for it as their sessions prefer it.
struct PatientInbox : LendingInbox {
    PatientInbox() {
        submit(first);
        EXPECT_EQ(inbox.pop(1), &first);
    }

    static constexpr std::uint32_t other_home = 7;

    struct Patient : Job {
        explicit Patient(int ends, std::optional<int> wanted_deadline = std::nullopt,
                         std::uint32_t other = dispatch::detail::no_worker) {
            deadline = wanted_deadline;
            if (deadline) {
                place.emplace(*this, *deadline);
            }
            waits.emplace(*this);
            waits->ends = ends;
            waits->home = 0;
            waits->other_home = other;
        }
    };

    Queue::Push submit(Job& job, bool may_move) { return LendingInbox::submit(job, may_move); }
    Queue::Push submit(Job& job) { return LendingInbox::submit(job, !job.waits); }

    /// Takes a guest for its other home: the first that is invited.
    Job* lend_guest(bool has_permit = true) {
        return inbox.lend_guest([&] { return clock.guests.empty() ? nullptr : clock.guests.front(); },
                                [&](Job& job) {
                                    job.ticket = 8;
                                    return has_permit;
                                });
    }

    /// The job is in none of the lists, whatever happens from now on.
    void expect_nothing_left() {
        EXPECT_TRUE(clock.guests.empty());
        EXPECT_EQ(alarm(), std::nullopt);
        EXPECT_FALSE(inbox.exhaust_patience(1'000));
        EXPECT_TRUE(take_overdue(1'000).queued.empty());
        EXPECT_EQ(alarm(), std::nullopt);
        inbox.correct_listing();
        EXPECT_EQ(clock.listed, std::nullopt);
        EXPECT_EQ(inbox.pop(1), nullptr);
    }

    Job first;
};

TEST_F(PatientInbox, AJobIsLentOnlyWhenItsPatienceHasEnded) {
    Patient a{10};
    EXPECT_EQ(submit(a), Queue::Push::queued);
    EXPECT_EQ(clock.listed, std::nullopt);
    EXPECT_EQ(alarm(), 10);
    EXPECT_EQ(lend(a.age), nullptr);
    EXPECT_FALSE(inbox.exhaust_patience(9));
    EXPECT_EQ(lend(a.age), nullptr);
    EXPECT_TRUE(inbox.exhaust_patience(10)) << "it is listed now";
    EXPECT_FALSE(inbox.exhaust_patience(11)) << "once";
    EXPECT_EQ(clock.listed, a.age);
    EXPECT_EQ(lend(a.age), &a);
    EXPECT_EQ(a.state, State::running);
    EXPECT_EQ(a.ticket, 9);
    expect_nothing_left();
}

TEST_F(PatientInbox, ExhaustedJobsAreLentByAgeAmongOthers) {
    Patient a{30}, c{10}, d{20};
    Job b;
    submit(a);
    EXPECT_EQ(submit(b), Queue::Push::listed);
    submit(c);
    submit(d);
    EXPECT_EQ(clock.listed, b.age);
    EXPECT_FALSE(inbox.exhaust_patience(20)) << "it was listed";
    EXPECT_EQ(clock.listed, b.age);
    EXPECT_FALSE(inbox.exhaust_patience(30));
    EXPECT_EQ(clock.listed, a.age);
    EXPECT_EQ(lend(a.age), &a);
    EXPECT_EQ(lend(b.age), &b);
    EXPECT_EQ(lend(c.age), &c);
    EXPECT_EQ(clock.listed, d.age);
    EXPECT_EQ(inbox.pop(2), &d) << "or its own worker has it";
    EXPECT_EQ(lend(d.age), nullptr);
    expect_nothing_left();
}

TEST_F(PatientInbox, ItsOwnWorkerTakesThemInTheOrderInWhichTheyCame) {
    Patient a{10}, c{10};
    Job b;
    submit(a);
    submit(b);
    submit(c);
    inbox.exhaust_patience(10);
    EXPECT_EQ(inbox.pop(2), &a);
    EXPECT_EQ(inbox.pop(2), &b);
    EXPECT_EQ(inbox.pop(2), &c);
    expect_nothing_left();
}

TEST_F(PatientInbox, AJobThatHasAPermitIsNotListedAnywhere) {
    load.release();
    Patient a{10, std::nullopt, other_home};
    submit(a);
    EXPECT_EQ(a.age, 0U);
    EXPECT_EQ(alarm(), std::nullopt);
    EXPECT_TRUE(clock.guests.empty());
    EXPECT_EQ(inbox.pop(2), &a);
    expect_nothing_left();
}

TEST_F(PatientInbox, AJobThatMayMoveAtOnceIsNotPatient) {
    Patient a{10, std::nullopt, other_home};
    EXPECT_EQ(submit(a, true), Queue::Push::listed);
    EXPECT_EQ(alarm(), std::nullopt);
    EXPECT_TRUE(clock.guests.empty());
    EXPECT_EQ(lend(a.age), &a);
    expect_nothing_left();
}

TEST_F(PatientInbox, IsPatientForEverWhereItDoesNotLend) {
    WorkerLoad own{{.max_concurrency = 1}};
    Queue keeping{own, Host{&clock}};
    Patient a{10, std::nullopt, other_home};
    own.reserve();
    own.reserve();
    EXPECT_EQ(keeping.push(a, [] {}), Queue::Push::queued);
    EXPECT_TRUE(clock.guests.empty());
    EXPECT_EQ(alarm(), std::nullopt);
    EXPECT_FALSE(keeping.exhaust_patience(100));
    EXPECT_EQ(keeping.pop(1), &a);
}

TEST_F(PatientInbox, TheAlarmIsSetForTheEarlierOfDeadlineAndPatience) {
    Patient a{30, 20}, b{10, 40};
    submit(a);
    EXPECT_EQ(alarm(), 20) << "its deadline";
    submit(b);
    EXPECT_EQ(alarm(), 10) << "its patience";
    inbox.exhaust_patience(10);
    take_overdue(10);
    EXPECT_EQ(alarm(), 20);
    EXPECT_EQ(take_overdue(20).queued, (std::vector<Job*>{&a}));
    EXPECT_EQ(alarm(), 40) << "a's patience is of no interest any more";
    EXPECT_EQ(inbox.pop(2), &b);
    EXPECT_EQ(alarm(), 40) << "its deadline is there as long as it runs";
    EXPECT_TRUE(inbox.claim_reply(b));
    EXPECT_EQ(alarm(), std::nullopt);
    Patient c{50}, d{70, 60}, e{55};
    submit(c);
    submit(d);
    submit(e);
    EXPECT_EQ(alarm(), 50);
    inbox.exhaust_patience(50);
    take_overdue(50);
    EXPECT_EQ(alarm(), 55) << "patience before a deadline";
    inbox.exhaust_patience(55);
    take_overdue(55);
    EXPECT_EQ(alarm(), 60) << "a deadline before patience";
    withdraw(d);
    EXPECT_EQ(alarm(), std::nullopt) << "nothing to wait for";
    withdraw(c);
    withdraw(e);
    expect_nothing_left();
}

TEST_F(PatientInbox, TheOtherHomeTakesAJobWhileItIsPatient) {
    Patient a{10, std::nullopt, other_home};
    submit(a);
    EXPECT_EQ(clock.guests, (std::vector<Patience*>{&*a.waits}));
    EXPECT_TRUE(a.waits->invited);
    EXPECT_EQ(lend_guest(false), nullptr) << "there is no permit after all";
    EXPECT_EQ(a.state, State::queued);
    EXPECT_EQ(clock.guests.size(), 1U);
    EXPECT_EQ(lend_guest(), &a);
    EXPECT_EQ(a.state, State::running);
    EXPECT_EQ(a.ticket, 8);
    EXPECT_EQ(lend_guest(), nullptr);
    expect_nothing_left();
}

TEST_F(PatientInbox, TheOtherHomeTakesAJobWhosePatienceHasEndedAsWell) {
    Patient a{10, std::nullopt, other_home};
    submit(a);
    inbox.exhaust_patience(10);
    EXPECT_EQ(lend_guest(), &a);
    EXPECT_EQ(lend(a.age), nullptr);
    expect_nothing_left();
}

TEST_F(PatientInbox, AGuestThatIsOlderComesBeforeItsOwnJobs) {
    Patient own{10};
    clock.age = 5;
    EXPECT_FALSE(inbox.reserve_before_own(5)) << "there is no job of its own: see lend_guest";
    submit(own);
    ASSERT_EQ(own.age, 6U);
    const std::size_t before = load.value();
    EXPECT_FALSE(inbox.reserve_before_own(7));
    EXPECT_EQ(load.value(), before);
    EXPECT_TRUE(inbox.reserve_before_own(5));
    EXPECT_EQ(load.value(), before + 1) << "the guest";
    EXPECT_EQ(inbox.pop(2), &own);
    Job movable;
    submit(movable);
    EXPECT_FALSE(inbox.reserve_before_own(8));
    EXPECT_TRUE(inbox.reserve_before_own(6));
    EXPECT_EQ(inbox.pop(2), &movable);
    EXPECT_FALSE(inbox.reserve_before_own(6));
}

TEST_F(PatientInbox, NoGuestComesBeforeAJobThatHasAPermit) {
    WorkerLoad own{{.max_concurrency = 2}};
    own.lend(true);
    Queue queue{own, Host{&clock}};
    for (const bool may_move : {false, true}) {
        Job waits, has_a_permit;
        has_a_permit.may_move = may_move;
        own.reserve();
        own.reserve();
        own.reserve();
        queue.push(waits, [] {});
        own.release(2);
        EXPECT_TRUE(queue.reserve_before_own(0));
        own.release();
        own.reserve();
        queue.push(has_a_permit, [] {});
        ASSERT_NE(waits.age, 0U);
        ASSERT_EQ(has_a_permit.age, 0U);
        EXPECT_FALSE(queue.reserve_before_own(0)) << "there is one permit for each";
        EXPECT_EQ(queue.pop(1), &waits);
        EXPECT_FALSE(queue.reserve_before_own(0));
        EXPECT_EQ(queue.pop(1), &has_a_permit);
        own.release(2);
    }
}

/// How a job leaves the queue: patient or exhausted.
struct PatientJobLeaves : PatientInbox, testing::WithParamInterface<bool> {
    PatientJobLeaves() {
        submit(job);
        EXPECT_EQ(clock.guests.size(), 1U);
        EXPECT_EQ(alarm(), 10);
        if (GetParam()) {
            EXPECT_TRUE(inbox.exhaust_patience(10));
            take_overdue(10);
        }
    }

    Patient job{10, 100, other_home};
};

INSTANTIATE_TEST_SUITE_P(PatientOrExhausted, PatientJobLeaves, testing::Bool());

TEST_P(PatientJobLeaves, Popped) {
    EXPECT_EQ(inbox.pop(2), &job);
    EXPECT_TRUE(clock.guests.empty());
    EXPECT_TRUE(inbox.claim_reply(job));
    expect_nothing_left();
}

TEST_P(PatientJobLeaves, Withdrawn) {
    EXPECT_EQ(withdraw(job), State::queued);
    expect_nothing_left();
}

TEST_P(PatientJobLeaves, Overdue) {
    EXPECT_EQ(take_overdue(100).queued, (std::vector<Job*>{&job}));
    EXPECT_EQ(job.splits, 0);
    expect_nothing_left();
}

TEST_P(PatientJobLeaves, Closed) {
    EXPECT_EQ(all(inbox.close()), (std::vector<Job*>{&job}));
    EXPECT_EQ(clock.listed, std::nullopt);
    expect_nothing_left();
}

TEST_P(PatientJobLeaves, LentToItsOtherHome) {
    EXPECT_EQ(lend_guest(), &job);
    EXPECT_EQ(alarm().has_value(), true) << "its deadline";
    EXPECT_TRUE(inbox.claim_reply(job));
    inbox.end_lent(job);
    expect_nothing_left();
}

TEST_F(PatientInbox, NothingIsLeftOfAJobWhenWakingFails) {
    EXPECT_EQ(inbox.pop(2), nullptr);
    ASSERT_TRUE(inbox.try_sleep());
    Patient a{10, 20, other_home};
    load.reserve();
    const auto broken = [] { throw std::runtime_error{"no strand"}; };
    EXPECT_THROW(inbox.push(a, broken), std::runtime_error);
    EXPECT_EQ(a.waits->state, Patience::State::none);
    expect_nothing_left();
}

TEST_F(PatientInbox, NothingIsLeftOfAJobWhenTheAlarmFails) {
    clock.broken = true;
    Patient a{10, std::nullopt, other_home}, b{20, 10, other_home};
    EXPECT_THROW(submit(a), std::runtime_error);
    EXPECT_THROW(submit(b), std::runtime_error);
    EXPECT_EQ(a.waits->state, Patience::State::none);
    EXPECT_EQ(b.waits->state, Patience::State::none);
    expect_nothing_left();
}

TEST_F(PatientInbox, AnAlarmThatFailsForPatienceLeavesTheDeadlinesOfOthers) {
    Patient a{50, 40};
    submit(a);
    EXPECT_EQ(alarm(), 40);
    clock.broken = true;
    Patient b{10, 90};
    EXPECT_THROW(submit(b), std::runtime_error);
    clock.broken = false;
    EXPECT_FALSE(inbox.exhaust_patience(20)) << "b is not there";
    EXPECT_EQ(take_overdue(90).queued, (std::vector<Job*>{&a}));
}

TEST_F(PatientInbox, AJobThatIsTurnedAwayIsNotListed) {
    inbox.close();
    Patient a{10, 20, other_home};
    EXPECT_EQ(submit(a), Queue::Push::closed);
    expect_nothing_left();
}

/// Jobs are counted before they are queued, so others come into the load while this one is being queued.
TEST_F(PatientInbox, AJobThatHasAPermitIsNotInvitedBecauseOthersComeMeanwhile) {
    ASSERT_EQ(inbox.pop(2), nullptr);
    load.release();  // the first job has ended
    Patient a{10, std::nullopt, other_home};
    load.reserve();
    EXPECT_EQ(inbox.push(a, [this] { load.reserve(); }), Queue::Push::queued);
    EXPECT_EQ(clock.guests.empty(), a.waits->state == Patience::State::none);
    EXPECT_EQ(withdraw(a), State::queued);
    EXPECT_TRUE(clock.guests.empty()) << "the job's memory goes";
    expect_nothing_left();
}

}  // namespace inbox_test
