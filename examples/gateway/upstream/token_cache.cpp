// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/token_cache.hpp>

#include <algorithm>
#include <utility>

namespace gateway {

std::optional<std::string> TokenCache::usable(Clock::time_point now) const {
    std::optional<std::string> token = valid(now);
    if (token && now < refresh_at_) {
        return token;
    }
    if (failure_ && now < pause_until_) {
        if (token) {
            return token;
        }
        // Made anew: exceptions of one origin share their text, and so a count of its users.
        throw TokenError{std::string{failure_->what()}, failure_->temporary(), failure_->status()};
    }
    return std::nullopt;
}

std::optional<std::string> TokenCache::valid(Clock::time_point now) const {
    return !token_.empty() && now < expires_ ? std::optional{token_} : std::nullopt;
}

void TokenCache::store(AccessToken token, Clock::time_point asked) {
    const std::chrono::seconds margin = std::min(refresh_margin, token.lifetime / 2);
    token_ = std::move(token.value);
    expires_ = asked + token.lifetime;
    refresh_at_ = expires_ - margin;
    failure_.reset();
}

void TokenCache::fail(const TokenError& error, Clock::time_point now) {
    failure_.emplace(std::string{error.what()}, error.temporary(), error.status());
    pause_until_ = now + failure_pause;
}

void TokenCache::reject(std::string_view token) {
    if (token_ == token) {
        token_.clear();
    }
}

}  // namespace gateway
