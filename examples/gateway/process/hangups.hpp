// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_PROCESS_HANGUPS_HPP
#define GATEWAY_PROCESS_HANGUPS_HPP

#include <functional>

#include <boost/asio/signal_set.hpp>

#include <gateway/base/net.hpp>

namespace gateway {

/// Calls reload for each SIGHUP, one at a time. (Some that come while it is called may count as one.)
class Hangups {
  public:
    /// reload is called on executor, and may not throw.
    Hangups(const net::any_io_executor& executor, std::function<void()> reload);
    Hangups(const Hangups&) = delete;
    Hangups& operator=(const Hangups&) = delete;

    /// No more calls, and nothing that keeps executor busy. Thread-safe. This must live until executor's threads have
    /// ended; until then no SIGHUP ends the process.
    void stop();

  private:
    net::awaitable<void> obey();

    net::any_io_executor strand_;
    net::signal_set signals_;  // used on the strand alone, as is stopped_
    std::function<void()> reload_;
    bool stopped_ = false;
};

}  // namespace gateway

#endif  // GATEWAY_PROCESS_HANGUPS_HPP
