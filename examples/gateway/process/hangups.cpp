// SPDX-License-Identifier: Apache-2.0
#include <gateway/process/hangups.hpp>

#include <csignal>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>

namespace gateway {

Hangups::Hangups(const net::any_io_executor& executor, std::function<void()> reload)
    : strand_{net::make_strand(executor)}, signals_{strand_, SIGHUP}, reload_{std::move(reload)} {
    net::co_spawn(strand_, obey(), net::detached);
}

void Hangups::stop() {
    net::post(strand_, [this] {
        stopped_ = true;  // a wait that a signal has ended already cannot be cancelled any more
        signals_.cancel();
    });
}

net::awaitable<void> Hangups::obey() {
    while (!stopped_) {
        error_code cancelled;
        co_await signals_.async_wait(net::redirect_error(net::use_awaitable, cancelled));
        if (!cancelled && !stopped_) {
            reload_();
        }
    }
}

}  // namespace gateway
