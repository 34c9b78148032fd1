// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/queue/backlog.hpp>
#include <dispatch/detail/route/worker_load.hpp>
#include <dispatch/detail/route/worker_set.hpp>

namespace backlog_test {

using dispatch::detail::WorkerLoad;
using dispatch::detail::WorkerSet;

/// A worker that keeps a record of its calls.
struct Worker {
    std::size_t number;
    std::shared_ptr<WorkerLoad> its_load;
    std::vector<std::size_t>& calls;
    bool asleep = true;
    /// What it says when it is asked for what was deferred, and what is done then.
    bool has_jobs = false;
    std::function<void()> is_asked = [] {};

    const std::shared_ptr<WorkerLoad>& load() const noexcept { return its_load; }
    bool search() noexcept {
        calls.push_back(number);
        return asleep;
    }
    bool list_deferred() noexcept {
        is_asked();
        return has_jobs;
    }
};

using Backlog = dispatch::detail::Backlog<Worker>;
using Numbers = std::vector<std::size_t>;

/// So many workers with so many permits each, all of them asleep with their permits free.
class Workers {
  public:
    explicit Workers(std::size_t n, std::size_t permits = 1) : set_{loads(n, permits)}, backlog{set_} {
        for (std::size_t i = 0; i != n; ++i) {
            workers.push_back(std::make_shared<Worker>(Worker{i, loads_[i], calls_}));
            backlog.join(i, workers[i]);
        }
    }

    WorkerLoad& load(std::size_t worker) { return *loads_[worker]; }

    Numbers take_calls() { return std::exchange(calls_, {}); }

    /// Whose job has waited longest, each worker being taken off the list when it has been seen.
    Numbers take_all() {
        Numbers order;
        while (const auto worker = backlog.oldest().worker) {
            order.push_back(worker->number);
            backlog.unlist(worker->number);
        }
        return order;
    }

  private:
    std::vector<std::shared_ptr<WorkerLoad>> loads(std::size_t n, std::size_t permits) {
        for (std::size_t i = 0; i != n; ++i) {
            loads_.push_back(
                std::make_shared<WorkerLoad>(dispatch::WorkerOptions{.max_concurrency = permits, .queue_capacity = 1}));
        }
        return loads_;
    }

    std::vector<std::shared_ptr<WorkerLoad>> loads_;
    WorkerSet set_;
    Numbers calls_;

  public:
    Backlog backlog;
    std::vector<std::shared_ptr<Worker>> workers;
};

TEST(Backlog, AgesGoUpFromOne) {
    Workers pool{1};
    EXPECT_EQ(pool.backlog.next_age(), 1U) << "0 is a job that does not wait";
    EXPECT_EQ(pool.backlog.next_age(), 2U);
}

TEST(Backlog, TellsTheWorkerWhoseJobHasWaitedLongest) {
    struct Step {
        std::size_t worker;
        /// Empty: it is taken off the list.
        std::optional<std::uint64_t> age;
    };
    struct Row {
        std::vector<Step> steps;
        Numbers order;
    };
    const std::vector<Row> rows{
        {{}, {}},
        {{{3, 7}}, {3}},
        {{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}}, {0, 1, 2, 3, 4}},
        {{{0, 5}, {1, 4}, {2, 3}, {3, 2}, {4, 1}}, {4, 3, 2, 1, 0}},
        {{{0, 3}, {1, 1}, {2, 5}, {3, 2}, {4, 4}}, {1, 3, 0, 4, 2}},
        // Listed anew: for a later job, for an earlier one, for the same.
        {{{0, 1}, {1, 2}, {2, 3}, {0, 9}}, {1, 2, 0}},
        {{{0, 7}, {1, 8}, {2, 9}, {2, 1}}, {2, 0, 1}},
        {{{0, 1}, {1, 2}, {0, 1}}, {0, 1}},
        // Taken off: the first, one in the midst, the last one, the only one, one that was not listed, and again.
        {{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {0, {}}}, {1, 2, 3}},
        {{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {1, {}}}, {0, 2, 3}},
        {{{0, 1}, {1, 2}, {2, 3}, {2, {}}}, {0, 1}},
        {{{0, 1}, {0, {}}}, {}},
        {{{0, 1}, {1, {}}, {1, {}}}, {0}},
        {{{0, 1}, {1, 2}, {0, {}}, {0, {}}}, {1}},
        {{{0, 1}, {0, {}}, {0, 3}, {1, 2}}, {1, 0}},
        // The last one of the heap, put into a hole, goes up.
        {{{0, 1}, {1, 10}, {2, 2}, {3, 11}, {4, 12}, {5, 3}, {3, {}}}, {0, 2, 5, 1, 4}},
    };
    for (std::size_t row = 0; row != rows.size(); ++row) {
        SCOPED_TRACE(row);
        Workers pool{6};
        for (const Step& step : rows[row].steps) {
            if (step.age) {
                pool.backlog.list(step.worker, *step.age);
            } else {
                pool.backlog.unlist(step.worker);
            }
        }
        EXPECT_EQ(pool.backlog.any(), !rows[row].order.empty());
        EXPECT_EQ(pool.take_all(), rows[row].order);
        EXPECT_FALSE(pool.backlog.any());
    }
}

