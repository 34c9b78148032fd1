// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <gateway/base/shared_text.hpp>

namespace shared_text_test {

using gateway::SharedText;

TEST(SharedText, IsCopiedWithoutItsBytes) {
    std::string bytes(1'000'000, 'x');
    const char* const where = bytes.data();
    const SharedText text{std::move(bytes)};
    const SharedText copy = text;  // NOLINT(performance-unnecessary-copy-initialization)
    EXPECT_EQ(text.view().data(), where) << "it takes them over";
    EXPECT_EQ(copy.view().data(), where);
    EXPECT_EQ(copy.size(), 1'000'000U);
}

TEST(SharedText, OutlivesWhatItWasCopiedFrom) {
    SharedText copy;
    EXPECT_TRUE(copy.empty());
    EXPECT_EQ(copy, "");
    {
        const SharedText text = "a text that is long enough to be somewhere of its own";
        copy = text;
    }
    EXPECT_EQ(copy, "a text that is long enough to be somewhere of its own");
    EXPECT_FALSE(copy.empty());
}

}  // namespace shared_text_test
