// SPDX-License-Identifier: Apache-2.0
#ifndef DISPATCH_DETAIL_BASE_MUTEX_HPP
#define DISPATCH_DETAIL_BASE_MUTEX_HPP

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include <dispatch/detail/base/config.hpp>

namespace dispatch::inline DISPATCH_ABI::detail {

/// Tells the processor that this thread waits for another.
inline void pause_processor() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ __volatile__("yield");
#endif
}

/// A lock for sections of a few instructions: taken and released in one atomic operation each, inline,
/// where std::mutex takes some thirty instructions (a job passes four such sections). Waiters sleep.
/// The three states are those of Drepper, "Futexes Are Tricky" (2011); they are parked on a condition
/// variable, shared with others, as there is no portable futex that is right in every C++20 library.
class Mutex {
  public:
    Mutex() = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    [[gnu::always_inline]] inline void lock() noexcept {
        State expected = State::free;
        if (!state_.compare_exchange_strong(expected, State::held, std::memory_order_acquire,
                                            std::memory_order_relaxed)) [[unlikely]] {
            lock_contended();
        }
    }

    [[gnu::always_inline]] inline void unlock() noexcept {
        if (state_.exchange(State::free, std::memory_order_release) == State::awaited) [[unlikely]] {
            wake(this);
        }
    }

  private:
    enum class State : std::uint32_t {
        free,
        held,
        awaited,  ///< held, and somebody may be asleep: whoever unlocks wakes the sleepers
    };

    struct alignas(cache_line) Parking {
        std::mutex mutex;
        std::condition_variable woken;
    };

    /// Some microseconds: sections are short, but their cache lines may be far away.
    static constexpr int spins = 256;

    [[gnu::noinline]] void lock_contended() noexcept {
        for (int spin = 0; spin != spins; ++spin) {
            pause_processor();
            State expected = State::free;
            if (state_.load(std::memory_order_relaxed) == State::free &&
                state_.compare_exchange_weak(expected, State::held, std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
                return;
            }
        }
        // Whoever unlocks after the exchange sees awaited and has to take the parking mutex to wake us,
        // which it gets when we sleep: the wake-up cannot be missed.
        Parking& parking = parking_of(this);
        std::unique_lock asleep{parking.mutex};
        while (state_.exchange(State::awaited, std::memory_order_acquire) != State::free) {
            parking.woken.wait(asleep);
        }
    }

    /// Does not touch the Mutex, which may be gone by now.
    [[gnu::noinline]] static void wake(const Mutex* mutex) noexcept {
        Parking& parking = parking_of(mutex);
        {
            const std::lock_guard lock{parking.mutex};
        }
        parking.woken.notify_all();
    }

    static Parking& parking_of(const Mutex* mutex) noexcept {
        static NeverDestroyed<std::array<Parking, 16>> parkings;
        return parkings.value[reinterpret_cast<std::uintptr_t>(mutex) / cache_line % parkings.value.size()];
    }

    std::atomic<State> state_{State::free};
};

/// std::lock_guard<Mutex>, whose destructor GCC calls instead of inlining it, for what each job passes.
class MutexLock {
  public:
    [[gnu::always_inline]] explicit inline MutexLock(Mutex& mutex) noexcept : mutex_{mutex} { mutex_.lock(); }
    MutexLock(const MutexLock&) = delete;
    MutexLock& operator=(const MutexLock&) = delete;
    [[gnu::always_inline]] inline ~MutexLock() { mutex_.unlock(); }

  private:
    Mutex& mutex_;
};

}  // namespace dispatch::inline DISPATCH_ABI::detail

#endif  // DISPATCH_DETAIL_BASE_MUTEX_HPP