TEST(Backlog, TellsTheAgeForWhichAWorkerWasListed) {
    Workers pool{2};
    EXPECT_EQ(pool.backlog.oldest().worker, nullptr);
    pool.backlog.list(1, 5);
    EXPECT_EQ(pool.backlog.oldest().age, 5U);
    pool.backlog.list(1, 8);
    EXPECT_EQ(pool.backlog.oldest().age, 8U);
    EXPECT_EQ(pool.backlog.oldest().worker, pool.workers[1]) << "it stays listed";
}

TEST(Backlog, WorkersWithTheSameAgeAreBothTold) {
    Workers pool{3};
    pool.backlog.list(2, 4);
    pool.backlog.list(0, 4);
    pool.backlog.list(1, 4);
    Numbers order = pool.take_all();
    EXPECT_EQ(order.size(), 3U);
    EXPECT_EQ(order[0] + order[1] + order[2], 3U);
}

TEST(Backlog, KeepsItsOrderWhateverIsListedAndTakenOff) {
    Workers pool{5};
    std::uint64_t seed = 1;
    std::vector<std::uint64_t> ages(5);
    for (int round = 0; round != 20'000; ++round) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        const std::size_t worker = (seed >> 33) % 5;
        if ((seed >> 40) % 3 != 0) {
            ages[worker] = 1 + (seed >> 50);
            pool.backlog.list(worker, ages[worker]);
        } else {
            ages[worker] = 0;
            pool.backlog.unlist(worker);
        }
        std::uint64_t least = 0;
        for (const std::uint64_t age : ages) {
            least = age != 0 && (least == 0 || age < least) ? age : least;
        }
        const auto oldest = pool.backlog.oldest();
        ASSERT_EQ(oldest.age, least) << "round " << round;
        ASSERT_EQ(oldest.worker != nullptr, least != 0);
        ASSERT_TRUE(least == 0 || ages[oldest.worker->number] == least);
    }
}

TEST(Backlog, AWorkerThatIsGoneIsTakenOff) {
    Workers pool{3};
    pool.backlog.list(0, 1);
    pool.backlog.list(1, 2);
    pool.backlog.list(2, 3);
    pool.workers[0] = nullptr;
    pool.workers[2] = nullptr;
    EXPECT_EQ(pool.take_all(), Numbers{1});
    pool.backlog.list(1, 4);
    pool.workers[1] = nullptr;
    EXPECT_TRUE(pool.backlog.any());
    EXPECT_EQ(pool.backlog.oldest().worker, nullptr);
    EXPECT_FALSE(pool.backlog.any());
}

TEST(Backlog, CallsNobodyWhenNothingIsListed) {
    Workers pool{2};
    pool.backlog.call();
    EXPECT_EQ(pool.take_calls(), Numbers{});
}

TEST(Backlog, CallsOneSleeper) {
    Workers pool{4};
    pool.backlog.list(0, 1);
    pool.backlog.call();
    EXPECT_EQ(pool.take_calls(), Numbers{1});
}

TEST(Backlog, CallsTheNextWhenOneIsAwakeBusyOrGone) {
    Workers pool{6};
    pool.load(0).reserve();
    pool.backlog.list(0, 1);
    pool.workers[1]->asleep = false;
    pool.load(2).reserve();
    pool.workers[3] = nullptr;
    pool.backlog.call();
    EXPECT_EQ(pool.take_calls(), (Numbers{1, 4}));
}

TEST(Backlog, CallsTheNextAsWellWhenOneHasJobsInProgress) {
    // One job each, and two permits: their threads may be held.
    Workers pool{5, 2};
    pool.load(1).reserve();
    pool.load(2).reserve();
    pool.backlog.list(0, 1);
    pool.backlog.call();
    EXPECT_EQ(pool.take_calls(), (Numbers{1, 2, 3}));
}

TEST(Backlog, ConsidersEachWorkerOnceWhileSomethingIsListed) {
    Workers pool{4};
    pool.load(2).reserve();
    pool.backlog.list(0, 1);
    Numbers called;
    for (int i = 0; i != 9; ++i) {
        pool.backlog.call();
        for (const std::size_t worker : pool.take_calls()) {
            called.push_back(worker);
        }
        // Nor because of what happens meanwhile.
        pool.backlog.list(0, static_cast<std::uint64_t>(i));
        pool.backlog.list(1, static_cast<std::uint64_t>(i));
        pool.backlog.unlist(1);
        pool.load(2).release();
        pool.load(2).reserve();
    }
    EXPECT_EQ(called, (Numbers{1, 3, 0})) << "one that was busy looks by itself when it is not";
}

