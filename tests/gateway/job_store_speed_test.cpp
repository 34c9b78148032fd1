// SPDX-License-Identifier: Apache-2.0
// How fast the store is on this disk. Not run by itself: --gtest_also_run_disabled_tests.
#include <chrono>
#include <cstdio>
#include <future>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/jobs/job_store.hpp>
#include <gateway/jobs/uuid.hpp>

#include "support/store_operations.hpp"
#include "support/temporary_directory.hpp"

namespace job_store_speed_test {

using namespace gateway;

net::awaitable<std::size_t> insert_until(JobStore& store, Clock::time_point end) {
    std::size_t count = 0;
    for (; Clock::now() < end; ++count) {
        PendingJob job = test::make_job(make_uuid(), 300);
        co_await store.insert(std::move(job));
    }
    co_return count;
}

net::awaitable<std::size_t> find_until(JobStore& store, Clock::time_point end, std::string wanted) {
    std::size_t count = 0;
    for (; Clock::now() < end; ++count) {
        std::string id = wanted;
        co_await store.find(std::move(id));
    }
    co_return count;
}

template <typename Client>
void measure(const char* what, int clients, Client client) {
    constexpr auto duration = std::chrono::seconds{2};
    net::thread_pool threads{2};
    const Clock::time_point start = Clock::now();
    std::vector<std::future<std::size_t>> counts;
    for (int i = 0; i < clients; ++i) {
        counts.push_back(net::co_spawn(threads, client(start + duration), net::use_future));
    }
    std::size_t sum = 0;
    for (auto& count : counts) {
        sum += count.get();
    }
    const std::chrono::duration<double> took = Clock::now() - start;
    std::printf("%s, %4d at a time: %8.0f a second\n", what, clients, static_cast<double>(sum) / took.count());
}

TEST(JobStoreSpeed, DISABLED_InsertsAndFinds) {
    for (const bool full_sync : {true, false}) {
        const test::TemporaryDirectory directory;
        JobStoreOptions options;
        options.path = directory.file("jobs.db");
        options.full_sync = full_sync;
        JobStore store{options};
        for (const int clients : {1, 64, 1024}) {
            measure(full_sync ? "inserts, FULL" : "inserts, NORMAL", clients,
                    [&](Clock::time_point end) { return insert_until(store, end); });
        }
        std::string known = make_uuid();
        test::insert(store, known, 300);
        for (const int clients : {1, 64, 1024}) {
            measure("finds", clients, [&](Clock::time_point end) { return find_until(store, end, known); });
        }
    }
}

}  // namespace job_store_speed_test
