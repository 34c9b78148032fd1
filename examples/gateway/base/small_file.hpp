// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_SMALL_FILE_HPP
#define GATEWAY_BASE_SMALL_FILE_HPP

#include <cstddef>
#include <string>

namespace gateway {

/// What read_small_file reads at most, in bytes: tokens and keys are far smaller.
inline constexpr std::size_t longest_small_file = 64 * 1024;

/// What stands in a file. Throws std::runtime_error, which names the file and says why it cannot be read,
/// and quotes nothing of it.
[[nodiscard]] std::string read_small_file(const std::string& path);

}  // namespace gateway

#endif  // GATEWAY_BASE_SMALL_FILE_HPP
