// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <deque>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/job/deadline_place.hpp>
#include <dispatch/detail/queue/deadlines.hpp>

namespace deadlines_test {

struct Job;
using Place = dispatch::detail::DeadlinePlace<Job, int>;

struct Job {
    explicit Job(int time) : place{*this, time} {}
    Place place;
};

using Deadlines = dispatch::detail::Deadlines<Place>;

/// Takes them all out, the first one each time.
std::vector<int> drain(Deadlines& deadlines) {
    std::vector<int> times;
    while (!deadlines.empty()) {
        Place& first = deadlines.first();
        times.push_back(first.time);
        EXPECT_TRUE(deadlines.remove(first));
    }
    return times;
}

TEST(Deadlines, InOrder) {
    Deadlines deadlines;
    EXPECT_TRUE(deadlines.empty());
    Job a{1}, b{2}, c{2}, d{3};
    for (Job* job : {&a, &b, &c, &d}) {
        deadlines.push(job->place);
        EXPECT_EQ(job->place.index, Place::in_line);
    }
    EXPECT_EQ(deadlines.first().job, &a);
    EXPECT_TRUE(deadlines.remove(b.place)) << "from the midst";
    EXPECT_EQ(drain(deadlines), (std::vector<int>{1, 2, 3}));
}

TEST(Deadlines, OutOfOrder) {
    Deadlines deadlines;
    Job a{5}, b{3}, c{4}, d{6}, e{1};
    for (Job* job : {&a, &b, &c, &d, &e}) {
        deadlines.push(job->place);
    }
    EXPECT_EQ(deadlines.first().job, &e);
    EXPECT_TRUE(deadlines.remove(b.place));
    EXPECT_EQ(drain(deadlines), (std::vector<int>{1, 4, 5, 6}));
}

TEST(Deadlines, WhatIsNotThereIsNotRemoved) {
    Deadlines deadlines;
    Job a{2}, b{1};
    EXPECT_FALSE(deadlines.remove(a.place));
    deadlines.push(a.place);
    deadlines.push(b.place);
    EXPECT_TRUE(deadlines.remove(a.place));
    EXPECT_TRUE(deadlines.remove(b.place));
    EXPECT_FALSE(deadlines.remove(a.place));
    EXPECT_FALSE(deadlines.remove(b.place));
    EXPECT_TRUE(deadlines.empty());
    deadlines.push(a.place);
    EXPECT_EQ(drain(deadlines), (std::vector<int>{2}));
}

TEST(Deadlines, AtRandom) {
    std::minstd_rand random{1};
    Deadlines deadlines;
    std::deque<Job> jobs;
    std::vector<Job*> model;
    for (int step = 0; step != 20'000; ++step) {
        if (model.empty() || random() % 2 == 0) {
            // Mostly in their order.
            Job& job = jobs.emplace_back(step + (random() % 4 == 0 ? static_cast<int>(random() % 200) - 100 : 0));
            deadlines.push(job.place);
            model.push_back(&job);
        } else {
            const std::size_t gone = random() % std::min<std::size_t>(model.size(), 30);
            ASSERT_TRUE(deadlines.remove(model[gone]->place));
            model.erase(model.begin() + static_cast<std::ptrdiff_t>(gone));
        }
        ASSERT_EQ(deadlines.empty(), model.empty());
        if (!model.empty()) {
            const auto first = std::min_element(model.begin(), model.end(),
                                                [](Job* a, Job* b) { return a->place.time < b->place.time; });
            ASSERT_EQ(deadlines.first().time, (*first)->place.time) << "step " << step;
        }
    }
    const std::vector<int> rest = drain(deadlines);
    EXPECT_EQ(rest.size(), model.size());
    EXPECT_TRUE(std::is_sorted(rest.begin(), rest.end()));
}

}  // namespace deadlines_test
