// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_BASE_SHA256_HPP
#define GATEWAY_BASE_SHA256_HPP

#include <array>
#include <string>
#include <string_view>

namespace gateway {

using Sha256 = std::array<unsigned char, 32>;

/// The digest of text. Throws std::runtime_error, if OpenSSL cannot.
[[nodiscard]] Sha256 sha256(std::string_view text);

/// A digest in lower-case hexadecimal digits.
[[nodiscard]] std::string hex(const Sha256& digest);

}  // namespace gateway

#endif  // GATEWAY_BASE_SHA256_HPP
