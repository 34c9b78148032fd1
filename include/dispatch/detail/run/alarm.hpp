// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_ALARM_HPP
#define DISPATCH_DETAIL_RUN_ALARM_HPP

#include <optional>

#include <dispatch/detail/asio/asio.hpp>
#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/retry_on_bad_alloc.hpp>
#include <dispatch/time_source.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// A worker's timer, which rings at one time at most. Its timer is made when it is first needed: a context that has a
/// timer waits for it in the operating system. Not thread-safe: guarded by the inbox's lock. (AlarmPlan says when to
/// set it.)
template <typename Executor>
class Alarm {
  public:
    /// Makes the timer, if there is none yet. Throws what that throws.
    void prepare(const Executor& executor) {
        if (!timer_) {
            timer_.emplace(executor);
        }
    }

    /// Has ring() called at that time, on the timer's executor, and not at the time for which it was set before. ring
    /// is copied, and does not throw.
    template <typename TimePoint, typename Ring>
    void set(TimePoint time, const Ring& ring) noexcept {
        timer_->expires_at(time);
        // expires_at() has called off the wait that there was: there must be another one.
        retry_on_bad_alloc([&] {
            timer_->async_wait([ring](const net_error& error) {
                if (!error) {
                    ring();
                }
            });
        });
    }

    /// It does not ring, unless it is about to.
    void clear() noexcept {
        if (timer_) {
            timer_->cancel();
        }
    }

    /// The context goes.
    void context_shutdown() noexcept { timer_.reset(); }

  private:
    std::optional<typename TimeSource<Executor>::Timer> timer_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_ALARM_HPP
