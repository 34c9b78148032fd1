// SPDX-License-Identifier: Apache-2.0
//
// How sessions are named, and for how long the text must be there.
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

#include <dispatch/pool.hpp>

#include "../support/asio.hpp"
#include "../support/pool_fixture.hpp"

namespace session_ref_test {

namespace net = dispatch::net;
using namespace std::string_literals;
using namespace std::string_view_literals;

using dispatch::SubmitOptions;
using test::Outcome;

static_assert(std::is_aggregate_v<SubmitOptions> && std::is_trivially_destructible_v<SubmitOptions>);
static_assert(std::is_convertible_v<decltype(SubmitOptions::session)&, std::optional<std::string_view>>);
static_assert(std::is_convertible_v<std::optional<std::string_view>, decltype(SubmitOptions::session)>);

TEST(SessionRef, IsMadeFromWhateverNamesASession) {
    const std::string name = "string";
    const std::optional<std::string> optional = "optional string";
    const std::optional<std::string_view> view = "optional view";
    const char* const pointer = "pointer";
    EXPECT_EQ(*SubmitOptions{.session = "literal"}.session, "literal");
    EXPECT_EQ(*SubmitOptions{.session = name}.session, "string");
    EXPECT_EQ(*SubmitOptions{.session = optional}.session, "optional string");
    EXPECT_EQ(*SubmitOptions{.session = view}.session, "optional view");
    EXPECT_EQ(*SubmitOptions{.session = pointer}.session, "pointer");
    EXPECT_EQ(*SubmitOptions{.session = "a view"sv}.session, "a view");
    EXPECT_EQ(*SubmitOptions{.session = std::optional{"one more"sv}}.session, "one more");
    EXPECT_EQ(SubmitOptions{.session = std::nullopt}.session, std::nullopt);
    EXPECT_EQ(SubmitOptions{.session = {}}.session, std::nullopt);
    EXPECT_EQ(SubmitOptions{.session = std::optional<std::string_view>{}}.session, std::nullopt);
    EXPECT_EQ(SubmitOptions{}.session, std::nullopt);
}

TEST(SessionRef, IsAnOptionalView) {
    const std::string name = "ada";
    SubmitOptions options;
    EXPECT_FALSE(options.session);
    options.session = name;
    EXPECT_TRUE(options.session && *options.session == name && options.session->size() == 3);
    EXPECT_EQ(options.session, "ada"sv);
    const std::optional<std::string_view> copy = options.session;
    options.session = std::nullopt;
    EXPECT_EQ(options.session.value_or("none"), "none");
    options.session = copy;
    EXPECT_EQ(options.session.value(), "ada");
    options.session.reset();
    EXPECT_FALSE(options.session.has_value());
}

/// Text that nobody else owns.
class Id {
  public:
    explicit Id(std::string text) : text_{std::move(text)} {}
    operator std::string_view() const noexcept { return text_; }

  private:
    std::string text_;
};

class KeptSession : public test::PoolFixture<int, std::string> {
  protected:
    KeptSession() {
        make_pool(1, [](int, dispatch::JobContext& job) { return std::string{job.session()}; });
    }

    /// Starts operation later.
    template <typename Operation>
    std::string later(Operation operation) {
        Outcome<std::string> outcome;
        std::move(operation)(outcome.handler());
        poll();
        EXPECT_EQ(outcome.calls(), 1);
        return outcome.value().value_or("no answer");
    }

    /// Too long for a std::string's own bytes, so that the address sanitizer sees its end.
    const std::string long_name = std::string(100, 'x');
};

TEST_F(KeptSession, ATemporarySessionIsThereWhenTheOperationStarts) {
    EXPECT_EQ(later(pool->submit("a" + long_name, 1, test::deferred)), "a" + long_name);
    EXPECT_EQ(later(pool->try_submit("b" + long_name, 1, test::deferred)), "b" + long_name);
    EXPECT_EQ(later(pool->submit(std::optional{"c" + long_name}, 1, test::deferred)), "c" + long_name);
    EXPECT_EQ(later(pool->submit(Id{"d" + long_name}, 1, test::deferred)), "d" + long_name);
    const auto make = [&]() -> const std::string { return "e" + long_name; };
    EXPECT_EQ(later(pool->submit(make(), 1, test::deferred)), "e" + long_name);
}

TEST_F(KeptSession, SoItIsWhenACoroutineAwaitsItLater) {
    std::string heard[2];
    net::co_spawn(
        *context,
        [&]() -> net::awaitable<void> {
            auto by_default = pool->submit("a" + long_name, 1);
            auto awaitable = pool->submit("b" + long_name, 1, net::use_awaitable);
            heard[0] = co_await std::move(by_default);
            heard[1] = co_await std::move(awaitable);
        },
        net::detached);
    poll();
    EXPECT_EQ(heard[0], "a" + long_name);
    EXPECT_EQ(heard[1], "b" + long_name);
}

TEST_F(KeptSession, OneThatIsMovedInIsKept) {
    std::string name = "moved" + long_name;
    auto operation = pool->submit(std::move(name), 1, test::deferred);
    name = "another";
    EXPECT_EQ(later(std::move(operation)), "moved" + long_name);
}

TEST_F(KeptSession, OneWithANameIsLookedAtWhenTheOperationStarts) {
    std::string name = "before";
    auto operation = pool->submit(name, 1, test::deferred);
    name = "after!";
    EXPECT_EQ(later(std::move(operation)), "after!");
}

}  // namespace session_ref_test
