// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_STATUS_FEED_HPP
#define GATEWAY_API_STATUS_FEED_HPP

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include <boost/asio/steady_timer.hpp>

#include <gateway/base/net.hpp>
#include <gateway/http/body_source.hpp>

namespace gateway {

/// Server-sent events, one in each interval, for all who watch. What an event says is read once for all of them, and
/// not at all while nobody watches. Who is slow misses events. Thread-safe.
class StatusFeed : public std::enable_shared_from_this<StatusFeed> {
  public:
    struct Options {
        /// More are not let in.
        std::size_t max_watchers = 32;
        std::chrono::milliseconds interval = std::chrono::seconds{1};
    };

    /// read: the data of an event, without line breaks. Called for one watcher at a time, on its strand; what it throws
    /// cuts that watcher's body off.
    StatusFeed(std::function<std::string()> read, Options options);

    /// The body of a response, which is to be read on executor, a strand: an event at once, and then one in each
    /// interval until end() is called. Null: as many watch as may, or the feed has ended.
    [[nodiscard]] std::unique_ptr<BodySource> watch(const net::any_io_executor& executor);

    /// Ends the bodies of all who watch, at once, and lets nobody in any more.
    void end();

    [[nodiscard]] bool ended() const { return ended_; }

    [[nodiscard]] const Options& options() const { return options_; }

  private:
    class Watcher;
    using Pause = std::shared_ptr<net::steady_timer>;  // used on its watcher's strand

    [[nodiscard]] std::int64_t tick() const;
    [[nodiscard]] Clock::time_point next_tick() const;
    std::string event();
    void leave(const Watcher* watcher);

    const std::function<std::string()> read_;
    const Options options_;
    const Clock::time_point start_ = Clock::now();
    std::atomic<bool> ended_{false};
    std::mutex mutex_;
    std::unordered_map<const Watcher*, Pause> watchers_;  ///< guarded by mutex_
    std::mutex event_mutex_;
    std::int64_t event_tick_ = -1;  ///< guarded by event_mutex_; when event_ was read
    std::string event_;             ///< guarded by event_mutex_
};

}  // namespace gateway

#endif  // GATEWAY_API_STATUS_FEED_HPP
