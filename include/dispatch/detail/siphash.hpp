// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_SIPHASH_HPP
#define DISPATCH_DETAIL_SIPHASH_HPP

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>

#include <dispatch/detail/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A secret that makes hashes unpredictable to whoever chooses the hashed text.
struct HashKey {
    std::uint64_t k0;
    std::uint64_t k1;
};

/// A fresh key. The clock is mixed in, for a std::random_device that always says the same.
inline HashKey random_hash_key() {
    std::random_device device;
    const auto draw = [&] { return (std::uint64_t{device()} << 32) ^ device(); };
    const auto now = static_cast<std::uint64_t>(std::chrono::high_resolution_clock::now().time_since_epoch().count());
    return {draw() ^ now, draw() ^ (now * 0x9e3779b97f4a7c15ULL)};
}

/// SipHash-1-3: a keyed hash that stands up to chosen texts (Aumasson and Bernstein, "SipHash: a fast
/// short-input PRF", 2012, with one round a word and three at the end, as several language runtimes use
/// it for their tables).
inline std::uint64_t siphash13(const HashKey& key, std::string_view text) noexcept {
    std::uint64_t v0 = key.k0 ^ 0x736f6d6570736575ULL;
    std::uint64_t v1 = key.k1 ^ 0x646f72616e646f6dULL;
    std::uint64_t v2 = key.k0 ^ 0x6c7967656e657261ULL;
    std::uint64_t v3 = key.k1 ^ 0x7465646279746573ULL;
    const auto round = [&] {
        v0 += v1;
        v2 += v3;
        v1 = std::rotl(v1, 13) ^ v0;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 = std::rotl(v0, 32);
        v2 += v1;
        v0 += v3;
        v1 = std::rotl(v1, 17) ^ v2;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 = std::rotl(v2, 32);
    };
    const auto absorb = [&](std::uint64_t word) {
        v3 ^= word;
        round();
        v0 ^= word;
    };
    const auto little_endian = [](std::uint64_t word) {
        if constexpr (std::endian::native == std::endian::big) {
            std::uint64_t swapped = 0;
            for (int byte = 0; byte != 8; ++byte, word >>= 8) {
                swapped = (swapped << 8) | (word & 0xff);
            }
            return swapped;
        } else {
            return word;
        }
    };
    const char* bytes = text.data();
    std::size_t left = text.size();
    for (; left >= 8; left -= 8, bytes += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes, 8);
        absorb(little_endian(word));
    }
    std::uint64_t last = 0;
    if (left != 0) {
        std::memcpy(&last, bytes, left);
    }
    absorb(little_endian(last) | (std::uint64_t{text.size()} << 56));
    v2 ^= 0xff;
    round();
    round();
    round();
    return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_SIPHASH_HPP
