// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_TARGET_HPP
#define GATEWAY_HTTP_TARGET_HPP

#include <cstddef>
#include <string_view>

namespace gateway {

/// A request's target in two: the path, and what follows the question mark.
struct Target {
    std::string_view path;
    std::string_view query;  ///< may hold secrets: not for the log
};

inline Target split_target(std::string_view target) {
    const std::size_t mark = target.find('?');
    return {target.substr(0, mark), mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1)};
}

}  // namespace gateway

#endif  // GATEWAY_HTTP_TARGET_HPP
