// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/quote.hpp>

#include <cstddef>

#include <gateway/base/json.hpp>
#include <gateway/base/utf8.hpp>

namespace gateway {

std::string quote(std::string_view text) {
    constexpr std::size_t longest = 100;
    std::string start{utf8_start(text, longest)};
    start += start.size() < text.size() ? "..." : "";
    return Json(start).dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace gateway
