// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_TESTS_SUPPORT_CHANNEL_SOURCE_HPP
#define GATEWAY_TESTS_SUPPORT_CHANNEL_SOURCE_HPP

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/asio/experimental/concurrent_channel.hpp>

#include <gateway/base/net.hpp>
#include <gateway/http/body_source.hpp>

namespace test {

/// Through which a test gives the parts of bodies.
using Parts = gateway::net::experimental::concurrent_channel<void(gateway::error_code, std::string)>;

/// Gives the parts of a channel, which must outlive it: "end" is the end, and "throw" an error.
class ChannelSource : public gateway::BodySource {
  public:
    explicit ChannelSource(Parts& parts) : parts_{parts} {}

    gateway::net::awaitable<std::optional<std::string>> next() override {
        std::string part = co_await parts_.async_receive(gateway::net::use_awaitable);
        if (part == "throw") {
            throw std::runtime_error{"as the test says"};
        }
        co_return part == "end" ? std::nullopt : std::optional{std::move(part)};
    }

  private:
    Parts& parts_;
};

}  // namespace test

#endif  // GATEWAY_TESTS_SUPPORT_CHANNEL_SOURCE_HPP
