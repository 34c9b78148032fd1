// SPDX-License-Identifier: Apache-2.0
#include <gateway/jobs/uuid.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <sys/random.h>
#include <system_error>

#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

namespace gateway {

namespace {

/// The system's random bytes, of which it is asked for many at a time: an id is what keeps a job private, so no
/// generator of the process's own will do.
class RandomBytes {
  public:
    /// Throws std::system_error.
    std::array<std::uint8_t, 16> take() {
        if (left_ == 0) {
            fill();
        }
        return bytes_[--left_];
    }

  private:
    void fill() {
        static_assert(sizeof(bytes_) <= 256, "so many the system gives whole, or none");
        while (::getrandom(bytes_.data(), sizeof(bytes_), 0) != static_cast<ssize_t>(sizeof(bytes_))) {
            if (errno != EINTR) {
                throw std::system_error{errno, std::generic_category(), "no random bytes"};
            }
        }
        left_ = bytes_.size();
    }

    std::array<std::array<std::uint8_t, 16>, 16> bytes_{};
    std::size_t left_ = 0;
};

}  // namespace

std::string make_uuid() {
    thread_local RandomBytes random;
    const std::array<std::uint8_t, 16> bytes = random.take();
    boost::uuids::uuid id{};
    std::ranges::copy(bytes, id.begin());
    id.data[6] = static_cast<std::uint8_t>((id.data[6] & 0x0fU) | 0x40U);  // version 4
    id.data[8] = static_cast<std::uint8_t>((id.data[8] & 0x3fU) | 0x80U);  // the variant of RFC 4122
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
