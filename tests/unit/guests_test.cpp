// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/job/patience.hpp>
#include <dispatch/detail/queue/guests.hpp>
#include <dispatch/detail/route/worker_load.hpp>
#include <dispatch/detail/route/worker_set.hpp>

namespace guests_test {

using dispatch::detail::no_worker;
using dispatch::detail::WorkerLoad;

struct Job {
    std::uint64_t age;
};
using Patience = dispatch::detail::Patience<Job, int>;
using Guests = dispatch::detail::Guests<Patience>;

std::vector<std::shared_ptr<WorkerLoad>> loads(std::size_t n) {
    std::vector<std::shared_ptr<WorkerLoad>> loads;
    for (std::size_t i = 0; i != n; ++i) {
        loads.push_back(std::make_shared<WorkerLoad>(dispatch::WorkerOptions{}));
    }
    return loads;
}

struct Guest : Patience {
    Guest(std::uint32_t at, std::uint32_t other, std::uint64_t age = 1) : Patience{of}, of{age} {
        home = at;
        other_home = other;
    }
    Job of;
};

struct Inn {
    dispatch::detail::WorkerSet workers{loads(3)};
    Guests guests{workers};
};

/// In whose queue worker's first guest waits.
std::uint32_t first_home(Guests& guests, std::size_t worker) {
    const auto first = guests.first(worker);
    return first ? first->home : no_worker;
}

TEST(Guests, NobodyIsThereAtFirst) {
    Inn inn;
    for (std::size_t worker = 0; worker != 3; ++worker) {
        EXPECT_FALSE(inn.guests.first(worker));
        EXPECT_EQ(inn.guests.first_still(worker, {0, 1}), nullptr);
        EXPECT_FALSE(inn.workers[worker].has_guests());
    }
}

TEST(Guests, BelongToTheirOtherHome) {
    Inn inn;
    Guest a{0, 1, 7}, b{2, 0, 8};
    inn.guests.add(a);
    inn.guests.add(b);
    ASSERT_TRUE(inn.guests.first(1));
    EXPECT_EQ(inn.guests.first(1)->home, 0U);
    EXPECT_EQ(inn.guests.first(1)->age, 7U);
    EXPECT_EQ(inn.guests.first_still(1, {0, 7}), &a);
    EXPECT_EQ(inn.guests.first_still(1, {2, 8}), nullptr) << "it is the guest of another";
    EXPECT_EQ(first_home(inn.guests, 0), 2U);
    EXPECT_EQ(inn.guests.first_still(0, {2, 8}), &b);
    EXPECT_EQ(first_home(inn.guests, 2), no_worker);
    EXPECT_TRUE(inn.workers[0].has_guests());
    EXPECT_TRUE(inn.workers[1].has_guests());
    EXPECT_FALSE(inn.workers[2].has_guests());
}

TEST(Guests, ComeInTheOrderInWhichTheyWereInvited) {
    Inn inn;
    Guest a{0, 1, 1}, b{2, 1, 2}, c{0, 1, 3};
    for (Guest* guest : {&a, &b, &c}) {
        inn.guests.add(*guest);
    }
    EXPECT_EQ(inn.guests.first_still(1, {0, 1}), &a);
    inn.guests.remove(a);
    EXPECT_EQ(first_home(inn.guests, 1), 2U);
    EXPECT_EQ(inn.guests.first_still(1, {0, 1}), nullptr) << "another one comes first";
    EXPECT_EQ(inn.guests.first_still(1, {0, 3}), nullptr) << "nor is the next from there the first";
    EXPECT_EQ(inn.guests.first_still(1, {2, 2}), &b);
    inn.guests.remove(c);
    EXPECT_TRUE(inn.workers[1].has_guests());
    inn.guests.remove(b);
    EXPECT_FALSE(inn.workers[1].has_guests());
    EXPECT_EQ(first_home(inn.guests, 1), no_worker);
    inn.guests.add(c);
    EXPECT_EQ(inn.guests.first_still(1, {0, 3}), &c) << "it may come again";
    inn.guests.remove(c);
}

TEST(Guests, ComeAndGoOnSeveralThreads) {
    Inn inn;
    std::array<std::mutex, 3> inboxes;
    std::atomic<std::uint64_t> ages{0};
    std::vector<std::thread> threads;
    for (std::uint32_t worker = 0; worker != 3; ++worker) {
        threads.emplace_back([&, worker] {
            std::minstd_rand random{worker + 1};
            for (int i = 0; i != 5'000; ++i) {
                const std::uint32_t other = (worker + 1 + static_cast<std::uint32_t>(random() % 2)) % 3;
                const auto guest = std::make_unique<Guest>(worker, other, ++ages);
                guest->invited = true;
                {
                    const std::lock_guard lock{inboxes[worker]};
                    inn.guests.add(*guest);
                }
                if (const auto first = inn.guests.first(worker)) {
                    const std::lock_guard lock{inboxes[first->home]};
                    if (Patience* const found = inn.guests.first_still(worker, *first)) {
                        EXPECT_EQ(found->home, first->home);
                        inn.guests.remove(*found);
                        found->invited = false;
                    }
                }
                const std::lock_guard lock{inboxes[worker]};
                if (guest->invited) {
                    inn.guests.remove(*guest);
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (std::size_t worker = 0; worker != 3; ++worker) {
        EXPECT_FALSE(inn.workers[worker].has_guests());
        EXPECT_FALSE(inn.guests.first(worker));
    }
}

}  // namespace guests_test
