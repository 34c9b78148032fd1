// SPDX-License-Identifier: Apache-2.0
#include "scripted_transport.hpp"

#include <stdexcept>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace test {

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

}  // namespace test
