// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_JOBS_STORE_HEALTH_HPP
#define GATEWAY_JOBS_STORE_HEALTH_HPP

#include <atomic>
#include <chrono>
#include <cstdint>

#include <gateway/base/net.hpp>

namespace gateway {

/// Whether a store can write, as its last writes tell.
enum class StoreHealth : std::uint8_t {
    well,
    failing,  ///< the last ones failed: a full disk, a failed write, a file that is gone
    stalled,  ///< they take too long: a disk that does not answer
};

/// Draws that from what a thread's writes come to. begin() and end() are called on that thread, health() on any.
class WriteWatch {
  public:
    /// patience: how long a write may take.
    explicit WriteWatch(Clock::duration patience) : patience_{patience} {}

    void begin() { since_ = Clock::now(); }

    void end(bool well) {
        failing_ = !well;
        since_ = none;
    }

    [[nodiscard]] StoreHealth health() const {
        const Clock::time_point since = since_;
        return since != none && Clock::now() - since > patience_ ? StoreHealth::stalled
               : failing_                                        ? StoreHealth::failing
                                                                 : StoreHealth::well;
    }

  private:
    static constexpr Clock::time_point none = Clock::time_point::max();

    const Clock::duration patience_;
    std::atomic<Clock::time_point> since_{none};
    std::atomic<bool> failing_{false};
};

}  // namespace gateway

#endif  // GATEWAY_JOBS_STORE_HEALTH_HPP
