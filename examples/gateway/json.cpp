// SPDX-License-Identifier: Apache-2.0
#include "json.hpp"

#include <cstddef>

namespace gateway {

Json parse_json(std::string_view text) {
    const auto shallow = [](int depth, Json::parse_event_t event, Json&) {
        using Event = Json::parse_event_t;
        // At a start, depth is the number of levels around it.
        if ((event == Event::array_start || event == Event::object_start) && depth >= max_json_depth) {
            throw JsonError{"it is nested more than " + std::to_string(max_json_depth) + " levels deep"};
        }
        return true;
    };
    try {
        return Json::parse(text, shallow);
    } catch (const Json::exception& error) {
        // The parser quotes what it read last, which may be as long as the text.
        constexpr std::size_t longest = 240;
        std::string why = error.what();
        if (why.size() > longest) {
            why.replace(longest, std::string::npos, "...");
        }
        throw JsonError{why};
    }
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace gateway
