// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <semaphore>

#include <boost/asio/thread_pool.hpp>
#include <gtest/gtest.h>

#include <gateway/process/hangups.hpp>

namespace hangups_test {

using gateway::Hangups;

TEST(Hangups, CallEachTimeUntilTheyAreStopped) {
    gateway::net::thread_pool threads{2};
    std::counting_semaphore<64> called{0};
    Hangups hangups{threads.get_executor(), [&] { called.release(); }};
    for (int i = 0; i < 5; ++i) {
        std::raise(SIGHUP);
        called.acquire();
    }
    hangups.stop();
    threads.join();
    std::raise(SIGHUP);  // does not end the process
}

TEST(Hangups, AreStoppedWhileTheyCome) {
    for (int round = 0; round < 50; ++round) {
        gateway::net::thread_pool threads{2};
        Hangups hangups{threads.get_executor(), [] {}};
        for (int i = 0; i < 20; ++i) {
            std::raise(SIGHUP);
        }
        hangups.stop();
        threads.join();  // comes to an end
    }
}

}  // namespace hangups_test
