// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_WATCHDOG_HPP
#define GATEWAY_HTTP_WATCHDOG_HPP

#include <algorithm>
#include <chrono>

#include <boost/asio/steady_timer.hpp>

#include <gateway/base/net.hpp>

namespace gateway {

/// The time limit of a connection. Moving the limit is an assignment and touches no timer, so it costs
/// next to nothing per request: the timer wakes once per shortest limit and looks where the limit is.
/// Not thread-safe: everything happens on the connection's strand.
///
/// Beast's tcp_stream has time limits too, but closes the socket when one passes; then a slow client
/// could not be told so.
class Watchdog {
  public:
    /// No limit given to expires_after may be shorter than shortest.
    Watchdog(const net::any_io_executor& executor, Clock::duration shortest) : timer_{executor}, shortest_{shortest} {}

    void expires_after(Clock::duration limit) {
        deadline_ = Clock::now() + limit;
        expired_ = false;
    }

    void expires_never() {
        deadline_ = Clock::time_point::max();
        expired_ = false;
    }

    /// Whether the present limit has passed and its on_expiry was called.
    [[nodiscard]] bool expired() const { return expired_; }

    /// Calls on_expiry once for each limit that passes. Runs until it is cancelled.
    template <class OnExpiry>
    net::awaitable<void> watch(OnExpiry on_expiry) {
        for (;;) {
            const Clock::time_point now = Clock::now();
            if (!expired_ && now >= deadline_) {
                expired_ = true;
                on_expiry();
            }
            timer_.expires_at(expired_ ? now + shortest_ : std::min(deadline_, now + shortest_));
            co_await timer_.async_wait(net::use_awaitable);
        }
    }

  private:
    net::steady_timer timer_;
    Clock::duration shortest_;
    Clock::time_point deadline_ = Clock::time_point::max();
    bool expired_ = false;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_WATCHDOG_HPP
