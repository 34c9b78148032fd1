// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/uuid.hpp>

#include <algorithm>

#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>

namespace gateway {

std::string make_uuid() {
    // Each bit is the system's: an id is what keeps a job private, so no generator of the process's own will do.
    thread_local boost::uuids::random_generator_pure random;
    return boost::uuids::to_string(random());
}

bool is_uuid(std::string_view text) {
    // What may stand where: x is any digit, v one of those of RFC 4122's variant.
    constexpr std::string_view form = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
    constexpr std::string_view digits = "0123456789abcdef";
    constexpr std::string_view variant = "89ab";
    return std::equal(text.begin(), text.end(), form.begin(), form.end(), [&](char given, char expected) {
        switch (expected) {
            case 'x':
                return digits.find(given) != std::string_view::npos;
            case 'v':
                return variant.find(given) != std::string_view::npos;
            default:
                return given == expected;
        }
    });
}

}  // namespace gateway
