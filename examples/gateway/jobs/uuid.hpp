// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_UUID_HPP
#define GATEWAY_JOBS_UUID_HPP

#include <string>
#include <string_view>

namespace gateway {

/// A random UUID (version 4) from the system's entropy: who does not know it cannot guess it. Throws std::runtime_error
/// if the system has none. Thread-safe.
[[nodiscard]] std::string make_uuid();

/// text is a UUID as make_uuid() writes it: version 4, lower case, with its hyphens.
[[nodiscard]] bool is_uuid(std::string_view text);

}  // namespace gateway

#endif  // GATEWAY_JOBS_UUID_HPP
