// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <gateway/upstream/token_cache.hpp>

namespace token_cache_test {

using namespace std::chrono_literals;
using gateway::AccessToken;
using gateway::TokenCache;
using gateway::TokenError;

constexpr gateway::Clock::time_point start{1000h};
const TokenError refused{"refused", true, 503};

TokenCache with_token(std::chrono::seconds lifetime) {
    TokenCache cache;
    cache.store(AccessToken{"t", lifetime}, start);
    return cache;
}

TEST(TokenCache, HasNothingAtFirst) {
    const TokenCache cache;
    EXPECT_EQ(cache.usable(start), std::nullopt);
    EXPECT_EQ(cache.valid(start), std::nullopt);
}

TEST(TokenCache, RefreshesBeforeTheEnd) {
    const TokenCache cache = with_token(1h);
    EXPECT_EQ(cache.usable(start), "t");
    EXPECT_EQ(cache.usable(start + 55min - 1ns), "t");
    EXPECT_EQ(cache.usable(start + 55min), std::nullopt);
    EXPECT_EQ(cache.valid(start + 1h - 1ns), "t");
    EXPECT_EQ(cache.valid(start + 1h), std::nullopt);
}

TEST(TokenCache, RefreshesAShortLivedTokenAfterHalfOfItsLife) {
    const TokenCache cache = with_token(60s);
    EXPECT_EQ(cache.usable(start + 30s - 1ns), "t");
    EXPECT_EQ(cache.usable(start + 30s), std::nullopt);
}

TEST(TokenCache, UsesTheOldTokenWhileRefreshingFails) {
    TokenCache cache = with_token(1h);
    cache.fail(refused, start + 56min);
    EXPECT_EQ(cache.usable(start + 56min), "t");
    EXPECT_EQ(cache.usable(start + 56min + 1s), std::nullopt) << "it is time to try again";
    cache.fail(refused, start + 1h - 500ms);
    EXPECT_THROW((void)cache.usable(start + 1h), TokenError) << "the old one has expired";
}

TEST(TokenCache, RepeatsAFailureForAWhile) {
    TokenCache cache;
    cache.fail(refused, start);
    try {
        (void)cache.usable(start + 1s - 1ns);
        FAIL() << "there is no token";
    } catch (const TokenError& error) {
        EXPECT_STREQ(error.what(), "refused");
        EXPECT_TRUE(error.temporary());
        EXPECT_EQ(error.status(), 503U);
    }
    EXPECT_EQ(cache.usable(start + 1s), std::nullopt);
}

TEST(TokenCache, ForgetsAFailureOnceThereIsAToken) {
    TokenCache cache;
    cache.fail(refused, start);
    cache.store(AccessToken{"t", 1s}, start);
    cache.reject("t");
    EXPECT_EQ(cache.usable(start), std::nullopt);
}

TEST(TokenCache, RejectsOnlyWhatItKeeps) {
    TokenCache cache = with_token(1h);
    cache.reject("another");
    cache.reject("");
    EXPECT_EQ(cache.usable(start), "t");
    cache.reject("t");
    EXPECT_EQ(cache.usable(start), std::nullopt);
    EXPECT_EQ(cache.valid(start), std::nullopt);
}

}  // namespace token_cache_test
