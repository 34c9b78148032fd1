// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_RANDOM_HEX_HPP
#define GATEWAY_BASE_RANDOM_HEX_HPP

#include <cstddef>
#include <string>

namespace gateway {

/// So many random hexadecimal digits, in lower case, for what has to be told apart. They can be guessed: where that
/// matters, see make_uuid(). Throws std::runtime_error if the system has no entropy at the first call of a thread.
/// Thread-safe.
[[nodiscard]] std::string random_hex(std::size_t digits);

}  // namespace gateway

#endif  // GATEWAY_BASE_RANDOM_HEX_HPP
