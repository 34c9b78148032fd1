// SPDX-License-Identifier: Apache-2.0
#include "scripted_transport.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace test {

namespace {

class ScriptedReader final : public gateway::ResponseReader {
  public:
    explicit ScriptedReader(gateway::HttpResponse response)
        : body_{std::exchange(response.body(), {})}, head_{std::move(response)} {}

    [[nodiscard]] const gateway::HttpResponse& head() const override { return head_; }

    gateway::net::awaitable<std::optional<std::string>> read(gateway::Clock::time_point /*deadline*/) override {
        if (body_.empty()) {
            co_return std::nullopt;
        }
        const std::size_t end = std::min(body_.find('\n'), body_.size() - 1) + 1;
        std::string line = body_.substr(0, end);
        body_.erase(0, end);
        co_return line;
    }

  private:
    std::string body_;
    gateway::HttpResponse head_;
};

}  // namespace

void ScriptedTransport::then_answer(unsigned status, const std::string& body) {
    gateway::HttpResponse response;
    response.result(status);
    response.body() = body;
    response.prepare_payload();
    then_answer(std::move(response));
}

void ScriptedTransport::then_answer(gateway::HttpResponse response) { script_.emplace_back(std::move(response)); }

void ScriptedTransport::then_wait() { script_.emplace_back(Wait{}); }

void ScriptedTransport::then_fail(const gateway::TransportError& error) { script_.emplace_back(error); }

gateway::net::awaitable<gateway::HttpResponse> ScriptedTransport::send(const gateway::Origin& origin,
                                                                       gateway::UpstreamRequest request,
                                                                       gateway::Clock::time_point deadline) {
    sent_.push_back({origin, std::move(request), deadline});
    if (script_.empty()) {
        throw std::logic_error{"the script has no answer left"};
    }
    const auto next = std::move(script_.front());
    script_.pop_front();
    if (const auto* const error = std::get_if<gateway::TransportError>(&next)) {
        throw gateway::TransportError{*error};
    }
    if (std::holds_alternative<Wait>(next)) {
        gateway::net::steady_timer never{co_await gateway::net::this_coro::executor, gateway::Clock::time_point::max()};
        co_await never.async_wait(gateway::net::use_awaitable);
    }
    co_return std::get<gateway::HttpResponse>(next);
}

gateway::net::awaitable<std::unique_ptr<gateway::ResponseReader>> ScriptedTransport::open(
    const gateway::Origin& origin, gateway::UpstreamRequest request, gateway::Clock::time_point deadline) {
    gateway::HttpResponse response = co_await send(origin, std::move(request), deadline);
    co_return std::make_unique<ScriptedReader>(std::move(response));
}

}  // namespace test
