// SPDX-License-Identifier: Apache-2.0
#include <sstream>
#include <string>

#include <boost/beast/http/write.hpp>
#include <gtest/gtest.h>

#include <gateway/http/head_text.hpp>

namespace head_text_test {

using gateway::head_text;
namespace http = gateway::http;

/// What Beast would send.
template <typename Head>
std::string expected(const Head& head) {
    std::ostringstream text;
    text << head;
    return text.str();
}

TEST(HeadText, IsWhatBeastWouldSend) {
    gateway::HttpRequest request{http::verb::post, "/generate?wait=true", 11};
    EXPECT_EQ(head_text(request), expected(request.base()));
    request.set(http::field::host, "a");
    request.set("X-Own", "");
    request.insert("X-Own", "twice");
    request.body() = "12345";
    request.prepare_payload();
    EXPECT_EQ(head_text(request), expected(request.base()));
    request.method_string("ODD");
    EXPECT_EQ(head_text(request), expected(request.base()));

    gateway::HttpResponse response{http::status::not_found, 10};
    response.set(http::field::content_type, "application/json");
    EXPECT_EQ(head_text(response), expected(response.base()));
    response.version(11);
    response.result(299);
    response.reason("Quite All Right");
    EXPECT_EQ(head_text(response), expected(response.base()));
}

}  // namespace head_text_test
