// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_HTTP_PROGRESS_HPP
#define GATEWAY_HTTP_PROGRESS_HPP

#include <cstdint>

namespace gateway {

/// Tells a transfer that is slow from one that stands still: in each period it has to move so many bytes. A limit on
/// the whole would cut a large message on a slow line, however steadily it flows.
class Progress {
  public:
    /// before: bytes that had moved when the first period began.
    explicit Progress(std::uint64_t least, std::uint64_t before = 0) : least_{least}, before_{before} {}

    /// A period is over; moved: bytes since the transfer began. Whether enough of them moved in this period.
    [[nodiscard]] bool end_period(std::uint64_t moved) { return end_period(moved, least_); }

    /// The same, where so many are enough.
    [[nodiscard]] bool end_period(std::uint64_t moved, std::uint64_t least) {
        const bool enough = moved - before_ >= least;
        before_ = moved;
        return enough;
    }

  private:
    std::uint64_t least_;
    std::uint64_t before_;
};

}  // namespace gateway

#endif  // GATEWAY_HTTP_PROGRESS_HPP
