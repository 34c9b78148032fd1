// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <gateway/http/loopback.hpp>

namespace loopback_test {

using gateway::is_loopback;
using gateway::is_private;
using gateway::Origin;

TEST(Loopback, IsThisMachineOnly) {
    for (const char* const host : {"localhost", "127.0.0.1", "127.8.8.8", "::1"}) {
        EXPECT_TRUE(is_loopback(host)) << host;
    }
    for (const char* const host : {"", "0.0.0.0", "::", "192.0.2.1", "localhost.example", "127.0.0.1.example"}) {
        EXPECT_FALSE(is_loopback(host)) << host;
    }
}

TEST(Loopback, IsPrivateAsTlsIs) {
    const Origin tls{true, "example.com", 443};
    const Origin local{false, "127.0.0.1", 80};
    const Origin open{false, "example.com", 80};
    EXPECT_TRUE(is_private(tls));
    EXPECT_TRUE(is_private(local));
    EXPECT_FALSE(is_private(open));
}

}  // namespace loopback_test
