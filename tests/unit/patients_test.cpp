// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <new>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/job/patience.hpp>
#include <dispatch/detail/queue/patients.hpp>

namespace patients_test {

struct Job;
using Patience = dispatch::detail::Patience<Job, int>;
using State = Patience::State;

struct Job {
    Job(std::uint64_t wanted_age, int ends) : age{wanted_age} { waits.ends = ends; }
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    ~Job() = default;

    std::uint64_t age;
    Patience waits{*this};
};

using Patients = dispatch::detail::Patients<Patience>;

TEST(Patients, NobodyIsThereAtFirst) {
    Patients patients;
    EXPECT_FALSE(patients.any_patient());
    EXPECT_EQ(patients.oldest(), nullptr);
    EXPECT_FALSE(patients.exhaust(100));
}

TEST(Patients, TheNextEndIsTheEarliest) {
    Job a{1, 30}, b{2, 10}, c{3, 20};
    Patients patients;
    patients.add(a.waits);
    EXPECT_EQ(patients.next_end(), 30);
    patients.add(b.waits);
    EXPECT_EQ(patients.next_end(), 10);
    patients.add(c.waits);
    EXPECT_EQ(patients.next_end(), 10);
    EXPECT_EQ(patients.oldest(), nullptr) << "all are patient";
    patients.remove(b.waits);
    EXPECT_EQ(patients.next_end(), 20);
    EXPECT_EQ(b.waits.state, State::none);
    EXPECT_EQ(c.waits.state, State::patient);
}

TEST(Patients, ThoseWhosePatienceHasEndedAreKnownByAge) {
    Job a{1, 30}, b{2, 10}, c{3, 20}, d{4, 20};
    Patients patients;
    for (Job* job : {&a, &b, &c, &d}) {
        patients.add(job->waits);
    }
    EXPECT_FALSE(patients.exhaust(9));
    EXPECT_TRUE(patients.exhaust(20)) << "at its end it is over";
    EXPECT_FALSE(patients.exhaust(20)) << "nobody new";
    EXPECT_EQ(patients.oldest(), &b);
    EXPECT_TRUE(patients.any_patient());
    EXPECT_EQ(patients.next_end(), 30);
    EXPECT_TRUE(patients.exhaust(1'000));
    EXPECT_FALSE(patients.any_patient());
    EXPECT_EQ(patients.oldest(), &a);
    for (Job* oldest : {&a, &b, &c, &d}) {
        EXPECT_EQ(patients.oldest(), oldest);
        EXPECT_EQ(oldest->waits.state, State::exhausted);
        patients.remove(oldest->waits);
    }
    EXPECT_EQ(patients.oldest(), nullptr);
}

TEST(Patients, WhoIsNotThereIsNotRemoved) {
    Job a{1, 10}, b{2, 20};
    Patients patients;
    patients.add(a.waits);
    patients.remove(b.waits);
    patients.remove(a.waits);
    patients.remove(a.waits);
    EXPECT_FALSE(patients.any_patient());
    patients.add(a.waits);
    EXPECT_EQ(patients.next_end(), 10) << "it may come again";
}

TEST(Patients, AgreeWithAPlainList) {
    std::minstd_rand random{1};
    std::deque<Job> jobs;
    for (std::uint64_t age = 1; age != 200; ++age) {
        jobs.emplace_back(age, static_cast<int>(random() % 100));
    }
    Patients patients;
    int now = 0;
    for (int step = 0; step != 20'000; ++step) {
        Job& job = jobs[random() % jobs.size()];
        if (random() % 4 == 0) {
            now = now < 150 ? now + 1 : 0;
            const bool any = std::any_of(jobs.begin(), jobs.end(), [&](const Job& each) {
                return each.waits.state == State::patient && each.waits.ends <= now;
            });
            ASSERT_EQ(patients.exhaust(now), any);
        } else if (job.waits.state == State::none) {
            job.waits.ends = now + static_cast<int>(random() % 50);
            patients.add(job.waits);
        } else {
            patients.remove(job.waits);
        }
        const Job* oldest = nullptr;
        const Job* next = nullptr;
        for (const Job& each : jobs) {
            if (each.waits.state == State::exhausted && oldest == nullptr) {
                oldest = &each;
            }
            if (each.waits.state == State::patient && (next == nullptr || each.waits.ends < next->waits.ends)) {
                next = &each;
            }
        }
        ASSERT_EQ(patients.oldest(), oldest);
        ASSERT_EQ(patients.any_patient(), next != nullptr);
        if (next != nullptr) {
            ASSERT_EQ(patients.next_end(), next->waits.ends);
        }
    }
}

}  // namespace patients_test
