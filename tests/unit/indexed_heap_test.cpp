// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <deque>
#include <iterator>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/queue/indexed_heap.hpp>

namespace indexed_heap_test {

struct Job {
    std::optional<int> deadline;
    std::size_t deadline_index = 0;
};

struct ByDeadline {
    static bool before(const Job& a, const Job& b) noexcept { return *a.deadline < *b.deadline; }
    static std::size_t& index(Job& job) noexcept { return job.deadline_index; }
};

using Heap = dispatch::detail::IndexedHeap<Job, ByDeadline>;

/// Empties heap, the earliest first.
std::vector<int> drain(Heap& heap) {
    std::vector<int> deadlines;
    while (!heap.empty()) {
        Job& job = heap.first();
        deadlines.push_back(*job.deadline);
        heap.remove(job);
    }
    return deadlines;
}

TEST(IndexedHeap, GivesTheEarliestFirst) {
    std::vector<Job> jobs{{5}, {1}, {4}, {1}, {3}, {2}};
    Heap heap;
    EXPECT_TRUE(heap.empty());
    for (Job& job : jobs) {
        heap.push(job);
    }
    EXPECT_EQ(drain(heap), (std::vector{1, 1, 2, 3, 4, 5}));
}

TEST(IndexedHeap, AnyJobCanBeRemoved) {
    for (std::size_t removed = 0; removed != 15; ++removed) {
        std::vector<Job> jobs;
        for (int i = 0; i != 15; ++i) {
            jobs.push_back({i * 7 % 15});
        }
        Heap heap;
        for (Job& job : jobs) {
            heap.push(job);
        }
        heap.remove(jobs[removed]);
        std::vector<int> rest{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
        std::erase(rest, *jobs[removed].deadline);
        EXPECT_EQ(drain(heap), rest) << "without job " << removed;
    }
}

TEST(IndexedHeap, AgreesWithASortedSet) {
    std::minstd_rand random{1};
    std::deque<Job> jobs(200);
    Heap heap;
    std::multiset<int> model;
    std::vector<bool> listed(jobs.size());
    for (int step = 0; step != 50000; ++step) {
        const std::size_t index = random() % jobs.size();
        Job& job = jobs[index];
        if (listed[index]) {
            heap.remove(job);
            model.erase(model.find(*job.deadline));
        } else {
            job.deadline = static_cast<int>(random() % 50);
            heap.push(job);
            model.insert(*job.deadline);
        }
        listed[index] = !listed[index];
        ASSERT_EQ(heap.empty(), model.empty());
        if (!model.empty()) {
            ASSERT_EQ(*heap.first().deadline, *model.begin()) << "step " << step;
        }
    }
}

}  // namespace indexed_heap_test
