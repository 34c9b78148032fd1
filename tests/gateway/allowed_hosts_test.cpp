// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <gateway/api/allowed_hosts.hpp>

namespace allowed_hosts_test {

using gateway::AllowedHosts;
using gateway::split_names;

const AllowedHosts hosts{{"gateway.example", "Other.Example", "10.0.0.1", "fd00::1"}};

TEST(AllowedHosts, AreThoseOfThisMachineAndThoseNamed) {
    for (const char* const host :
         {"", "localhost", "LocalHost:8080", "localhost.", "127.0.0.1:1", "127.9.9.9", "[::1]", "[::1]:80",
          "gateway.example", "gateway.example.:80", "other.example:8443", "10.0.0.1:80", "[fd00::1]:80"}) {
        EXPECT_TRUE(hosts.has_host(host)) << host;
    }
    for (const char* const host : {"evil.example", "gateway.example.evil.example", "xgateway.example", "10.0.0.2",
                                   "0.0.0.0", "[::]", "[fd00::2]", "[", "[]", ":80", "localhost:80:80", "."}) {
        EXPECT_FALSE(hosts.has_host(host)) << host;
    }
}

TEST(AllowedHosts, ThatHaveAPortAreThoseOfThatPort) {
    const AllowedHosts with_ports{{"other:8443", "[fd00::1]:81", "other:99"}};
    for (const char* const host : {"other:8443", "OTHER.:99", "[fd00::1]:81", "localhost:1"}) {
        EXPECT_TRUE(with_ports.has_host(host)) << host;
    }
    for (const char* const host : {"other", "other:8444", "other:", "[fd00::1]", "[fd00::1]:82", "fd00::1:81"}) {
        EXPECT_FALSE(with_ports.has_host(host)) << host;
    }
    EXPECT_TRUE(with_ports.has_origin("https://other:8443"));
    EXPECT_FALSE(with_ports.has_origin("https://other"));
}

TEST(AllowedHosts, TellTheirOwnOrigins) {
    for (const char* const origin : {"http://localhost", "https://gateway.example:8443", "http://[::1]:3000"}) {
        EXPECT_TRUE(hosts.has_origin(origin)) << origin;
    }
    for (const char* const origin : {"", "null", "gateway.example", "http://", "http://evil.example",
                                     "http://localhost.evil.example:80", "moz-extension://1b2c"}) {
        EXPECT_FALSE(hosts.has_origin(origin)) << origin;
    }
}

TEST(AllowedHosts, AreAListWithCommas) {
    EXPECT_EQ(split_names(""), std::vector<std::string>{});
    EXPECT_EQ(split_names("a"), std::vector<std::string>{"a"});
    EXPECT_EQ(split_names(" a.b ,, c:1 ,"), (std::vector<std::string>{"a.b", "c:1"}));
}

}  // namespace allowed_hosts_test
