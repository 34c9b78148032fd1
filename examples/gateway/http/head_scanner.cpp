// SPDX-License-Identifier: Apache-2.0
#include <gateway/http/head_scanner.hpp>

#include <algorithm>
#include <string>

namespace gateway {

namespace {

bool is_control(char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f'; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<Refusal> check_request_line(std::string_view line) {
    if (std::ranges::count(line, ' ') != 2) {
        return bad_request(
            "a request begins with a line of a method, a target and a version, with one space between them");
    }
    const std::string_view version = line.substr(line.rfind(' ') + 1);
    if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
        !is_digit(version[7])) {
        return bad_request("the first line of a request ends with its version, such as HTTP/1.1");
    }
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        return Refusal{http::status::http_version_not_supported,
                       "HTTP/1.1 and HTTP/1.0 are spoken here, not " + std::string{version}};
    }
    return std::nullopt;
}

}  // namespace

std::optional<Refusal> HeadScanner::scan(std::string_view received) {
    for (const std::size_t end = std::min(received.size(), limit_); scanned_ < end;) {
        const char c = received[scanned_];
        const bool after_cr = scanned_ > 0 && received[scanned_ - 1] == '\r';
        if (after_cr != (c == '\n')) {
            return bad_request("in a request's head, CR and LF end a line, together, and stand nowhere else");
        }
        if (is_control(c) && c != '\r' && c != '\n') {
            return bad_request("a request's head has no control characters");
        }
        if (scanned_ == line_ && (c == ' ' || c == '\t')) {
            return bad_request("a line of a request's head does not begin with a space: fields are not folded");
        }
        ++scanned_;
        if (c == '\n') {
            const std::string_view line = received.substr(line_, scanned_ - 2 - line_);
            if (std::optional<Refusal> refusal = end_line(line); refusal || complete()) {
                return refusal;
            }
            line_ = scanned_;
        }
    }
    if (scanned_ == limit_) {
        return Refusal{
            http::status::request_header_fields_too_large,
            "the head of a request, its first line and its fields, is over " + std::to_string(limit_) + " bytes"};
    }
    return std::nullopt;
}

std::optional<Refusal> HeadScanner::end_line(std::string_view line) {
    if (line_ == 0 && line.empty()) {
        begin_ = scanned_;  // some clients end a body with a line that does not belong to it (RFC 9112, 2.2)
    } else if (line_ == begin_) {
        return check_request_line(line);
    } else if (line.empty()) {
        end_ = scanned_;
    }
    return std::nullopt;
}

}  // namespace gateway
