// SPDX-License-Identifier: Apache-2.0
#include <gateway/upstream/url.hpp>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace {

using gateway::Origin;
using gateway::parse_url;

struct Good {
    std::string_view text;
    Origin origin;
    std::string_view target;
};

TEST(Url, IsTakenApart) {
    for (const Good& good : {
             Good{"http://h", {false, "h", 80}, "/"},
             Good{"https://h", {true, "h", 443}, "/"},
             Good{"HTTPS://h.example:8443/a/b%20c?d=e&f", {true, "h.example", 8443}, "/a/b%20c?d=e&f"},
             Good{"http://127.0.0.1:1?x", {false, "127.0.0.1", 1}, "/?x"},
             Good{"http://[::1]:65535/", {false, "::1", 65535}, "/"},
         }) {
        const auto url = parse_url(good.text);
        ASSERT_TRUE(url) << good.text;
        EXPECT_EQ(url->origin, good.origin) << good.text << " " << url->origin.host << " " << url->origin.port;
        EXPECT_EQ(url->target, good.target) << good.text;
    }
}

TEST(Url, IsRefused) {
    for (const std::string_view text : {"",
                                        "h",
                                        "h:80",
                                        "//h",
                                        "ftp://h",
                                        "http:",
                                        "http:h",
                                        "http://",
                                        "http:///x",
                                        "http://user@h",
                                        "http://a:b@h/",
                                        "http://h/#f",
                                        "http://h:",
                                        "http://h:0",
                                        "http://h:65536",
                                        "http://h:x",
                                        "http://h:-1",
                                        "http://h /",
                                        "http://h/a b",
                                        "http://h/\r\nX: y",
                                        "http://h%2fevil/",
                                        "http://[::1",
                                        "http://\xff/"}) {
        EXPECT_FALSE(parse_url(text)) << text;
    }
}

TEST(Url, IsPrivateWithTlsOrOnThisMachine) {
    EXPECT_TRUE(gateway::is_private({true, "h", 443}));
    EXPECT_TRUE(gateway::is_private({false, "localhost", 80}));
    EXPECT_TRUE(gateway::is_private({false, "127.0.0.2", 80}));
    EXPECT_TRUE(gateway::is_private({false, "::1", 80}));
    EXPECT_FALSE(gateway::is_private({false, "h", 80}));
    EXPECT_FALSE(gateway::is_private({false, "localhost.example", 80}));
}

}  // namespace
