// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_TESTS_FUZZ_BYTES_HPP
#define DISPATCH_TESTS_FUZZ_BYTES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fuzz {

/// A fuzzer's input, taken bit by bit; zeros when it is at its end.
class Bytes {
  public:
    Bytes(const std::uint8_t* data, std::size_t size) noexcept : data_{data}, left_{size} {}

    bool empty() const noexcept { return left_ == 0; }

    /// Two bytes: no choice has more than some hundred possibilities.
    std::uint64_t next() noexcept {
        const std::uint64_t low = byte();
        return low | std::uint64_t{byte()} << 8;
    }

    std::uint8_t byte() noexcept {
        if (left_ == 0) {
            return 0;
        }
        --left_;
        return *data_++;
    }

    /// Up to so many.
    std::string_view text(std::size_t size) noexcept {
        size = std::min(size, left_);
        const std::string_view text{reinterpret_cast<const char*>(data_), size};
        data_ += size;
        left_ -= size;
        return text;
    }

  private:
    const std::uint8_t* data_;
    std::size_t left_;
};

}  // namespace fuzz

#endif  // DISPATCH_TESTS_FUZZ_BYTES_HPP
