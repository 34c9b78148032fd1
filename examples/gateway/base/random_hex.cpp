// SPDX-License-Identifier: Apache-2.0
#include <gateway/base/random_hex.hpp>

#include <array>
#include <cstdint>
#include <random>
#include <string_view>

namespace gateway {

namespace {

/// With so much entropy that no two threads, of whatever gateways, begin alike.
std::mt19937_64 seeded() {
    std::array<std::random_device::result_type, 8> entropy{};
    std::random_device device;
    for (auto& word : entropy) {
        word = device();
    }
    std::seed_seq seed(entropy.begin(), entropy.end());
    return std::mt19937_64{seed};
}

}  // namespace

std::string random_hex(std::size_t digits) {
    constexpr std::string_view alphabet = "0123456789abcdef";
    constexpr std::size_t digits_in_word = 16;
    thread_local std::mt19937_64 random = seeded();
    std::string text(digits, '0');
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        word = i % digits_in_word == 0 ? random() : word >> 4U;
        text[i] = alphabet[word & 0xFU];
    }
    return text;
}

}  // namespace gateway
