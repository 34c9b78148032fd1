// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/uuid.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <system_error>
#include <unistd.h>

#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

namespace gateway {

namespace {

/// The system's entropy, of which it is asked for as much at a time as it gives at once: each call is one of the
/// system's.
class Entropy {
  public:
    /// Bytes that nobody else has had.
    void take(std::span<std::uint8_t> bytes) {
        if (left_ < bytes.size()) {
            if (::getentropy(pool_.data(), pool_.size()) != 0) {
                throw std::system_error{errno, std::generic_category(), "the system gives no random bytes"};
            }
            left_ = pool_.size();
        }
        left_ -= bytes.size();
        const auto taken = std::span{pool_}.subspan(left_, bytes.size());
        std::ranges::copy(taken, bytes.begin());
        std::ranges::fill(taken, std::uint8_t{0});
    }

  private:
    std::array<std::uint8_t, 256> pool_{};  // the most that getentropy() gives
    std::size_t left_ = 0;
};

}  // namespace

std::string make_uuid() {
    // Each bit is the system's: an id is what keeps a job private, so no generator of the process's own will do.
    thread_local Entropy entropy;
    boost::uuids::uuid id;
    entropy.take(id.data);
    id.data[6] = static_cast<std::uint8_t>((id.data[6] & 0x0FU) | 0x40U);  // version 4
    id.data[8] = static_cast<std::uint8_t>((id.data[8] & 0x3FU) | 0x80U);  // RFC 4122's variant
    return boost::uuids::to_string(id);
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
