// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include <gateway/api/bearer.hpp>

namespace bearer_test {

using gateway::is_bearer;

TEST(Bearer, TakesTheTokenAndNothingElse) {
    EXPECT_TRUE(is_bearer("Bearer secret", "secret"));
    EXPECT_TRUE(is_bearer("bearer   secret", "secret"));
    for (const char* const wrong : {"", "Bearer", "Bearer ", "Bearer secre", "Bearer secret2", "Bearer Secret",
                                    "secret", "Basic secret", "Bearersecret", "Bearer secret "}) {
        EXPECT_FALSE(is_bearer(wrong, "secret")) << wrong;
    }
}

TEST(Bearer, ComparesAllBytes) {
    const std::string token = std::string("a\0b", 3);
    EXPECT_TRUE(is_bearer(std::string("Bearer a\0b", 10), token));
    EXPECT_FALSE(is_bearer(std::string("Bearer a\0c", 10), token));
}

}  // namespace bearer_test
