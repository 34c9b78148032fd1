// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_ALARM_HPP
#define GATEWAY_UPSTREAM_ALARM_HPP

#include <memory>

#include <boost/asio/steady_timer.hpp>

#include <gateway/base/net.hpp>

namespace gateway {

/// Closes a connection at a time, unless it is gone by then. Everything happens on executor, which is a strand: once an
/// alarm is gone, it closes nothing any more.
class Alarm {
  public:
    /// Closable: with close(). connection must outlive the alarm.
    template <typename Closable>
    Alarm(const net::any_io_executor& executor, Clock::time_point time, Closable& connection)
        : timer_{executor, time}, state_{std::make_shared<State>()} {
        timer_.async_wait([state = state_, &connection](error_code cancelled) {
            if (!cancelled && !state->over) {
                state->rang = true;
                connection.close();
            }
        });
    }
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;
    ~Alarm() { state_->over = true; }  // the wait may have ended already, and its handler be on its way

    [[nodiscard]] bool rang() const { return state_->rang; }

  private:
    struct State {
        bool over = false;
        bool rang = false;
    };

    net::steady_timer timer_;
    std::shared_ptr<State> state_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_ALARM_HPP
