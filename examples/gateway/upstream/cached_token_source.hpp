// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_CACHED_TOKEN_SOURCE_HPP
#define GATEWAY_UPSTREAM_CACHED_TOKEN_SOURCE_HPP

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <dispatch/semaphore.hpp>
#include <gateway/upstream/access_token.hpp>
#include <gateway/upstream/token_cache.hpp>
#include <gateway/upstream/token_source.hpp>

namespace gateway {

/// Hands out one token to all, and gets a new one before it expires.
class CachedTokenSource final : public TokenSource {
  public:
    /// executor: of the context that the callers run in.
    CachedTokenSource(const net::any_io_executor& executor, std::unique_ptr<TokenFetcher> fetcher,
                      std::function<Clock::time_point()> now = Clock::now);

    /// However many call, one of them at a time gets a new token. Meanwhile the others use the old one as
    /// long as it is valid, and else wait; if the one who gets it fails, so do they, and if it is cancelled,
    /// the next of them takes over. While the old token is valid, a failure is only logged.
    ///
    /// This must live until then. Throws TokenError. Executor: that of the awaiting coroutine.
    /// Cancellation: terminal. Thread-safe.
    net::awaitable<std::string> token() override;

    void reject(std::string_view token) override;

  private:
    net::awaitable<std::string> refresh();

    std::unique_ptr<TokenFetcher> fetcher_;
    std::function<Clock::time_point()> now_;
    dispatch::Semaphore refreshing_;
    std::mutex mutex_;  // guards cache_, never across an await
    TokenCache cache_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_CACHED_TOKEN_SOURCE_HPP