TEST(Backlog, ConsidersAllAgainWhenSomethingIsListedAfterNothingWas) {
    Workers pool{3};
    for (const Numbers& expected : {Numbers{1, 2, 0}, Numbers{1, 2, 0}}) {
        pool.backlog.list(0, 1);
        for (int i = 0; i != 5; ++i) {
            pool.backlog.call();
        }
        EXPECT_EQ(pool.take_calls(), expected);
        pool.backlog.unlist(0);
    }
    // Also after the listed worker has gone.
    pool.backlog.list(0, 1);
    pool.workers[0] = nullptr;
    EXPECT_EQ(pool.backlog.oldest().worker, nullptr);
    pool.backlog.list(1, 2);
    for (int i = 0; i != 5; ++i) {
        pool.backlog.call();
    }
    EXPECT_EQ(pool.take_calls(), (Numbers{1, 2}));
}

TEST(Backlog, ADifferentWorkerComesFirstEachTime) {
    Workers pool{3};
    Numbers first;
    for (int i = 0; i != 6; ++i) {
        pool.backlog.list(0, 1);
        pool.backlog.call();
        first.push_back(pool.take_calls().front());
        pool.backlog.unlist(0);
    }
    EXPECT_EQ(first, (Numbers{1, 2, 0, 1, 2, 0}));
}

TEST(Backlog, CallsACertainWorkerIfItHasAPermitFree) {
    Workers pool{2};
    pool.backlog.list(0, 1);
    pool.backlog.call();
    pool.backlog.call();
    pool.take_calls();
    pool.backlog.call(*pool.workers[1]);
    EXPECT_EQ(pool.take_calls(), Numbers{1}) << "though it was considered";
    pool.load(1).reserve();
    pool.backlog.call(*pool.workers[1]);
    EXPECT_EQ(pool.take_calls(), Numbers{});
}

TEST(Backlog, ListsLaterWhatWasDeferred) {
    Workers pool{4};
    Numbers asked;
    for (const auto& worker : pool.workers) {
        worker->is_asked = [&, &worker = *worker] {
            asked.push_back(worker.number);
            if (worker.has_jobs) {
                pool.backlog.list(worker.number, 1 + worker.number);
            }
        };
    }
    pool.workers[2]->has_jobs = true;
    EXPECT_TRUE(pool.backlog.defer(1)) << "somebody has to look";
    EXPECT_FALSE(pool.backlog.defer(2)) << "somebody looks";
    EXPECT_FALSE(pool.backlog.defer(3));
    EXPECT_FALSE(pool.backlog.any());
    pool.workers[3] = nullptr;
    pool.backlog.list_deferred();
    std::sort(asked.begin(), asked.end());
    EXPECT_EQ(asked, (Numbers{1, 2}));
    EXPECT_EQ(pool.take_calls(), Numbers{1});
    EXPECT_EQ(pool.take_all(), Numbers{2});

    asked.clear();
    pool.backlog.list_deferred();
    EXPECT_EQ(asked, Numbers{}) << "each is asked once";
}

TEST(Backlog, CallsNobodyWhereNothingIsLeftOfWhatWasDeferred) {
    Workers pool{3};
    pool.backlog.list(0, 1);
    pool.backlog.defer(1);
    pool.backlog.list_deferred();
    EXPECT_EQ(pool.take_calls(), Numbers{});
}

TEST(Backlog, WhatIsDeferredWhileSomebodyLooksIsLookedAtAsWell) {
    Workers pool{3};
    Numbers asked;
    for (const auto& worker : pool.workers) {
        worker->is_asked = [&, number = worker->number] { asked.push_back(number); };
    }
    pool.workers[0]->is_asked = [&] { EXPECT_TRUE(pool.backlog.defer(1)) << "who looks may have been there already"; };
    EXPECT_TRUE(pool.backlog.defer(0));
    pool.backlog.list_deferred();
    EXPECT_EQ(asked, Numbers{1});
    EXPECT_FALSE(pool.backlog.defer(2));
    pool.backlog.list_deferred();
    EXPECT_EQ(asked, (Numbers{1, 2}));
    EXPECT_TRUE(pool.backlog.defer(2)) << "nobody looks any more";
}

TEST(Backlog, SomebodyStillLooksWhenWhatWasDeferredIsListedNow) {
    Workers pool{2};
    int asked = 0;
    pool.workers[0]->is_asked = [&] { ++asked; };
    EXPECT_TRUE(pool.backlog.defer(0));
    pool.backlog.list_deferred_now();
    EXPECT_EQ(asked, 1);
    EXPECT_FALSE(pool.backlog.defer(0)) << "the look is on its way";
    pool.backlog.list_deferred();
    EXPECT_EQ(asked, 2);
}

}  // namespace backlog_test
