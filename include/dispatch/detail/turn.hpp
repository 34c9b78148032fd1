// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_TURN_HPP
#define DISPATCH_DETAIL_TURN_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <dispatch/detail/config.hpp>

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
        const auto steps = left / (step_length_ + std::chrono::nanoseconds{1});
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

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_TURN_HPP
