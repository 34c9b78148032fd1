// SPDX-License-Identifier: Apache-2.0
#include <gateway/conversation/upstream_form.hpp>

#include <algorithm>

#include <gateway/base/quote.hpp>
#include <gateway/conversation/bad_request.hpp>
#include <gateway/conversation/find_member.hpp>

namespace gateway {

namespace {

bool is_nothing(const Json& value) { return value.is_null() || (value.is_array() && value.empty()); }

}  // namespace

void UpstreamForm::refuse(const std::string& what, std::string_view instead) const {
    throw Unsupported{std::string{who_} + " cannot be given " + what + ": " + std::string{instead}};
}

void UpstreamForm::only(const Json& object, std::span<const std::string_view> names, const std::string& where,
                        std::string_view instead) const {
    for (const auto& member : object.items()) {
        const std::string& key = member.key();
        const auto is_key = [&key](std::string_view name) { return key == name || is_snake_case_of(key, name); };
        if (!is_nothing(member.value()) && std::ranges::none_of(names, is_key)) {
            refuse(quote(where + key), instead);
        }
    }
}

}  // namespace gateway
