// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_API_CLIENT_TOKEN_HPP
#define GATEWAY_API_CLIENT_TOKEN_HPP

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <gateway/api/bearer.hpp>

namespace gateway {

/// What clients have to send as bearer token; empty: nothing. It may be exchanged while it is in use. Thread-safe.
class ClientToken {
  public:
    explicit ClientToken(std::string token) { set(std::move(token)); }

    void set(std::string token) {
        auto next = std::make_shared<const std::string>(std::move(token));
        const std::lock_guard lock{mutex_};
        token_.swap(next);
    }

    [[nodiscard]] bool wanted() const { return !current()->empty(); }

    /// Whether authorization, the header's value, holds the token that is wanted.
    [[nodiscard]] bool accepts(std::string_view authorization) const { return is_bearer(authorization, *current()); }

    /// Whether key is the token that is wanted.
    [[nodiscard]] bool is(std::string_view key) const { return same_secret(key, *current()); }

  private:
    std::shared_ptr<const std::string> current() const {
        const std::lock_guard lock{mutex_};
        return token_;
    }

    mutable std::mutex mutex_;
    std::shared_ptr<const std::string> token_;
};

}  // namespace gateway

#endif  // GATEWAY_API_CLIENT_TOKEN_HPP
