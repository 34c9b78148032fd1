// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include <gateway/http/head_scanner.hpp>

namespace http_head_scanner_test {

using gateway::HeadScanner;
using gateway::Refusal;
namespace http = gateway::http;

constexpr std::size_t limit = 100;

/// The status of the refusal of text, given in pieces of step bytes; ok: there is none.
http::status status_of(std::string_view text, std::size_t step) {
    HeadScanner scanner{limit};
    for (std::size_t size = 0; size < text.size() && !scanner.complete();) {
        size = std::min(size + step, text.size());
        if (const std::optional<Refusal> refusal = scanner.scan(text.substr(0, size))) {
            return refusal->status;
        }
    }
    return http::status::ok;
}

TEST(HttpHeadScanner, FindsTheEndHoweverAHeadArrives) {
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const std::string rest = "body\n";
    for (const std::string& before : {std::string{}, std::string{"\r\n"}}) {
        const std::string text = before + head + rest;
        for (std::size_t step = 1; step <= text.size(); ++step) {
            HeadScanner scanner{limit};
            for (std::size_t size = 0; !scanner.complete();) {
                ASSERT_LT(size, before.size() + head.size()) << "it is found once it is there";
                size = std::min(size + step, text.size());
                ASSERT_FALSE(scanner.scan(std::string_view{text}.substr(0, size)));
            }
            EXPECT_EQ(scanner.size(), before.size() + head.size());
            EXPECT_EQ(scanner.head(text), head);
        }
    }
}

TEST(HttpHeadScanner, SaysWhatIsWrongAsSoonAsItShows) {
    const std::pair<std::string_view, http::status> cases[] = {
        {"GET / HTTP/1.0\r\n", http::status::ok},
        {"GET / HTTP/1.1\r\nA: \t\x80z", http::status::ok},
        {"\x16", http::status::bad_request},
        {"GET / HTTP/1.1\n", http::status::bad_request},
        {"GET / HTTP/1.1\rA", http::status::bad_request},
        {"GET / HTTP/1.1\r\r", http::status::bad_request},
        {"GET / HTTP/1.1\r\nA\x01", http::status::bad_request},
        {"GET / HTTP/1.1\r\n ", http::status::bad_request},
        {"GET / HTTP/1.1\r\nA: b\r\n\t", http::status::bad_request},
        {"\r\n\r\n", http::status::bad_request},
        {" ", http::status::bad_request},
        {"GET /\r\n", http::status::bad_request},
        {"GET /a b HTTP/1.1\r\n", http::status::bad_request},
        {"GET / HTTP/1.1 \r\n", http::status::bad_request},
        {"GET / HTTP/1\r\n", http::status::bad_request},
        {"GET / HTTP/a.1\r\n", http::status::bad_request},
        {"GET / HTTP/1.11\r\n", http::status::bad_request},
        {"GET / http/1.1\r\n", http::status::bad_request},
        {"GET / HTTP/1.2\r\n", http::status::http_version_not_supported},
        {"PRI * HTTP/2.0\r\n", http::status::http_version_not_supported},
    };
    for (const auto& [text, expected] : cases) {
        EXPECT_EQ(status_of(text, text.size()), expected) << text;
        EXPECT_EQ(status_of(text, 1), expected) << text;
    }
}

TEST(HttpHeadScanner, TheLimitIsOfAllBytesHoweverTheyArrive) {
    const std::string_view field = "A: b\r\n";
    const auto head_of = [&](std::size_t size) {
        std::string head = "GET / HTTP/1.1\r\n";
        while (head.size() + field.size() + 7 <= size) {  // 7: what follows, without c
            head += field;
        }
        head += "C: ";
        head.append(size - head.size() - 4, 'c');
        head += "\r\n\r\n";
        return head;
    };
    ASSERT_EQ(head_of(limit).size(), limit);
    for (const std::size_t step : {std::size_t{1}, field.size(), 2 * limit}) {
        EXPECT_EQ(status_of(head_of(limit), step), http::status::ok);
        EXPECT_EQ(status_of(head_of(limit + 1), step), http::status::request_header_fields_too_large);
        EXPECT_EQ(status_of(std::string(limit - 1, 'x'), step), http::status::ok);
        EXPECT_EQ(status_of(std::string(limit, 'x'), step), http::status::request_header_fields_too_large);
    }
}

}  // namespace http_head_scanner_test
