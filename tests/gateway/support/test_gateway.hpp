// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_TEST_GATEWAY_HPP
#define GATEWAY_TESTS_SUPPORT_TEST_GATEWAY_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <gateway/api/metrics.hpp>
#include <gateway/api/routes.hpp>
#include <gateway/base/heavy_work.hpp>
#include <gateway/http/server.hpp>
#include <gateway/jobs/job_store.hpp>
#include <gateway/service/generation.hpp>
#include <gateway/service/service.hpp>
#include <gateway/upstream/model.hpp>

namespace test {

using MakeModel =
    std::function<std::unique_ptr<gateway::Model>(const gateway::net::any_io_executor&, gateway::HeavyWork&)>;

struct TestGatewayOptions {
    gateway::ServiceOptions service;
    gateway::JobStoreOptions store;
    gateway::Routes::Options routes;
    gateway::HttpServerOptions http;
    std::size_t workers = 4;
    dispatch::WorkerOptions worker;
    dispatch::PoolOptions pool;
};

/// A whole gateway in this process, put together as main.cpp does it, on a free port. Drained at the end, unless the
/// test has done that.
class TestGateway {
  public:
    explicit TestGateway(const MakeModel& make_model, TestGatewayOptions options = {});
    TestGateway(const TestGateway&) = delete;
    TestGateway& operator=(const TestGateway&) = delete;
    ~TestGateway();

    [[nodiscard]] std::uint16_t port() const { return port_; }
    gateway::GenerationService& service() { return *service_; }
    gateway::GenerationPool& pool() { return *pool_; }
    gateway::JobStore& store() { return store_; }
    gateway::HeavyWork& heavy() { return heavy_; }
    gateway::MetricsSnapshot metrics();

    /// Begins what awaitable stands for, on the gateway's threads.
    template <typename T>
    std::future<T> start(gateway::net::awaitable<T> awaitable) {
        return gateway::net::co_spawn(gateway::net::make_strand(threads_), std::move(awaitable),
                                      gateway::net::use_future);
    }

    /// Ends the gateway within limit; at once where it does not matter.
    dispatch::Ledger drain(std::chrono::milliseconds limit = std::chrono::seconds{30});

    /// A job of session, and its outcome.
    std::future<gateway::Outcome> accept_and_wait(std::string session, std::string request);

    /// Waits until a job has ended; how.
    gateway::JobState await_end(const std::string& id);

  private:
    gateway::JobStore store_;
    std::size_t concurrency_;
    gateway::JobFigures figures_;
    gateway::net::thread_pool threads_{2};
    gateway::HeavyWork heavy_;
    std::unique_ptr<gateway::Model> model_;
    std::unique_ptr<gateway::GenerationPool> pool_;
    std::unique_ptr<gateway::GenerationService> service_;
    std::unique_ptr<gateway::Routes> routes_;
    std::unique_ptr<gateway::HttpServer> server_;
    std::uint16_t port_ = 0;
    bool drained_ = false;
};

/// {"contents": [{"role": "user", "parts": [{"text": text}]}]}
std::string prompt(const std::string& text);

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_TEST_GATEWAY_HPP
