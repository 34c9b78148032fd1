// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_EXCHANGEABLE_TOKEN_SOURCE_HPP
#define GATEWAY_UPSTREAM_EXCHANGEABLE_TOKEN_SOURCE_HPP

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <gateway/upstream/token_source.hpp>

namespace gateway {

/// Another token source, which may be exchanged while it is in use: whoever waits for a token of the former one still
/// gets that.
class ExchangeableTokenSource final : public TokenSource {
  public:
    explicit ExchangeableTokenSource(std::unique_ptr<TokenSource> source) : source_{std::move(source)} {}

    /// Thread-safe.
    void exchange(std::unique_ptr<TokenSource> source) {
        std::shared_ptr<TokenSource> next = std::move(source);
        const std::lock_guard lock{mutex_};
        source_.swap(next);
    }

    net::awaitable<std::string> token() override {
        const std::shared_ptr<TokenSource> source = current();
        co_return co_await source->token();
    }

    void reject(std::string_view token) override { current()->reject(token); }

  private:
    std::shared_ptr<TokenSource> current() {
        const std::lock_guard lock{mutex_};
        return source_;
    }

    std::mutex mutex_;
    std::shared_ptr<TokenSource> source_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_EXCHANGEABLE_TOKEN_SOURCE_HPP
