// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_SIMULATION_TIMER_HPP
#define DISPATCH_TESTS_SIMULATION_TIMER_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <dispatch/detail/asio/time_source.hpp>

#include "../support/asio.hpp"
#include "clock.hpp"
#include "context.hpp"
#include "executor.hpp"

namespace sim {

using dispatch::detail::net_error;

/// A timer in virtual time, with as much of asio::basic_waitable_timer as is used here.
class Timer {
  public:
    using executor_type = Executor;

    explicit Timer(const Executor& executor, Time time = {}) noexcept : executor_{executor}, time_{time} {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { cancel(); }

    executor_type get_executor() const noexcept { return executor_; }

    std::size_t cancel() {
        return executor_.simulation().call_off([this](const Context::Wait& wait) { return wait.owner == this; });
    }

    std::size_t expires_at(Time time) {
        const std::size_t called_off = cancel();
        time_ = time;
        return called_off;
    }

    template <typename Token>
    auto async_wait(Token&& token) {
        return net::async_initiate<Token, void(net_error)>(
            [this](auto&& handler) { this->start(std::forward<decltype(handler)>(handler)); }, token);
    }

  private:
    template <typename Handler>
    class HandlerWait final : public Context::Wait {
      public:
        HandlerWait(Handler&& handler, const Executor& executor)
            : handler_{std::move(handler)}, work_{net::get_associated_executor(handler_, executor)} {}

        void end(bool called_off) override {
            const net_error error =
                called_off ? net::error::make_error_code(net::error::operation_aborted) : net_error{};
            net::post(work_.get_executor(),
                      [handler = std::move(handler_), error]() mutable { std::move(handler)(error); });
        }

      private:
        Handler handler_;
        net::executor_work_guard<net::associated_executor_t<Handler, Executor>> work_;
    };

    template <typename Handler>
    void start(Handler handler) {
        Context& context = executor_.simulation();
        const std::uint64_t number = context.new_number();
        if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected()) {
            slot.assign([&context, number](net::cancellation_type_t type) {
                if (type != net::cancellation_type::none) {
                    context.call_off([number](const Context::Wait& wait) { return wait.number == number; });
                }
            });
        }
        context.add(std::make_unique<HandlerWait<Handler>>(std::move(handler), executor_), time_, this, number);
    }

    Executor executor_;
    Time time_;
};

}  // namespace sim

template <>
struct dispatch::detail::TimeSource<sim::Executor> {
    using Clock = sim::Clock;
    using Timer = sim::Timer;
};

#endif  // DISPATCH_TESTS_SIMULATION_TIMER_HPP
