// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_SCRIPTED_TRANSPORT_HPP
#define GATEWAY_TESTS_SUPPORT_SCRIPTED_TRANSPORT_HPP

#include <deque>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <gateway/upstream/http_transport.hpp>

namespace test {

/// Answers requests in the order of a script, without a network, and keeps them. One thread at a time.
class ScriptedTransport final : public gateway::HttpTransport {
  public:
    struct Sent {
        gateway::Origin origin;
        gateway::UpstreamRequest request;
        gateway::Clock::time_point deadline;
    };

    void then_answer(unsigned status, const std::string& body);
    void then_answer(gateway::HttpResponse response);
    /// Does not answer: the send waits for its cancellation.
    void then_wait();
    void then_fail(const gateway::TransportError& error);

    /// Throws std::logic_error past the end of the script.
    gateway::net::awaitable<gateway::HttpResponse> send(const gateway::Origin& origin, gateway::UpstreamRequest request,
                                                        gateway::Clock::time_point deadline) override;

    /// The response's body is read line by line.
    gateway::net::awaitable<std::unique_ptr<gateway::ResponseReader>> open(
        const gateway::Origin& origin, gateway::UpstreamRequest request, gateway::Clock::time_point deadline) override;

    [[nodiscard]] const std::vector<Sent>& sent() const { return sent_; }

  private:
    struct Wait {};

    std::deque<std::variant<gateway::HttpResponse, gateway::TransportError, Wait>> script_;
    std::vector<Sent> sent_;
};

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_SCRIPTED_TRANSPORT_HPP
