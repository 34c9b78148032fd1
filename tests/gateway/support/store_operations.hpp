// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_STORE_OPERATIONS_HPP
#define GATEWAY_TESTS_SUPPORT_STORE_OPERATIONS_HPP

#include <chrono>
#include <cstddef>
#include <future>
#include <gateway/jobs/job_store.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

namespace gateway::test {

/// Runs a coroutine to its end on this thread. It fails if the coroutine waits for something that is not its
/// executor's outstanding work.
template <typename T>
T run(net::awaitable<T> coroutine) {
    net::io_context context;
    std::future<T> result = net::co_spawn(context, std::move(coroutine), net::use_future);
    context.run();
    if (result.wait_for(std::chrono::seconds{0}) != std::future_status::ready) {
        throw std::logic_error{"the coroutine waits for what is not outstanding work"};
    }
    return result.get();
}

inline PendingJob make_job(std::string id, std::size_t request_size = 10) {
    PendingJob job;
    job.session = "session of " + id;
    job.request = std::string(request_size, 'r');
    job.id = std::move(id);
    return job;
}

/// The operations, one at a time.
inline void insert(JobStore& store, std::string id, std::size_t request_size = 10) {
    run(store.insert(make_job(std::move(id), request_size)));
}

inline bool complete(JobStore& store, std::string id, std::string result = "{}") {
    return run(store.finish(std::move(id), JobStatus::completed, std::move(result)));
}

inline bool fail(JobStore& store, std::string id, std::string why) {
    return run(store.finish(std::move(id), JobStatus::failed, std::move(why)));
}

inline std::optional<JobState> find(JobStore& store, std::string id) { return run(store.find(std::move(id))); }

}  // namespace gateway::test

#endif  // GATEWAY_TESTS_SUPPORT_STORE_OPERATIONS_HPP
