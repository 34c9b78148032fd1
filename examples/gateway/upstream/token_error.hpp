// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_TOKEN_ERROR_HPP
#define GATEWAY_UPSTREAM_TOKEN_ERROR_HPP

#include <string>

#include <gateway/upstream/model.hpp>

namespace gateway {

/// There is no access token; what() names the server that was asked, and why it gave none.
class TokenError : public UpstreamError {
  public:
    /// status: of the server's refusal; 0: there was none.
    TokenError(const std::string& what, bool temporary, unsigned status = 0)
        : UpstreamError{what}, temporary_{temporary}, status_{status} {}

    /// Whether it may go better in a while: no connection, 429 or 5xx.
    [[nodiscard]] bool temporary() const { return temporary_; }
    [[nodiscard]] unsigned status() const { return status_; }

  private:
    bool temporary_;
    unsigned status_;
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_TOKEN_ERROR_HPP
