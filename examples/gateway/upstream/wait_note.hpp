// SPDX-License-Identifier: Apache-2.0
#ifndef GATEWAY_UPSTREAM_WAIT_NOTE_HPP
#define GATEWAY_UPSTREAM_WAIT_NOTE_HPP

#include <atomic>
#include <optional>

#include <gateway/base/net.hpp>

namespace gateway {

/// What a generation waits for, for who has to say why it was not done in time. Thread-safe.
class WaitNote {
  public:
    /// It waits because the upstream wants fewer requests, until then at least.
    void limited_until(Clock::time_point time) { limited_until_ = time.time_since_epoch().count(); }
    void not_limited() { limited_until_ = none; }

    /// Nothing: it does not wait for that.
    [[nodiscard]] std::optional<Clock::time_point> limited() const {
        const Clock::rep time = limited_until_;
        return time == none ? std::nullopt : std::optional{Clock::time_point{Clock::duration{time}}};
    }

  private:
    static constexpr Clock::rep none = 0;
    std::atomic<Clock::rep> limited_until_{none};
};

}  // namespace gateway

#endif  // GATEWAY_UPSTREAM_WAIT_NOTE_HPP
