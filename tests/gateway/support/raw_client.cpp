// SPDX-License-Identifier: Apache-2.0
#include "raw_client.hpp"

#include <array>

#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

namespace test {

using namespace gateway;

RawClient::RawClient(std::uint16_t port) { socket_.connect({net::ip::address_v4::loopback(), port}); }

void RawClient::send(std::string_view bytes) { net::write(socket_, net::buffer(bytes)); }

void RawClient::read_ahead(std::size_t bytes) { buffer_.commit(socket_.read_some(buffer_.prepare(bytes))); }

std::string RawClient::receive_up_to(std::string_view end) {
    for (;;) {
        const std::string_view received{static_cast<const char*>(buffer_.cdata().data()), buffer_.size()};
        if (const std::size_t at = received.find(end); at != std::string_view::npos) {
            std::string text{received.substr(0, at + end.size())};
            buffer_.consume(text.size());
            return text;
        }
        read_ahead(4096);
    }
}

void RawClient::finish_sending() { socket_.shutdown(tcp::socket::shutdown_send); }

HttpResponse RawClient::receive_large(std::size_t limit) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(limit);
    http::read(socket_, buffer_, parser);
    return parser.release();
}

HttpResponse RawClient::receive_head() {
    http::response_parser<http::string_body> parser;
    parser.skip(true);
    http::read(socket_, buffer_, parser);
    return parser.release();
}

bool RawClient::closed_by_server() {
    std::array<char, 1> byte{};
    error_code error;
    const std::size_t size = socket_.read_some(net::buffer(byte), error);
    return buffer_.size() == 0 && size == 0 && error == net::error::eof;
}

std::string head(std::string_view line, Headers headers) {
    std::string text{line};
    text += " HTTP/1.1\r\nHost: test\r\n";
    for (const auto& [name, value] : headers) {
        text.append(name).append(": ").append(value).append("\r\n");
    }
    return text + "\r\n";
}

std::string message(std::string_view line, std::string_view body, Headers headers) {
    std::string text = head(line, headers);
    text.resize(text.size() - 2);
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
    return text;
}

}  // namespace test
