// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_QUEUE_ALARM_PLAN_HPP
#define DISPATCH_DETAIL_QUEUE_ALARM_PLAN_HPP

#include <cstdint>
#include <optional>
#include <utility>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// For what time a worker's alarm is set, and when it is. A state machine that knows no timer: it is told what has
/// happened, and answers with what is to be done. Guarded by the inbox's lock.
///
/// To set a timer, and to call it off, costs more than most jobs do. So neither is done for each job, but by a look a
/// moment later, behind what the worker's threads are about to do: a job that has ended by then has cost no timer. And
/// a timer that is set stays when its job has ended: for jobs with later deadlines it is early enough.
///
/// Whenever the inbox's lock is free:
///   1. If something is due at a time, the alarm is set for that time or an earlier one, or is ringing, or a look is on
///      its way. So nothing is noticed late: a look needs what an alarm needs, a free thread of the context.
///   2. If nothing is due, the alarm is not set, or a look is on its way. So a worker that waits for nothing does not
///      keep its context busy. (It is the second look in a row that calls the alarm off: the response to the last job
///      may bring the next one.)
///   3. At most one look is on its way.
template <typename TimePoint>
class AlarmPlan {
  public:
    /// Whether something that is due at time, and that has just come, needs a look.
    bool needs_look(TimePoint time) const noexcept { return !looks_ && !is_early_enough(time); }
    /// Whether a look is needed now that nothing is due any more.
    bool needs_look() const noexcept { return !looks_ && is_set_; }

    /// A look is on its way.
    void look_is_called() noexcept { looks_ = true; }

    enum class Step : std::uint8_t {
        nothing,
        set,         ///< the alarm, for the time that was told
        clear,       ///< the alarm
        look_again,  ///< a look is on its way once more
    };

    /// The look. earliest: when something is due first.
    Step look(const std::optional<TimePoint>& earliest) noexcept {
        if (!earliest && is_set_ && !std::exchange(found_nothing_, true)) {
            return Step::look_again;
        }
        looks_ = false;
        found_nothing_ = false;
        return earliest && is_early_enough(*earliest) ? Step::nothing : settle(earliest);
    }

    /// The alarm has rung, and what was due has been seen to, or nothing is waited for any more. earliest: when the
    /// rest is due first.
    Step settle(const std::optional<TimePoint>& earliest) noexcept {
        if (!earliest) {
            return std::exchange(is_set_, false) ? Step::clear : Step::nothing;
        }
        is_set_ = true;
        set_for_ = *earliest;
        return Step::set;
    }

  private:
    bool is_early_enough(TimePoint time) const noexcept { return is_set_ && !(time < set_for_); }

    bool is_set_ = false;
    bool looks_ = false;
    /// The last look has found nothing due.
    bool found_nothing_ = false;
    TimePoint set_for_{};
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_QUEUE_ALARM_PLAN_HPP
