// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <gateway/http/url.hpp>

namespace url_test {

using gateway::Origin;
using gateway::parse_url;
using gateway::Url;

Url url(bool tls, std::string host, std::uint16_t port, std::string path) {
    return Url{Origin{tls, std::move(host), port}, std::move(path)};
}

std::string refusal(std::string_view text) {
    try {
        (void)parse_url(text);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "none";
}

TEST(Url, HasAnOriginAndAPath) {
    EXPECT_EQ(parse_url("https://example.com"), url(true, "example.com", 443, ""));
    EXPECT_EQ(parse_url("http://example.com/v1"), url(false, "example.com", 80, "/v1"));
    EXPECT_EQ(parse_url("HTTP://Example.COM:8000/A/b"), url(false, "example.com", 8000, "/A/b"));
    EXPECT_EQ(parse_url("https://my_vllm-1.local:65535/a%20b"), url(true, "my_vllm-1.local", 65535, "/a%20b"));
    EXPECT_EQ(parse_url("http://127.0.0.1:80"), url(false, "127.0.0.1", 80, ""));
}

TEST(Url, TakesIpv6Addresses) {
    EXPECT_EQ(parse_url("http://[::1]:8080/v1"), url(false, "::1", 8080, "/v1"));
    EXPECT_EQ(parse_url("https://[2001:DB8::a]"), url(true, "2001:db8::a", 443, ""));
}

TEST(Url, DropsSlashesAtTheEnd) {
    EXPECT_EQ(parse_url("https://example.com/").path, "");
    EXPECT_EQ(parse_url("https://example.com/v1/").path, "/v1");
    EXPECT_EQ(parse_url("https://example.com/v1//").path, "/v1");
}

TEST(Url, TakesAnEmptyPortAsTheDefault) { EXPECT_EQ(parse_url("https://example.com:/v1").origin.port, 443); }

TEST(Url, RefusesWhatItIsNotAndSaysWhy) {
    struct Case {
        std::string text;
        std::string why;
    };
    for (const auto& [text, why] : {
             Case{"", "not an absolute URL"},
             Case{"example.com", "not an absolute URL"},
             Case{"/v1", "not an absolute URL"},
             Case{"http://exa mple.com", "not an absolute URL"},
             Case{"http://example.com/\r\nX: y", "not an absolute URL"},
             Case{"http://example.com:80a", "port is not a number"},
             Case{"http://example.com:a/v1", "port is not a number"},
             Case{"http://example.com:-1", "port is not a number"},
             Case{"example.com:8000", "neither http:// nor https://"},
             Case{"ftp://example.com", "neither http:// nor https://"},
             Case{"http:/example.com", "names no host"},
             Case{"http://", "names no host"},
             Case{"http://:80/", "names no host"},
             Case{"http://ex%41mple.com", "letters, digits"},
             Case{"http://[v1.x]/", "neither a name nor an address"},
             Case{"http://example.com:0", "between 1 and 65535"},
             Case{"http://example.com:65536", "between 1 and 65535"},
             Case{"http://example.com:99999999999999999999", "between 1 and 65535"},
             Case{"http://me@example.com", "a user"},
             Case{"http://example.com/?a=b", "a query"},
             Case{"http://example.com/#a", "a fragment"},
         }) {
        EXPECT_NE(refusal(text).find(why), std::string::npos) << text << ": " << refusal(text);
        EXPECT_NE(refusal(text).find("write it like https://"), std::string::npos) << text;
    }
}

TEST(Url, QuotesTheValueButNoSecret) {
    EXPECT_NE(refusal("ftp://example.com").find("ftp://example.com"), std::string::npos);
    for (const std::string text :
         {"http://me:secret@example.com", "http//me:secret@example.com", "http://example.com/v1?key=secret",
          "ftp://example.com#secret", "http://example.com/ ?secret"}) {
        EXPECT_EQ(refusal(text).find("secret"), std::string::npos) << refusal(text);
    }
    EXPECT_LT(refusal(std::string(100'000, 'x')).size(), 500U);
}

TEST(Url, OriginsAsText) {
    EXPECT_EQ(to_string(Origin{true, "example.com", 443}), "https://example.com");
    EXPECT_EQ(to_string(Origin{true, "example.com", 80}), "https://example.com:80");
    EXPECT_EQ(to_string(Origin{false, "::1", 8080}), "http://[::1]:8080");
    EXPECT_EQ(authority(Origin{false, "::1", 80}), "[::1]");
    EXPECT_EQ(authority(Origin{false, "127.0.0.1", 8000}), "127.0.0.1:8000");
}

}  // namespace url_test
