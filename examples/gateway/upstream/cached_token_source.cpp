// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/cached_token_source.hpp>

#include <optional>
#include <utility>

#include <gateway/log/log.hpp>

namespace gateway {

CachedTokenSource::CachedTokenSource(const net::any_io_executor& executor, std::unique_ptr<TokenFetcher> fetcher,
                                     std::function<Clock::time_point()> now)
    : fetcher_{std::move(fetcher)}, now_{std::move(now)}, refreshing_{executor, 1} {}

net::awaitable<std::string> CachedTokenSource::token() {
    const auto usable = [this] {
        const std::lock_guard lock{mutex_};
        return cache_.usable(now_());
    };
    if (std::optional<std::string> token = usable()) {
        co_return *std::move(token);
    }
    dispatch::Permit permit = refreshing_.try_acquire();
    if (!permit) {
        {
            const std::lock_guard lock{mutex_};
            if (std::optional<std::string> old = cache_.valid(now_())) {
                co_return *std::move(old);
            }
        }
        permit = co_await refreshing_.async_acquire(net::use_awaitable);
    }
    // Whoever had the permit before may have left a new one.
    if (std::optional<std::string> token = usable()) {
        co_return *std::move(token);
    }
    co_return co_await refresh();
}

net::awaitable<std::string> CachedTokenSource::refresh() {
    const Clock::time_point asked = now_();
    try {
        AccessToken token = co_await fetcher_->fetch();
        std::string value = token.value;
        const std::lock_guard lock{mutex_};
        cache_.store(std::move(token), asked);
        co_return value;
    } catch (const TokenError& error) {
        log::warn("no new access token", {{"why", error.what()}});
        const std::lock_guard lock{mutex_};
        const Clock::time_point now = now_();
        cache_.fail(error, now);
        if (std::optional<std::string> old = cache_.valid(now)) {
            co_return *std::move(old);
        }
        throw;
    }
}

void CachedTokenSource::reject(std::string_view token) {
    const std::lock_guard lock{mutex_};
    cache_.reject(token);
}

}  // namespace gateway
