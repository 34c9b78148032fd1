// SPDX-License-Identifier: Apache-2.0
#include <array>
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

struct Job {};
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
    Guest(std::uint32_t at, std::uint32_t other) : Patience{of} {
        home = at;
        other_home = other;
    }
    Job of;
};

struct Inn {
    dispatch::detail::WorkerSet workers{loads(3)};
    Guests guests{workers};
};

TEST(Guests, NobodyIsThereAtFirst) {
    Inn inn;
    for (std::size_t worker = 0; worker != 3; ++worker) {
        EXPECT_EQ(inn.guests.first_home(worker), no_worker);
        EXPECT_EQ(inn.guests.first_at(0, worker), nullptr);
        EXPECT_FALSE(inn.workers[worker].has_guests());
    }
}

TEST(Guests, BelongToTheirOtherHome) {
    Inn inn;
    Guest a{0, 1}, b{2, 0};
    inn.guests.add(a);
    inn.guests.add(b);
    EXPECT_EQ(inn.guests.first_home(1), 0U);
    EXPECT_EQ(inn.guests.first_at(0, 1), &a);
    EXPECT_EQ(inn.guests.first_at(2, 1), nullptr) << "it does not wait there";
    EXPECT_EQ(inn.guests.first_home(0), 2U);
    EXPECT_EQ(inn.guests.first_at(2, 0), &b);
    EXPECT_EQ(inn.guests.first_home(2), no_worker);
    EXPECT_TRUE(inn.workers[0].has_guests());
    EXPECT_TRUE(inn.workers[1].has_guests());
    EXPECT_FALSE(inn.workers[2].has_guests());
}

TEST(Guests, ComeInTheOrderInWhichTheyWereInvited) {
    Inn inn;
    Guest a{0, 1}, b{2, 1}, c{0, 1};
    for (Guest* guest : {&a, &b, &c}) {
        inn.guests.add(*guest);
    }
    EXPECT_EQ(inn.guests.first_at(0, 1), &a);
    inn.guests.remove(a);
    EXPECT_EQ(inn.guests.first_home(1), 2U);
    EXPECT_EQ(inn.guests.first_at(0, 1), nullptr) << "another one comes first";
    EXPECT_EQ(inn.guests.first_at(2, 1), &b);
    inn.guests.remove(c);
    EXPECT_TRUE(inn.workers[1].has_guests());
    inn.guests.remove(b);
    EXPECT_FALSE(inn.workers[1].has_guests());
    EXPECT_EQ(inn.guests.first_home(1), no_worker);
    inn.guests.add(c);
    EXPECT_EQ(inn.guests.first_at(0, 1), &c) << "it may come again";
    inn.guests.remove(c);
}

TEST(Guests, ComeAndGoOnSeveralThreads) {
    Inn inn;
    std::array<std::mutex, 3> inboxes;
    std::vector<std::thread> threads;
    for (std::uint32_t worker = 0; worker != 3; ++worker) {
        threads.emplace_back([&, worker] {
            std::minstd_rand random{worker + 1};
            for (int i = 0; i != 5'000; ++i) {
                const std::uint32_t other = (worker + 1 + static_cast<std::uint32_t>(random() % 2)) % 3;
                const auto guest = std::make_unique<Guest>(worker, other);
                guest->invited = true;
                {
                    const std::lock_guard lock{inboxes[worker]};
                    inn.guests.add(*guest);
                }
                if (const std::uint32_t home = inn.guests.first_home(worker); home != no_worker) {
                    const std::lock_guard lock{inboxes[home]};
                    if (Patience* const found = inn.guests.first_at(home, worker)) {
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
        EXPECT_EQ(inn.guests.first_home(worker), no_worker);
    }
}

}  // namespace guests_test
