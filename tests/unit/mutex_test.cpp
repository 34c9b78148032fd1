// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <dispatch/detail/base/mutex.hpp>

namespace mutex_test {

using dispatch::detail::Mutex;

TEST(Mutex, OneThreadAtATime) {
    constexpr int threads = 4;
    constexpr int rounds = 50000;
    Mutex mutex;
    int inside = 0;
    long sum = 0;
    std::vector<std::thread> running;
    for (int t = 0; t != threads; ++t) {
        running.emplace_back([&] {
            for (int i = 0; i != rounds; ++i) {
                const std::lock_guard lock{mutex};
                ASSERT_EQ(++inside, 1);
                ++sum;
                --inside;
            }
        });
    }
    for (std::thread& thread : running) {
        thread.join();
    }
    EXPECT_EQ(sum, static_cast<long>(threads) * rounds);
}

TEST(Mutex, WakesWhoSleepsForIt) {
    // The holder goes away for longer than waiters spin, with the lock: they sleep, and all wake up. Two
    // locks for all the waiters' parking places, so that some share one.
    std::array<Mutex, 40> mutexes;
    std::array<int, 40> counts{};
    std::vector<std::thread> running;
    std::atomic<int> about_to_lock{0};
    for (Mutex& mutex : mutexes) {
        mutex.lock();
    }
    for (int t = 0; t != 3; ++t) {
        running.emplace_back([&] {
            for (std::size_t m = 0; m != mutexes.size(); ++m) {
                ++about_to_lock;
                const std::lock_guard lock{mutexes[m]};
                ++counts[m];
            }
        });
    }
    for (std::size_t m = 0; m != mutexes.size(); ++m) {
        while (about_to_lock < 3 * static_cast<int>(m + 1)) {
            std::this_thread::yield();
        }
        for (int pause = 0; pause != 100; ++pause) {
            std::this_thread::yield();
        }
        mutexes[m].unlock();
    }
    for (std::thread& thread : running) {
        thread.join();
    }
    for (const int count : counts) {
        EXPECT_EQ(count, 3);
    }
}

TEST(Mutex, MayGoAsSoonAsItWasUnlocked) {
    // The last to unlock frees it while another thread's unlock() is still on its way out.
    for (int round = 0; round != 2000; ++round) {
        struct Shared {
            Mutex mutex;
            int users = 2;
        };
        auto* const shared = new Shared;
        const auto use = [shared] {
            bool last = false;
            {
                const std::lock_guard lock{shared->mutex};
                last = --shared->users == 0;
            }
            if (last) {
                delete shared;
            }
        };
        std::thread other{use};
        use();
        other.join();
    }
}

}  // namespace mutex_test
