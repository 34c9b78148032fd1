// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_RUN_LANE_SCHEDULER_HPP
#define DISPATCH_DETAIL_RUN_LANE_SCHEDULER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <dispatch/detail/base/config.hpp>
#include <dispatch/detail/base/intrusive_list.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// What the scheduler knows of a lane.
struct ScheduledLane : ListHook {
    /// One of the worker's max_concurrency permits: a lane that has one runs jobs, or is the idle one.
    bool has_permit = false;
    /// It runs jobs, one after the other: is in a handler, or suspended there.
    bool running = false;
    /// It was parked, and there are too many of those.
    bool surplus = false;
};

/// Which of a worker's lanes takes the next permit, which one parks, and which ends; and when there has to be one more.
/// A state machine that knows nothing of coroutines: it is told what has happened, and answers with what is to be done.
/// One thread at a time: the worker's strand. Nothing here fails.
///
/// A worker that has jobs runs lanes until all permits are in use or there are no jobs. A lane that has found no more
/// jobs parks and keeps its permit, if no other does (the idle lane): the next job finds it ready, and a worker that
/// has one job at a time never touches another lane. The rest park without. Where there is a permit, and no lane is
/// parked, the scheduler asks for one more, once, and lends that permit to whoever adds it.
///
/// As many lanes may be parked as are running, and never too few for the next wave of jobs; when a burst has passed
/// those that are left over end, two for each that has nothing to do.
///
/// L is derived from ScheduledLane.
template <typename L>
class LaneScheduler {
  public:
    /// So many lanes may be parked, however few are running: what a worker has in progress at most, unless its options
    /// say otherwise, so that jobs that come in waves find their lanes.
    static constexpr std::size_t spare_lanes = 256;

    explicit LaneScheduler(std::size_t permits) noexcept : free_permits_{permits} {}

    // What a worker asks that may have jobs.

    enum class Next : std::uint8_t {
        nothing,  ///< all permits are in use: who has one looks for jobs when it ends its own. Or a lane is on its way.
        resume,   ///< lane: it has a permit, and takes jobs
        add,      ///< a lane is needed: permit_returned() once it can be added, or cannot
    };
    struct Step {
        Next next;
        L* lane;
    };

    Step next() noexcept {
        if (idle_lane_ != nullptr) {
            return {Next::resume, std::exchange(idle_lane_, nullptr)};
        }
        if (free_permits_ == 0) {
            return {Next::nothing, nullptr};
        }
        if (L* const lane = parked_.pop_front()) {
            --parked_lanes_;
            --free_permits_;
            lane->has_permit = true;
            return {Next::resume, lane};
        }
        if (permit_is_lent_ || winding_down_) {
            return {Next::nothing, nullptr};
        }
        --free_permits_;
        permit_is_lent_ = true;
        return {Next::add, nullptr};
    }

    /// The permit that was lent for a lane to be added is free again. Where add_is_due(), and there are jobs, that is
    /// the moment for it; then next() resumes it.
    void permit_returned() noexcept {
        permit_is_lent_ = false;
        ++free_permits_;
    }

    /// Whether no lane is there to be resumed.
    bool add_is_due() const noexcept { return idle_lane_ == nullptr && parked_.empty(); }

    // What lanes tell.

    /// lane, which has a permit, begins to run jobs.
    void begin(L& lane) noexcept {
        lane.running = true;
        ++running_lanes_;
    }

    /// It has found no more, or yields. True when no lane is running any more.
    bool end(L& lane) noexcept {
        lane.running = false;
        return --running_lanes_ == 0;
    }

    struct Rest {
        bool parks;  ///< until it is resumed; otherwise its coroutine ends
        L* surplus;  ///< to be resumed, as it ends, too; or null
    };

    /// lane, which is not running, has nothing to do.
    Rest rest(L& lane) noexcept {
        if (lane.has_permit && idle_lane_ == nullptr && !winding_down_) {
            idle_lane_ = &lane;
            return {true, nullptr};
        }
        give_permit_back(lane);
        if (winding_down_ || lane.surplus) {
            return {false, nullptr};
        }
        const std::size_t most_parked = std::max(spare_lanes, running_lanes_);
        if (parked_lanes_ < most_parked) {
            parked_.push_front(lane);
            ++parked_lanes_;
            return {true, nullptr};
        }
        return {false, parked_lanes_ > most_parked ? take_surplus() : nullptr};
    }

    /// lane has gone while it was running. True when no lane is running any more.
    bool lost(L& lane) noexcept {
        give_permit_back(lane);
        return end(lane);
    }

    // The end of a worker.

    /// From now on lanes exit as soon as they have nothing to do.
    void wind_down() noexcept { winding_down_ = true; }
    bool winding_down() const noexcept { return winding_down_; }

    /// The next lane that is parked, and is to be resumed so that it exits; null when there is none.
    L* take_parked() noexcept {
        if (idle_lane_ != nullptr) {
            L* const lane = std::exchange(idle_lane_, nullptr);
            give_permit_back(*lane);
            return lane;
        }
        L* const lane = parked_.pop_front();
        if (lane != nullptr) {
            --parked_lanes_;
        }
        return lane;
    }

    std::size_t running_lanes() const noexcept { return running_lanes_; }
    std::size_t free_permits() const noexcept { return free_permits_; }

    /// Resumes lanes as long as there are jobs for them. Host does what this asks for:
    ///   resume(lane)    runs it, here and now, until it suspends
    ///   add_lane()      has permit_returned() called later
    ///   try_sleep()     true when there are no jobs: the worker is asleep
    ///   try_yield()     true when the worker has had its thread for long enough, and will be called again
    template <typename Host>
    void run(Host& host) {
        for (;;) {
            const Step step = next();
            if (step.next != Next::resume) {
                if (step.next == Next::add) {
                    host.add_lane();
                }
                return;
            }
            host.resume(*step.lane);
            // One that runs no more has seen the worker fall asleep, or yields.
            if (!step.lane->running || host.try_sleep() || host.try_yield()) {
                return;
            }
        }
    }

  private:
    L* take_surplus() noexcept {
        --parked_lanes_;
        L* const lane = parked_.pop_back();
        lane->surplus = true;
        return lane;
    }

    void give_permit_back(L& lane) noexcept {
        if (std::exchange(lane.has_permit, false)) {
            ++free_permits_;
        }
    }

    std::size_t free_permits_;
    /// Whoever adds a lane has one.
    bool permit_is_lent_ = false;
    bool winding_down_ = false;
    std::size_t running_lanes_ = 0;
    /// Lanes that have nothing to do: one that has kept its permit, the rest without, the latest first.
    L* idle_lane_ = nullptr;
    IntrusiveList<L> parked_;
    std::size_t parked_lanes_ = 0;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_RUN_LANE_SCHEDULER_HPP
