// SPDX-License-Identifier: Apache-2.0
#include <gateway/http/request_id.hpp>

#include <algorithm>

#include <gateway/base/random_hex.hpp>

namespace gateway {

namespace {

bool is_request_id(std::string_view text) {
    constexpr std::string_view marks = "-._~:/+=@";
    const auto fits = [=](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               marks.find(c) != std::string_view::npos;
    };
    return !text.empty() && text.size() <= longest_request_id && std::ranges::all_of(text, fits);
}

}  // namespace

std::string request_id(const HttpRequest& head) {
    const beast::string_view field{request_id_field.data(), request_id_field.size()};
    const std::string_view given = view(head[field]);
    return head.count(field) == 1 && is_request_id(given) ? std::string{given} : random_hex(32);
}

}  // namespace gateway
