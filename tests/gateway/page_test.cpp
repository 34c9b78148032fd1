// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <gateway/page/page.hpp>

namespace page_test {

using gateway::find_page_file;
using gateway::HttpRequest;
using gateway::HttpResponse;
using gateway::page_files;
using gateway::page_response;
using gateway::PageFile;
namespace http = gateway::http;

HttpRequest request_for(std::string_view etags) {
    HttpRequest request{http::verb::get, "/", 11};
    if (!etags.empty()) {
        request.set(http::field::if_none_match, etags);
    }
    return request;
}

TEST(Page, HasItsFiles) {
    std::set<std::string_view> paths;
    std::set<std::string_view> etags;
    for (const PageFile& file : page_files()) {
        EXPECT_TRUE(paths.insert(file.path).second) << file.path;
        EXPECT_TRUE(etags.insert(file.etag).second) << file.path;
        EXPECT_EQ(find_page_file(file.path), &file);
        EXPECT_NE(file.text.find("SPDX-License-Identifier"), std::string_view::npos) << file.path;
    }
    ASSERT_NE(find_page_file("/"), nullptr);
    EXPECT_EQ(find_page_file("/")->content_type, "text/html; charset=utf-8");
    ASSERT_NE(find_page_file("/page/page.js"), nullptr);
    EXPECT_EQ(find_page_file("/page/page.js")->content_type, "text/javascript; charset=utf-8");
    EXPECT_EQ(find_page_file("/page/index.html"), nullptr);
    EXPECT_EQ(find_page_file("/page/../page/page.js"), nullptr);
    EXPECT_EQ(find_page_file(""), nullptr);
}

TEST(Page, LoadsNothingButItsFiles) {
    const std::string_view html = find_page_file("/")->text;
    for (const std::string_view attribute : {" href=\"", " src=\""}) {
        for (std::size_t at = html.find(attribute); at != std::string_view::npos; at = html.find(attribute, at + 1)) {
            const std::string_view rest = html.substr(at + attribute.size());
            const std::string path = "/" + std::string{rest.substr(0, rest.find('"'))};
            EXPECT_NE(find_page_file(path), nullptr) << path;
        }
    }
    for (const std::string_view inline_code : {"<style", " style=", " onclick=", "<script>"}) {
        EXPECT_EQ(html.find(inline_code), std::string_view::npos) << inline_code;
    }
}

TEST(Page, SaysWhatBrowsersMayDoWithIt) {
    for (const PageFile& file : page_files()) {
        const HttpResponse response = page_response(file, request_for(""));
        EXPECT_EQ(response.result(), http::status::ok);
        EXPECT_EQ(response[http::field::content_type], file.content_type);
        EXPECT_EQ(response[http::field::etag], file.etag);
        EXPECT_EQ(response[http::field::cache_control], "no-cache");
        EXPECT_EQ(response["X-Content-Type-Options"], "nosniff");
        EXPECT_EQ(response["Referrer-Policy"], "no-referrer");
        const std::string_view policy = gateway::view(response["Content-Security-Policy"]);
        for (const std::string_view rule :
             {"default-src 'none'; ", "script-src 'self'; ", "style-src 'self'; ", "frame-ancestors 'none'"}) {
            EXPECT_NE(policy.find(rule), std::string_view::npos) << policy;
        }
        EXPECT_EQ(policy.find("unsafe"), std::string_view::npos) << policy;
        EXPECT_EQ(response.body(), file.text);
    }
}

TEST(Page, IsNotSentAgainToWhoHasIt) {
    const PageFile& file = *find_page_file("/");
    const std::string etag{file.etag};
    for (const std::string& etags : {etag, "W/" + etag, "\"other\", " + etag, std::string{"*"}}) {
        const HttpResponse response = page_response(file, request_for(etags));
        EXPECT_EQ(response.result(), http::status::not_modified) << etags;
        EXPECT_TRUE(response.body().empty());
        EXPECT_EQ(response[http::field::etag], etag);
        EXPECT_EQ(response[http::field::content_length], std::to_string(file.text.size()));
    }
    EXPECT_EQ(page_response(file, request_for("\"other\"")).result(), http::status::ok);
    EXPECT_EQ(page_response(file, request_for(etag.substr(0, 5))).result(), http::status::ok);
}

}  // namespace page_test
