// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_EXECUTE_TIME_SLICE_HPP
#define DISPATCH_DETAIL_EXECUTE_TIME_SLICE_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// How long tasks take, as time slices tell one another: the longest of late. Thread-safe.
class TaskDuration {
  public:
    std::chrono::nanoseconds get() const noexcept {
        return std::chrono::nanoseconds{nanoseconds_.load(std::memory_order_relaxed)};
    }

    void set(std::chrono::nanoseconds length) noexcept {
        if (const std::int64_t wanted = length.count(); nanoseconds_.load(std::memory_order_relaxed) != wanted) {
            nanoseconds_.store(wanted, std::memory_order_relaxed);
        }
    }

  private:
    /// As long as nothing is known of them, each may be long.
    std::atomic<std::int64_t> nanoseconds_{1'000'000'000};
};

/// What a thread may do before it goes back to its executor: 200 us and the task at hand. A task is whatever takes its
/// time, a job for example. Where the thread has come to the end of a batch of tasks, many tasks are enough, too
/// (is_full).
///
/// Reading the clock takes as long as a short job does. So it is read after as many tasks as fit into what is left of
/// the slice, as far as the length of earlier tasks tells: after each one where they are long, after most_tasks_unseen
/// where they are short. Where they suddenly become long, the slice is late by those at most.
template <typename Clock>
class TimeSlice {
  public:
    static constexpr std::chrono::microseconds longest{200};
    static constexpr std::size_t most_tasks = 512;
    static constexpr std::size_t most_tasks_unseen = 32;

    explicit TimeSlice(TaskDuration& learnt) noexcept
        : learnt_{learnt}, task_duration_{learnt.get()}, last_look_{Clock::now()}, end_{last_look_ + longest} {
        plan_look();
    }
    TimeSlice(const TimeSlice&) = delete;
    TimeSlice& operator=(const TimeSlice&) = delete;
    ~TimeSlice() { learnt_.set(task_duration_); }

    /// Accounts for tasks that were done. Returns how many more may be done before the next call; 0: the slice is over.
    std::size_t spend(std::size_t tasks) noexcept {
        unseen_ += tasks;
        return unseen_ < until_look_ ? until_look_ - unseen_ : look();
    }

    /// Ends the slice, whatever it has had.
    void end() noexcept {
        end_ = last_look_;
        until_look_ = 0;
    }

    /// Whether it has had its tasks, however short they were.
    bool is_full() const noexcept { return tasks_ + unseen_ >= most_tasks; }

    /// How often the clock was looked at, and when last.
    std::size_t looks() const noexcept { return looks_; }
    typename Clock::time_point last_look() const noexcept { return last_look_; }

  private:
    [[gnu::noinline]] std::size_t look() noexcept {
        const auto now = Clock::now();
        if (unseen_ != 0) {
            const auto mean = std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_look_) /
                              static_cast<std::int64_t>(unseen_);
            task_duration_ = std::max(mean, task_duration_ / 2);
        }
        tasks_ += unseen_;
        unseen_ = 0;
        ++looks_;
        last_look_ = now;
        if (now >= end_) {
            until_look_ = 0;
            return 0;
        }
        plan_look();
        return until_look_;
    }

    void plan_look() noexcept {
        const std::chrono::nanoseconds left = end_ - last_look_;
        const std::int64_t tasks = left / (task_duration_ + std::chrono::nanoseconds{1});  // libc++ has long long there
        until_look_ =
            static_cast<std::size_t>(std::clamp(tasks, std::int64_t{1}, static_cast<std::int64_t>(most_tasks_unseen)));
    }

    TaskDuration& learnt_;
    std::chrono::nanoseconds task_duration_;
    typename Clock::time_point last_look_;
    typename Clock::time_point end_;
    std::size_t looks_ = 1;
    /// Up to the last look.
    std::size_t tasks_ = 0;
    /// Since then.
    std::size_t unseen_ = 0;
    std::size_t until_look_ = 0;
};

/// A worker's part of its thread's time slice: so many jobs, then others of the executor come, too. It asks the slice
/// after as many jobs as that has granted: where the slice is over, the worker's part is. One thread at a time.
///
/// spend is TimeSlice::spend() of the thread that the worker has.
class JobBudget {
  public:
    static constexpr std::size_t jobs_per_time_slice = 64;

    /// The worker has a thread anew.
    template <typename Spend>
    void begin(Spend&& spend) noexcept {
        left_ = jobs_per_time_slice;
        grant(spend(std::size_t{0}));
    }

    /// One job more was run, or begun. False when the worker has had its thread for long enough; where it cannot let go
    /// of it, it may run one more.
    template <typename Spend>
    [[gnu::always_inline]] inline bool spend_one(Spend&& spend) noexcept {
        return --unspent_ != 0 || renew(spend);
    }

    /// Accounts to the time slice for the jobs that were run. Returns how many more that has.
    template <typename Spend>
    std::size_t settle(Spend&& spend) noexcept {
        const std::size_t done = granted_ - unspent_;
        left_ -= std::min(left_, done);
        granted_ = unspent_;
        return spend(done);
    }

  private:
    template <typename Spend>
    [[gnu::noinline]] bool renew(Spend& spend) noexcept {
        const std::size_t more = settle(spend);
        grant(more);
        return more != 0 && left_ != 0;
    }

    void grant(std::size_t jobs) noexcept { granted_ = unspent_ = std::max(std::min(jobs, left_), std::size_t{1}); }

    /// Of jobs_per_time_slice, up to the last time that the slice was asked.
    std::size_t left_ = jobs_per_time_slice;
    /// Of them, those that the slice has granted, and those that are left of these.
    std::size_t granted_ = 1;
    std::size_t unspent_ = 1;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_EXECUTE_TIME_SLICE_HPP
