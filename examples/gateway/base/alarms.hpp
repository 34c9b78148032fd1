// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_ALARMS_HPP
#define GATEWAY_BASE_ALARMS_HPP

#include <functional>
#include <memory>

#include <gateway/base/net.hpp>

namespace gateway {

/// Calls functions at their times, unless they are called off before, as nearly all are: they are limits. All share one
/// timer, which is set anew only when an alarm is earlier than all others, or the last one goes. (A timer each would go
/// through the executor's queue once for each that is called off.)
///
/// Thread-safe. While there are alarms, the executor has work; it must outlive this. May go before its alarms, which
/// are called off then.
class Alarms {
  public:
    class Alarm;

    explicit Alarms(const net::any_io_executor& executor);
    Alarms(const Alarms&) = delete;
    Alarms& operator=(const Alarms&) = delete;
    ~Alarms();

  private:
    struct Call;
    struct State;

    std::shared_ptr<State> state_;
};

/// One of them. All that happens to it does so on its executor, which is a strand: so once it is gone, it calls nothing
/// any more.
class Alarms::Alarm {
  public:
    /// Has ring called on executor at that time, never within this call.
    Alarm(Alarms& alarms, net::any_io_executor executor, Clock::time_point time, std::function<void()> ring);
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;
    ~Alarm();

    /// Whether ring was called, or is being called.
    [[nodiscard]] bool rang() const;

  private:
    std::shared_ptr<State> state_;
    std::shared_ptr<Call> call_;
};

}  // namespace gateway

#endif  // GATEWAY_BASE_ALARMS_HPP
