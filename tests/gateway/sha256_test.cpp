// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <gateway/base/sha256.hpp>

namespace sha256_test {

TEST(Sha256, IsThatOfFips180) {
    EXPECT_EQ(gateway::hex(gateway::sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(gateway::hex(gateway::sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace sha256_test
