// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <future>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include <gateway/base/random_hex.hpp>

namespace random_hex_test {

using gateway::random_hex;

TEST(RandomHex, HasSoManyDigits) {
    for (const std::size_t digits : {0U, 1U, 16U, 17U, 32U}) {
        const std::string text = random_hex(digits);
        EXPECT_EQ(text.size(), digits);
        EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos) << text;
    }
}

TEST(RandomHex, EachDigitVaries) {
    std::set<char> seen[33];
    for (int i = 0; i < 1000; ++i) {
        const std::string text = random_hex(33);
        for (std::size_t at = 0; at < text.size(); ++at) {
            seen[at].insert(text[at]);
        }
    }
    for (const std::set<char>& digits : seen) {
        EXPECT_EQ(digits.size(), 16U);
    }
}

TEST(RandomHex, IsAnotherOneEachTimeAndInEachThread) {
    std::set<std::string> made;
    for (int i = 0; i < 1000; ++i) {
        made.insert(random_hex(32));
    }
    for (int i = 0; i < 20; ++i) {
        made.insert(std::async(std::launch::async, [] { return random_hex(32); }).get());
    }
    EXPECT_EQ(made.size(), 1020U);
}

}  // namespace random_hex_test
