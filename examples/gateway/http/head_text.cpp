// SPDX-License-Identifier: Apache-2.0
#include <gateway/http/head_text.hpp>

namespace gateway {

namespace {

/// What most heads have room in.
constexpr std::size_t usual_size = 512;

void append_version(std::string& text, unsigned version) {
    text += "HTTP/";
    text += static_cast<char>('0' + version / 10);
    text += '.';
    text += static_cast<char>('0' + version % 10);
}

void append_fields(std::string& text, const http::fields& fields) {
    for (const auto& field : fields) {
        text += view(field.name_string());
        text += ": ";
        text += view(field.value());
        text += "\r\n";
    }
    text += "\r\n";
}

}  // namespace

std::string head_text(const http::request_header<>& head) {
    std::string text;
    text.reserve(usual_size);
    text += view(head.method_string());
    text += ' ';
    text += view(head.target());
    text += ' ';
    append_version(text, head.version());
    text += "\r\n";
    append_fields(text, head);
    return text;
}

std::string head_text(const http::response_header<>& head) {
    std::string text;
    text.reserve(usual_size);
    append_version(text, head.version());
    text += ' ';
    text += std::to_string(head.result_int());
    text += ' ';
    text += view(head.reason());
    text += "\r\n";
    append_fields(text, head);
    return text;
}

}  // namespace gateway
