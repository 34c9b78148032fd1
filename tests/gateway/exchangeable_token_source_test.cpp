// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <gateway/upstream/exchangeable_token_source.hpp>

namespace exchangeable_token_source_test {

namespace net = gateway::net;
using gateway::ExchangeableTokenSource;
using gateway::TokenSource;

/// Hands out its token in the next turn, as long as it is there.
class SlowSource final : public TokenSource {
  public:
    SlowSource(std::string token, std::vector<std::string>& rejected) : token_{std::move(token)}, rejected_{rejected} {}

    net::awaitable<std::string> token() override {
        co_await net::post(net::use_awaitable);
        co_return token_;
    }
    void reject(std::string_view token) override { rejected_.push_back(token_ + " rejects " + std::string{token}); }

  private:
    std::string token_;
    std::vector<std::string>& rejected_;
};

TEST(ExchangeableTokenSource, WhoWaitsStillGetsTheFormerToken) {
    std::vector<std::string> rejected;
    net::io_context context;
    ExchangeableTokenSource source{std::make_unique<SlowSource>("old", rejected)};
    auto former = net::co_spawn(context, source.token(), net::use_future);
    context.run_one();
    source.exchange(std::make_unique<SlowSource>("new", rejected));
    auto next = net::co_spawn(context, source.token(), net::use_future);
    context.run();
    EXPECT_EQ(former.get(), "old");
    EXPECT_EQ(next.get(), "new");
    source.reject("old");
    EXPECT_EQ(rejected, std::vector<std::string>{"new rejects old"});
}

}  // namespace exchangeable_token_source_test
