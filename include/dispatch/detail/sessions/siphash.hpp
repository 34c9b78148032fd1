// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_SESSIONS_SIPHASH_HPP
#define DISPATCH_DETAIL_SESSIONS_SIPHASH_HPP

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>

#include <dispatch/detail/base/config.hpp>

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

/// The key of a map that is timed by Clock. Specialized where what has
/// happened is to be repeated: for simulation::Clock.
template <typename Clock>
struct HashKeySource {
    static HashKey draw() { return random_hash_key(); }
};

template <typename Word>
Word load_little_endian(const char* bytes) noexcept {
    Word word = 0;
    if constexpr (std::endian::native == std::endian::big) {
        for (std::size_t at = sizeof(Word); at-- != 0;) {
            word = static_cast<Word>((word << 8) | static_cast<unsigned char>(bytes[at]));
        }
    } else {
        std::memcpy(&word, bytes, sizeof(Word));
    }
    return word;
}

/// SipHash-1-3: a keyed hash that stands up to chosen texts (Aumasson and Bernstein, "SipHash: a fast
/// short-input PRF", 2012, with one round a word and three at the end, as several language runtimes use
/// it for their tables).
inline std::uint64_t siphash13(const HashKey& key, std::string_view text) noexcept {
    std::uint64_t v0 = key.k0 ^ 0x736f6d6570736575ULL;
    std::uint64_t v1 = key.k1 ^ 0x646f72616e646f6dULL;
    std::uint64_t v2 = key.k0 ^ 0x6c7967656e657261ULL;
    std::uint64_t v3 = key.k1 ^ 0x7465646279746573ULL;
    // Inline, or the four words go through memory each time.
    const auto round = [&]() __attribute__((always_inline)) {
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
    const auto absorb = [&](std::uint64_t word) __attribute__((always_inline)) {
        v3 ^= word;
        round();
        v0 ^= word;
    };
    const char* const bytes = text.data();
    const std::size_t size = text.size();
    const std::size_t left = size % 8;
    for (std::size_t at = 0; at != size - left; at += 8) {
        absorb(load_little_endian<std::uint64_t>(bytes + at));
    }
    // The bytes left over, by loads of fixed sizes, which may overlap: a memcpy of left bytes is a call.
    std::uint64_t last = 0;
    if (left != 0) {
        const char* const rest = bytes + (size - left);
        if (size >= 8) {
            last = load_little_endian<std::uint64_t>(rest + left - 8) >> (64 - 8 * left);
        } else if (left >= 4) {
            last = load_little_endian<std::uint32_t>(rest) |
                   (std::uint64_t{load_little_endian<std::uint32_t>(rest + left - 4)} << (8 * (left - 4)));
        } else {
            const auto byte = [&](std::size_t at) {
                return std::uint64_t{static_cast<unsigned char>(rest[at])} << (8 * at);
            };
            last = byte(0) | byte(left / 2) | byte(left - 1);
        }
    }
    absorb(last | (std::uint64_t{size} << 56));
    v2 ^= 0xff;
    round();
    round();
    round();
    return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_SESSIONS_SIPHASH_HPP
