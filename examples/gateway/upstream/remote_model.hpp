// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_REMOTE_MODEL_HPP
#define GATEWAY_UPSTREAM_REMOTE_MODEL_HPP

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "api.hpp"
#include "counters.hpp"
#include "http_transport.hpp"
#include "model.hpp"
#include "retry.hpp"
#include "token_source.hpp"

namespace gateway {

struct RemoteModelOptions {
    Origin origin;
    RetryOptions retry;
    /// For one attempt, over connecting, sending and the whole response.
    std::chrono::milliseconds attempt_timeout{300'000};
};

/// A model behind HTTP: asks, and asks again where that is safe and the budget for it lasts.
class RemoteModel : public Model {
  public:
    /// tokens: null, requests carry none. transport must outlive the model.
    RemoteModel(std::unique_ptr<Api> api, HttpTransport& transport, std::unique_ptr<TokenSource> tokens,
                RemoteModelOptions options);

    /// See Model. A 401 is tried once more with a new token, if there is another one to be had.
    net::awaitable<Json> generate(const Json& request) override;

    /// Thread-safe.
    [[nodiscard]] UpstreamCounters counters() const;

  private:
    /// What came of an attempt.
    struct Attempt;

    net::awaitable<Json> generate_counted(const Json& request);
    /// Whether there is another token than this one, which the upstream does not take.
    net::awaitable<bool> renew(const std::string& token);
    net::awaitable<Attempt> attempt(const HttpRequest& message, std::string& token);
    Attempt judge(const HttpResponse& response, std::string_view token) const;
    Attempt judge(const TransportError& error) const;
    /// Until the next attempt; throws UpstreamError when there should be none.
    std::chrono::milliseconds pause_after(const Attempt& last, std::size_t attempts);

    std::unique_ptr<Api> api_;
    HttpTransport& transport_;
    std::unique_ptr<TokenSource> tokens_;
    RemoteModelOptions options_;
    RetryBudget budget_{Clock::now()};
    std::atomic<std::uint64_t> requests_{0}, attempts_{0}, retries_{0}, retries_denied_{0}, failures_{0};
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_REMOTE_MODEL_HPP
