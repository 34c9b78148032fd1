// SPDX-License-Identifier: Apache-2.0
#include <gateway/api/status_feed.hpp>

#include <optional>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <gateway/api/events.hpp>

namespace gateway {

/// The body of one client's response.
class StatusFeed::Watcher final : public BodySource {
  public:
    Watcher(std::shared_ptr<StatusFeed> feed, Pause pause) : feed_{std::move(feed)}, pause_{std::move(pause)} {}
    ~Watcher() override { feed_->leave(this); }

    net::awaitable<std::optional<std::string>> next() override {
        if (std::exchange(begun_, true) && !feed_->ended()) {
            // end() posts its cancellation to this strand, so after the wait has begun.
            pause_->expires_at(feed_->next_tick());
            error_code ignored;
            co_await pause_->async_wait(net::redirect_error(net::use_awaitable, ignored));
            const net::cancellation_state state = co_await net::this_coro::cancellation_state;
            if (state.cancelled() != net::cancellation_type::none) {
                throw boost::system::system_error{net::error::operation_aborted};
            }
        }
        if (feed_->ended()) {
            co_return std::nullopt;
        }
        co_return feed_->event();
    }

  private:
    std::shared_ptr<StatusFeed> feed_;
    Pause pause_;
    bool begun_ = false;
};

StatusFeed::StatusFeed(std::function<std::string()> read, Options options)
    : read_{std::move(read)}, options_{options} {}

std::unique_ptr<BodySource> StatusFeed::watch(const net::any_io_executor& executor) {
    auto pause = std::make_shared<net::steady_timer>(executor);
    auto watcher = std::make_unique<Watcher>(shared_from_this(), pause);  // before the lock, which its end takes
    const std::lock_guard lock{mutex_};
    if (ended_ || watchers_.size() >= options_.max_watchers) {
        return nullptr;
    }
    watchers_.emplace(watcher.get(), std::move(pause));
    return watcher;
}

void StatusFeed::end() {
    ended_ = true;
    const std::lock_guard lock{mutex_};
    for (const auto& [watcher, pause] : watchers_) {
        net::post(pause->get_executor(), [timer = pause] { timer->cancel(); });
    }
}

void StatusFeed::leave(const Watcher* watcher) {
    const std::lock_guard lock{mutex_};
    watchers_.erase(watcher);
}

/// Intervals since the start.
std::int64_t StatusFeed::tick() const { return (Clock::now() - start_) / options_.interval; }

Clock::time_point StatusFeed::next_tick() const { return start_ + (tick() + 1) * options_.interval; }

/// That of the present interval, which the first to ask reads.
std::string StatusFeed::event() {
    const std::lock_guard lock{event_mutex_};
    if (const std::int64_t now = tick(); now != event_tick_) {
        event_ = event_of(read_());
        event_tick_ = now;
    }
    return event_;
}

}  // namespace gateway
