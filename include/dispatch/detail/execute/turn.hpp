// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_EXECUTE_TURN_HPP
#define DISPATCH_DETAIL_EXECUTE_TURN_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// How long steps take, as turns tell one another: the longest of late. Thread-safe.
class StepLength {
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

/// A thread's turn: it ends after 200 us and the step at hand. A step is whatever takes its time, a job for example.
/// Where the thread has come to the end of a batch of steps, many steps are enough, too (is_full).
///
/// A look at the clock takes as long as a short job does. So there is one after as many steps as fit into what is left
/// of the turn, as far as the length of earlier steps tells: after each one where they are long, after
/// most_steps_unseen where they are short. Where they become long all of a sudden, the turn is late by those at the
/// most.
template <typename Clock>
class Turn {
  public:
    static constexpr std::chrono::microseconds longest{200};
    static constexpr std::size_t most_steps = 512;
    static constexpr std::size_t most_steps_unseen = 32;

    explicit Turn(StepLength& learnt) noexcept
        : learnt_{learnt}, step_length_{learnt.get()}, last_look_{Clock::now()}, end_{last_look_ + longest} {
        plan_look();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { learnt_.set(step_length_); }

    /// So many steps were done. How many more may be done before the next call; 0: the turn is over.
    std::size_t spend(std::size_t steps) noexcept {
        unseen_ += steps;
        return unseen_ < until_look_ ? until_look_ - unseen_ : look();
    }

    /// The turn is over, whatever it has had.
    void end() noexcept {
        end_ = last_look_;
        until_look_ = 0;
    }

    /// Whether it has had its steps, however short they were.
    bool is_full() const noexcept { return steps_ + unseen_ >= most_steps; }

    /// How often the clock was looked at, and when last.
    std::size_t looks() const noexcept { return looks_; }
    typename Clock::time_point last_look() const noexcept { return last_look_; }

  private:
    [[gnu::noinline]] std::size_t look() noexcept {
        const auto now = Clock::now();
        if (unseen_ != 0) {
            const auto mean = std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_look_) /
                              static_cast<std::int64_t>(unseen_);
            step_length_ = std::max(mean, step_length_ / 2);
        }
        steps_ += unseen_;
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
        const std::int64_t steps = left / (step_length_ + std::chrono::nanoseconds{1});  // libc++ has long long there
        until_look_ =
            static_cast<std::size_t>(std::clamp(steps, std::int64_t{1}, static_cast<std::int64_t>(most_steps_unseen)));
    }

    StepLength& learnt_;
    std::chrono::nanoseconds step_length_;
    typename Clock::time_point last_look_;
    typename Clock::time_point end_;
    std::size_t looks_ = 1;
    /// Up to the last look.
    std::size_t steps_ = 0;
    /// Since then.
    std::size_t unseen_ = 0;
    std::size_t until_look_ = 0;
};

/// A worker's part of its thread's turns: so many jobs, then others of the executor come, too. The thread's turn is
/// asked after as many jobs as it has granted: where it is over, the worker's is. One thread at a time.
///
/// spend is Turn::spend() of the thread that the worker has.
class JobBudget {
  public:
    static constexpr std::size_t jobs_per_turn = 64;

    /// The worker has a thread anew.
    template <typename Spend>
    void begin(Spend&& spend) noexcept {
        left_ = jobs_per_turn;
        grant(spend(std::size_t{0}));
    }

    /// One job more was run, or begun. False when the worker has had its thread for long enough; where it cannot let go
    /// of it, it may run one more.
    template <typename Spend>
    [[gnu::always_inline]] inline bool spend_one(Spend&& spend) noexcept {
        return --unspent_ != 0 || renew(spend);
    }

    /// Accounts to the thread's turn for the jobs that were run. Returns how many more that has.
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

    /// Of the worker's turn, up to the last time that the thread's was asked.
    std::size_t left_ = jobs_per_turn;
    /// Of them, those that the thread's turn has granted, and those that are left of these.
    std::size_t granted_ = 1;
    std::size_t unspent_ = 1;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_EXECUTE_TURN_HPP
