// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_MODELS_HPP
#define GATEWAY_TESTS_SUPPORT_MODELS_HPP

#include <memory>
#include <semaphore>
#include <string>
#include <utility>

#include <boost/asio/experimental/concurrent_channel.hpp>

#include <gateway/upstream/model.hpp>

#include "test_gateway.hpp"

namespace test {

/// Answers whole: where parts are wanted, it is one.
class WholeModel : public gateway::Model {
  public:
    gateway::net::awaitable<void> stream(gateway::ModelRequest request, gateway::WaitNote& note,
                                         gateway::PartSink sink) override {
        gateway::ModelAnswer answer = co_await generate(std::move(request), note);
        gateway::ModelAnswer cost{"", std::exchange(answer.usage, {})};
        co_await sink(std::move(answer));
        co_await sink(std::move(cost));
    }
};

/// Answers with the request.
class EchoModel : public WholeModel {
  public:
    gateway::net::awaitable<gateway::ModelAnswer> generate(gateway::ModelRequest request, gateway::WaitNote&) override {
        co_return gateway::ModelAnswer{std::string{request.prepared.view()}, {}};
    }
};

/// Throws a copy of an exception.
template <typename Exception>
class ThrowingModel : public WholeModel {
  public:
    explicit ThrowingModel(Exception exception) : exception_{std::move(exception)} {}

    gateway::net::awaitable<gateway::ModelAnswer> generate(gateway::ModelRequest, gateway::WaitNote&) override {
        throw exception_;
        co_return gateway::ModelAnswer{};
    }

  private:
    Exception exception_;
};

/// Lets generations begin, and holds them until the test lets them go.
class Gate {
  public:
    explicit Gate(const gateway::net::any_io_executor& executor) : channel_{executor, 1'000} {}

    gateway::net::awaitable<void> pass() {
        begun_.release();
        co_await channel_.async_receive(gateway::net::use_awaitable);
    }

    /// Waits until one more generation has begun.
    void await_one() { begun_.acquire(); }
    void let_one_go() { channel_.try_send(gateway::error_code{}); }

  private:
    gateway::net::experimental::concurrent_channel<void(gateway::error_code)> channel_;
    std::counting_semaphore<1'000> begun_{0};
};

class GatedModel : public WholeModel {
  public:
    explicit GatedModel(std::shared_ptr<Gate> gate) : gate_{std::move(gate)} {}

    gateway::net::awaitable<gateway::ModelAnswer> generate(gateway::ModelRequest request, gateway::WaitNote&) override {
        co_await gate_->pass();
        co_return gateway::ModelAnswer{std::string{request.prepared.view()}, {}};
    }

  private:
    std::shared_ptr<Gate> gate_;
};

template <typename M, typename... Args>
MakeModel make(Args... args) {
    return
        [args...](const gateway::net::any_io_executor&, gateway::HeavyWork&) { return std::make_unique<M>(args...); };
}

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_MODELS_HPP
